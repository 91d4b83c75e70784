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

// TestReadersSeeEveryChangeInOrder has one writer at work (and, with it,
// rebuilds that grow and shrink) while readers ask for keys that never move, keys that
// come and go, and a key that is always there but replaced again and again.
func TestReadersSeeEveryChangeInOrder(t *testing.T) {
	t.Parallel()
	for name, bits := range map[string]uint32{"spread": 0xffff_ffff, "crowded": 0x0000_0183} {
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
			replaced := newItem(1, "replaced", 1)
			m.Put(replaced)

			var (
				stop    atomic.Bool
				readers sync.WaitGroup
			)
			for range 3 {
				readers.Go(func() {
					for !stop.Load() {
						registers[rand.IntN(len(registers))].check(t, &m)
						stable[rand.IntN(len(stable))].check(t, &m)
						if m.Get(1, "replaced") == nil {
							t.Error("a replaced key was away for a moment")
						}
					}
				})
			}
			rnd := rand.New(rand.NewPCG(1, 1))
			for step := range 30_000 {
				window := churn[:10+90*(step/1500%2)] // many keys, then few: grow, then shrink
				window[rnd.IntN(len(window))].change(&m)
				if step%8 == 0 {
					m.Put(newItem(1, "replaced", step))
				}
			}
			stop.Store(true)
			readers.Wait()
			if err := m.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRebuildHidesNothing grows one Map after the other while readers ask for
// the keys that were there first.
func TestRebuildHidesNothing(t *testing.T) {
	t.Parallel()
	const stable, keys, rounds = 64, 3000, 20
	hash := func(i int) uint32 { return uint32(i) * 0x9e37_79b1 }
	var (
		now     atomic.Pointer[index.Map[int]]
		stop    atomic.Bool
		readers sync.WaitGroup
	)
	fresh := func() *index.Map[int] {
		var m index.Map[int]
		for i := range stable {
			m.Put(newItem(hash(i), strconv.Itoa(i), i))
		}
		now.Store(&m)
		return &m
	}
	fresh()
	for range 2 {
		readers.Go(func() {
			for !stop.Load() {
				m := now.Load()
				for i := range stable {
					if m.Get(hash(i), strconv.Itoa(i)) == nil {
						t.Errorf("key %d was away for a moment", i)
					}
				}
			}
		})
	}
	for range rounds {
		m := fresh()
		for i := stable; i < keys; i++ {
			m.Put(newItem(hash(i), strconv.Itoa(i), i))
		}
	}
	stop.Store(true)
	readers.Wait()
}

// TestGetAfterClearFindsNothing clears while a reader looks: what a Clear that
// has returned removed is nowhere.
func TestGetAfterClearFindsNothing(t *testing.T) {
	t.Parallel()
	var (
		m       index.Map[int]
		cleared atomic.Int64 // the last round whose Items are all gone
		stop    atomic.Bool
		reader  sync.WaitGroup
	)
	reader.Go(func() {
		for !stop.Load() {
			floor := cleared.Load()
			for i := range 30 {
				if it := m.Get(uint32(i), strconv.Itoa(i)); it != nil && int64(it.Value) <= floor {
					t.Errorf("found %d after %d and all before it were cleared", it.Value, floor)
				}
			}
		}
	})
	for round := 1; round <= 500; round++ {
		for i := range 30 {
			m.Put(newItem(uint32(i), strconv.Itoa(i), round))
		}
		m.Clear()
		cleared.Store(int64(round))
	}
	stop.Store(true)
	reader.Wait()
}
