package scope

// calls are the running Calls of a Scope, by table and key. As a rule there is one, or
// two: a list, threaded through the Calls themselves, holds them without an
// allocation. A batch can have thousands, so past eight there is a map too.
type calls struct {
	head  *Call
	n     int
	byKey map[place]*Call // nil, or every Call of the list
}

// place is where a Call keeps what it ends with.
type place struct {
	table *Table
	key   string
}

// fewCalls is how many are looked through one by one.
const fewCalls = 8

func (cs *calls) find(t *Table, key string) *Call {
	if cs.byKey != nil {
		return cs.byKey[place{t, key}]
	}
	for c := cs.head; c != nil; c = c.next {
		if c.table == t && c.key == key {
			return c
		}
	}
	return nil
}

func (cs *calls) add(c *Call) {
	c.next = cs.head
	if c.next != nil {
		c.next.prev = c
	}
	cs.head = c
	cs.n++
	switch {
	case cs.byKey != nil:
		cs.byKey[place{c.table, c.key}] = c
	case cs.n > fewCalls:
		cs.byKey = make(map[place]*Call, 2*cs.n)
		for c := range cs.all {
			cs.byKey[place{c.table, c.key}] = c
		}
	}
}

func (cs *calls) remove(c *Call) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		cs.head = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
	delete(cs.byKey, place{c.table, c.key})
	if cs.n--; cs.n == 0 {
		cs.byKey = nil
	}
}

// all yields the Calls; the one it is at may be removed.
func (cs *calls) all(yield func(*Call) bool) {
	for c := cs.head; c != nil; {
		next := c.next
		if !yield(c) {
			return
		}
		c = next
	}
}
