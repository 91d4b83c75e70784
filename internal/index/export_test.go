package index

import "fmt"

// Len is the number of Items.
func (m *Map[V]) Len() int { return m.live }

// Check looks for broken rules in the structure of m.
func (m *Map[V]) Check() error {
	t := m.table.Load()
	if t == nil {
		if m.live != 0 || m.used != 0 {
			return fmt.Errorf("no table, but live is %d and used %d", m.live, m.used)
		}
		return nil
	}
	live, used := 0, 0
	for i := range t.slots {
		it, next := t.slots[i].Load(), t.slot(uint32(i)+1).Load()
		switch {
		case it == nil:
			continue
		case it == &t.gone && next == nil:
			return fmt.Errorf("slot %d says gone where it could be nil", i)
		case it != &t.gone:
			live++
			if m.Get(it.Hash, it.Key) != it {
				return fmt.Errorf("slot %d holds %q, and Get does not find it", i, it.Key)
			}
		}
		used++
	}
	if live != m.live || used != m.used || 2*used > len(t.slots) {
		return fmt.Errorf("%d slots, live %d and used %d; counted %d and %d", len(t.slots), m.live, m.used, live, used)
	}
	return nil
}
