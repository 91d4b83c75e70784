package index_test

import (
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tiermemo/tiermemo/internal/index"
)

// A register is the history of one key as its writer tells it: change number n
// begins and is done. Odd changes put n, even ones delete.
type register struct {
	hash        uint32
	key         string
	begun, done atomic.Int64
}

// check reads and says whether some instant of the read explains the answer.
func (r *register) check(t *testing.T, m *index.Map[int]) {
	first := r.done.Load() // a change that was done when the read began, and all it undid, is settled
	it := m.Get(r.hash, r.key)
	last := r.begun.Load()
	if it == nil {
		if first == last && first%2 == 1 {
			t.Errorf("%q was there during the whole read and was not found", r.key)
		}
		return
	}
	if n := int64(it.Value); it.Key != r.key || n%2 == 0 || n < first || n > last {
		t.Errorf("read of %q between changes %d and %d found %q, change %d", r.key, first, last, it.Key, n)
	}
}

func (r *register) change(m *index.Map[int]) {
	n := r.begun.Add(1)
	if n%2 == 1 {
		m.Put(newItem(r.hash, r.key, int(n)))
	} else {
		m.Delete(r.hash, r.key)
	}
	r.done.Store(n)
}

// meanwhile runs read on two goroutines and change on this one, side by side,
// until each reader has run reads times and change changes times: on a busy
// machine one side alone could be through before the other gets a processor.
func meanwhile(reads int, read func(), changes int, change func(step int)) {
	var (
		readers sync.WaitGroup
		changed atomic.Bool
		reading atomic.Int32
	)
	for range 2 {
		reading.Add(1)
		readers.Go(func() {
			defer reading.Add(-1)
			for i := 0; i < reads || !changed.Load(); i++ {
				read()
			}
		})
	}
	for step := 1; step <= changes || reading.Load() > 0; step++ {
		change(step)
		changed.Store(step >= changes)
	}
	readers.Wait()
}

// TestReadersSeeEveryChangeInOrder has one writer at work (and, with it,
// rebuilds that grow and shrink) while readers ask for keys that never move and
// for keys that come and go.
func TestReadersSeeEveryChangeInOrder(t *testing.T) {
	t.Parallel()
	for name, bits := range map[string]uint32{"spread": 0xffff_ffff, "crowded": 0x0000_0007} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := maphash.MakeSeed()
			registers := make([]*register, 120)
			for i := range registers {
				key := strconv.Itoa(i)
				registers[i] = &register{key: key, hash: uint32(maphash.String(seed, key)) & bits}
			}
			stable, churn := registers[:20], registers[20:]
			var m index.Map[int]
			for _, r := range stable {
				r.change(&m)
			}
			rnd := rand.New(rand.NewPCG(1, 1))
			meanwhile(3_000, func() {
				registers[rand.IntN(len(registers))].check(t, &m)
				stable[rand.IntN(len(stable))].check(t, &m)
			}, 3_000, func(step int) {
				window := churn[:10+90*(step/500%2)] // many keys, then few: grow, then shrink
				window[rnd.IntN(len(window))].change(&m)
			})
			if err := m.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAReplacedKeyIsNeverAway(t *testing.T) {
	t.Parallel()
	var m index.Map[int]
	one, other := newItem(1, "k", 1), newItem(1, "k", 2)
	m.Put(one)
	meanwhile(20_000, func() {
		for range 10 {
			if m.Get(1, "k") == nil {
				t.Error("a replaced key was away for a moment")
			}
		}
	}, 150_000, func(int) {
		m.Put(other)
		m.Put(one)
	})
}

// TestRebuildHidesNothing grows one Map after the other while readers ask for
// the keys that were there first.
func TestRebuildHidesNothing(t *testing.T) {
	t.Parallel()
	const stable = 64
	items := make([]*item, 3000) // made before, so that most of the time goes into rebuilds
	for i := range items {
		items[i] = newItem(uint32(i)*0x9e37_79b1, strconv.Itoa(i), i)
	}
	var now atomic.Pointer[index.Map[int]]
	grow := func(int) {
		var m index.Map[int]
		for i, it := range items {
			if i == stable {
				now.Store(&m)
			}
			m.Put(it)
		}
	}
	grow(0)
	meanwhile(200, func() {
		m := now.Load()
		for _, it := range items[:stable] {
			if m.Get(it.Hash, it.Key) == nil {
				t.Errorf("key %s was away for a moment", it.Key)
			}
		}
	}, 10, grow)
}

// TestGetAfterClearFindsNothing clears while readers look: what a Clear that
// has returned removed is nowhere.
func TestGetAfterClearFindsNothing(t *testing.T) {
	t.Parallel()
	var (
		m       index.Map[int]
		cleared atomic.Int64 // the last round whose Items are all gone
	)
	meanwhile(200, func() {
		floor := cleared.Load()
		for i := range 30 {
			if it := m.Get(uint32(i), strconv.Itoa(i)); it != nil && int64(it.Value) <= floor {
				t.Errorf("found %d after %d and all before it were cleared", it.Value, floor)
			}
		}
	}, 200, func(step int) {
		for i := range 30 {
			m.Put(newItem(uint32(i), strconv.Itoa(i), step))
		}
		m.Clear()
		cleared.Store(int64(step))
	})
}
