package lru_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// order_test.go is who leaves.

// model is the policy as one would write it down: three lists, newest last.
type model struct {
	size              int
	small, main, gone []string
	used              map[string]bool
	values            map[string]any
}

func (m *model) get(key string) any {
	if _, here := m.values[key]; here {
		m.used[key] = true
	}
	return m.values[key]
}

func (m *model) set(key string, value any) (out string) {
	if _, here := m.values[key]; here {
		m.values[key], m.used[key] = value, true
		return ""
	}
	if len(m.values) == m.size {
		out = m.leave()
	}
	m.values[key], m.used[key] = value, false
	if i := slices.Index(m.gone, key); i >= 0 {
		m.gone = slices.Delete(m.gone, i, i+1)
		m.main = append(m.main, key)
	} else {
		m.small = append(m.small, key)
	}
	return out
}

func (m *model) leave() string {
	trial := max(1, m.size/10)
	for {
		from := &m.small
		if len(m.small) < trial && len(m.main) > 0 {
			from = &m.main
		}
		key := (*from)[0]
		*from = (*from)[1:]
		if m.used[key] {
			m.used[key] = false
			m.main = append(m.main, key)
			continue
		}
		if from == &m.small && m.size > trial {
			m.gone = append(m.gone, key)
			m.gone = m.gone[max(0, len(m.gone)-(m.size-trial)):]
		}
		delete(m.values, key)
		return key
	}
}

func (m *model) remove(key string) {
	delete(m.values, key)
	for _, l := range []*[]string{&m.small, &m.main} {
		*l = slices.DeleteFunc(*l, func(k string) bool { return k == key })
	}
}

// TestWhoLeavesIsAsInTheModel compares every answer, and who leaves when. Of a Cache so small
// the ghost is one row, and its order exact.
func TestWhoLeavesIsAsInTheModel(t *testing.T) {
	t.Parallel()
	for size := 1; size <= 17; size++ {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(uint64(size), 1))
			out := ""
			c, m := lru.New(size), &model{size: size, used: map[string]bool{}, values: map[string]any{}}
			c.OnEvict(func(key string, e *tier.Entry) { out += fmt.Sprint(key, "=", e.Value, " ") })
			value := func(e *tier.Entry) any {
				if e == nil {
					return nil
				}
				return e.Value
			}
			for step := range 5000 {
				key, want := strconv.Itoa(rnd.IntN(3*size+2)), ""
				switch n := rnd.IntN(1000); {
				case n < 450:
					if got, want := value(c.Get(key)), m.get(key); got != want {
						t.Fatalf("step %d: Get(%s) = %v, want %v", step, key, got, want)
					}
				case n < 550:
					if got := value(c.Peek(key)); got != m.values[key] {
						t.Fatalf("step %d: Peek(%s) = %v, want %v", step, key, got, m.values[key])
					}
				case n < 940:
					before := fmt.Sprint(m.values)
					values := map[string]any{}
					for k, v := range m.values {
						values[k] = v
					}
					if left := m.set(key, step); left != "" {
						want = fmt.Sprint(left, "=", values[left], " ")
					}
					set(c, key, step)
					if out != want {
						t.Fatalf("step %d: of %s left %q, want %q", step, before, out, want)
					}
					out = ""
				case n < 998:
					m.remove(key)
					c.Delete(key)
				default:
					*m = model{size: size, used: map[string]bool{}, values: map[string]any{}}
					c.Clear()
				}
				if c.Len() != len(m.values) {
					t.Fatalf("step %d: Len = %d, want %d", step, c.Len(), len(m.values))
				}
				if err := lru.Check(c); err != nil {
					t.Fatalf("step %d: %v", step, err)
				}
			}
		})
	}
}

// TestOneSetLooksAtFew: where all were used, the one that comes does not visit all.
func TestOneSetLooksAtFew(t *testing.T) {
	t.Parallel()
	const size = 900
	c := lru.New(size)
	for i := range size {
		set(c, strconv.Itoa(i), nil)
	}
	for i := range size {
		c.Get(strconv.Itoa(i))
	}
	noted := func() (n int) {
		for i := range size {
			if e := c.Peek(strconv.Itoa(i)); e != nil && e.Local&1 != 0 {
				n++
			}
		}
		return n
	}
	before := noted()
	set(c, "one more", nil)
	if after := noted(); before != size || before-after > 100 || before == after {
		t.Errorf("%d of %d were noted as used, and then %d", before, size, after)
	}
}

// TestAnEntryInTwoLocals: both write into it where it lies.
func TestAnEntryInTwoLocals(t *testing.T) {
	t.Parallel()
	one, other := lru.New(20), lru.New(20)
	for i := range 10 {
		set(other, "other "+strconv.Itoa(i), nil)
	}
	both := make([]*tier.Entry, 10)
	for i := range both {
		both[i] = set(one, strconv.Itoa(i), i)
		other.Set(both[i].Key, both[i])
	}
	one.Delete("3")
	set(one, "4", "new")
	for i := range 100 {
		set(one, "more "+strconv.Itoa(i), nil)
		if err := lru.Check(one); err != nil {
			t.Fatal(err)
		}
	}
	for i, e := range both {
		if other.Peek(e.Key) != e {
			t.Errorf("what happened in the one Local took %d from the other", i)
		}
	}
	one.Clear()
	one.Set("5", both[5])
	other.Delete("5")
	if err := lru.Check(other); err != nil || other.Peek("5") != nil || one.Peek("5") != both[5] {
		t.Errorf("%v; 5 is %v there, and %v here", err, other.Peek("5"), one.Peek("5"))
	}
}

func TestSetUnderAnotherKey(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("an entry went under a key that is not its own, and would not be found there")
		}
	}()
	lru.New(1).Set("a", &tier.Entry{Key: "b"})
}

// TestAGhostForgetsTheOldest: what left last is known, and what left long before is not.
func TestAGhostForgetsTheOldest(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 15, 16, 1000} {
		g, rnd := lru.NewGhost(size), rand.New(rand.NewPCG(1, uint64(size)))
		hashes := make([]uint64, 4*size+4)
		for i := range hashes {
			hashes[i] = rnd.Uint64() | 1
			g.Add(hashes[i])
		}
		newest, oldest := 0, 0
		for i := range size / 2 {
			if g.Take(hashes[len(hashes)-1-i]) {
				newest++
			}
			if g.Take(hashes[i]) {
				oldest++
			}
		}
		if newest < size/2*9/10 || oldest > size/100 {
			t.Errorf("size %d: of the half that left last it knows %d, and of the first ones %d", size, newest, oldest)
		}
		if last := hashes[len(hashes)-1]; size > 1 && g.Take(last) {
			t.Errorf("size %d: it was taken, and is known still", size)
		}
	}
}
