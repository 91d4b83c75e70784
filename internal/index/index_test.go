package index_test

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/index"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type item = index.Item[int]

func newItem(hash uint32, key string, v int) *item {
	return &item{Key: key, Hash: hash, Value: v}
}

// hashes are ways to hash key number i, most of them bad on purpose. The home of
// a key is the low bits of its hash.
var hashes = map[string]func(i int) uint32{
	"random":          func(i int) uint32 { return rand.New(rand.NewPCG(uint64(i), 1)).Uint32() },
	"all the same":    func(int) uint32 { return 0 }, // and that of the slots that say gone
	"same home":       func(i int) uint32 { return uint32(i) << 16 },
	"few homes":       func(i int) uint32 { return uint32(i % 3) }, // their ways overlap
	"homes in a row":  func(i int) uint32 { return uint32(i) },
	"the last homes":  func(i int) uint32 { return 0xffff_fffe | uint32(i)&1 }, // the way goes round the end of the table, and of uint32
	"same home apart": func(i int) uint32 { return uint32(i)<<16 | uint32(i)&1<<3 },
}

func TestMapBehavesLikeAGoMap(t *testing.T) {
	t.Parallel()
	for name, hash := range hashes {
		for _, keys := range []int{3, 40, 200} {
			t.Run(fmt.Sprintf("%s/%d keys", name, keys), func(t *testing.T) {
				t.Parallel()
				compare(t, keys, hash)
			})
		}
	}
}

// compare runs 5 000 random verbs, in phases that mostly fill and phases that
// mostly empty, and looks at the whole Map now and then.
func compare(t *testing.T, keys int, hash func(int) uint32) {
	rnd := rand.New(rand.NewPCG(uint64(keys), 7))
	var m index.Map[int]
	model := map[string]*item{}
	for step := range 5_000 {
		i := rnd.IntN(keys)
		h, key := hash(i), strconv.Itoa(i)
		if i == 0 {
			h, key = 0, "" // the zero Item
		}
		fill := step/(4*keys)%2 == 0
		switch n := rnd.IntN(1000); {
		case n < 1:
			m.Clear()
			clear(model)
		case n < 300:
			if got, want := m.Get(h, key), model[key]; got != want {
				t.Fatalf("step %d: Get(%q) = %v, want %v", step, key, got, want)
			}
		case n < 400 || (n < 900) == fill:
			it := newItem(h, key, step)
			if got, want := m.Put(it), model[key]; got != want {
				t.Fatalf("step %d: Put(%q) = %v, want %v", step, key, got, want)
			}
			model[key] = it
		default:
			if got, want := m.Delete(h, key), model[key]; got != want {
				t.Fatalf("step %d: Delete(%q) = %v, want %v", step, key, got, want)
			}
			delete(model, key)
		}
		if m.Len() != len(model) {
			t.Fatalf("step %d: Len = %d, want %d", step, m.Len(), len(model))
		}
		if step%97 == 0 {
			same(t, &m, model)
		}
	}
	same(t, &m, model)
}

// same compares what Range shows, and what Get finds, with model.
func same(t *testing.T, m *index.Map[int], model map[string]*item) {
	t.Helper()
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for it := range m.Range {
		seen++
		if model[it.Key] != it {
			t.Fatalf("Range shows %v, want %v", it, model[it.Key])
		}
	}
	if seen != len(model) {
		t.Fatalf("Range shows %d Items, want %d", seen, len(model))
	}
	for key, want := range model {
		if got := m.Get(want.Hash, key); got != want {
			t.Fatalf("Get(%q) = %v, want %v", key, got, want)
		}
	}
}

func TestZeroMapIsEmpty(t *testing.T) {
	t.Parallel()
	var m index.Map[int]
	if m.Get(1, "a") != nil || m.Delete(1, "a") != nil || m.Len() != 0 {
		t.Error("the zero Map holds something")
	}
	for it := range m.Range {
		t.Errorf("Range shows %v", it)
	}
	m.Clear()
	m.Put(newItem(1, "a", 1))
	m.Clear()
	if err := m.Check(); err != nil {
		t.Error(err)
	}
}

func TestRangeStopsWhenToldTo(t *testing.T) {
	t.Parallel()
	var m index.Map[int]
	for i := range 10 {
		m.Put(newItem(uint32(i), strconv.Itoa(i), i))
	}
	seen := 0
	for range m.Range {
		if seen++; seen == 3 {
			break
		}
	}
	if seen != 3 {
		t.Errorf("saw %d Items after break at 3", seen)
	}
}

// TestChurnMakesNoGarbage puts and deletes for ever at one size, as a cache at
// capacity does: after a while there must be no new tables.
func TestChurnMakesNoGarbage(t *testing.T) {
	const size, rounds = 1000, 20_000
	seed := maphash.MakeSeed()
	items := make([]*item, 4*size)
	for i := range items {
		key := strconv.Itoa(i)
		items[i] = newItem(uint32(maphash.String(seed, key)), key, i)
	}
	var m index.Map[int]
	churn := func() {
		for i := range rounds {
			m.Put(items[(size+i)%len(items)])
			m.Delete(items[i%len(items)].Hash, items[i%len(items)].Key)
		}
	}
	for _, it := range items[:size] {
		m.Put(it)
	}
	churn()
	before := allocated()
	churn()
	if each := float64(allocated()-before) / rounds; each > 1 {
		t.Errorf("%.1f bytes of garbage for each key that comes and goes", each)
	}
	if m.Len() != size {
		t.Errorf("Len = %d, want %d", m.Len(), size)
	}
	if err := m.Check(); err != nil {
		t.Error(err)
	}
}

func allocated() uint64 {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.TotalAlloc
}

func TestGetAllocatesNothing(t *testing.T) {
	seed := maphash.MakeSeed()
	hash := func(key string) uint32 { return uint32(maphash.String(seed, key)) }
	var m index.Map[int]
	for i := range 100 {
		key := "user:" + strconv.Itoa(i)
		m.Put(newItem(hash(key), key, i))
	}
	ids := []string{"17", "23", "absent"}
	n := 0
	allocs := testing.AllocsPerRun(1000, func() {
		key := "user:" + ids[n%len(ids)] // on the stack, unless Get keeps it
		n++
		if it := m.Get(hash(key), key); (it == nil) != (ids[(n-1)%len(ids)] == "absent") {
			t.Error("wrong answer for " + key[:5])
		}
	})
	if allocs != 0 {
		t.Errorf("Get allocates %v times", allocs)
	}
}
