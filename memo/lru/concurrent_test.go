package lru_test

import (
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

func TestNeverAboveCapWhileSetsRun(t *testing.T) {
	t.Parallel()
	for _, size := range []int{3, 100, 3000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			t.Parallel()
			c := lru.New(size)
			var writers, watcher sync.WaitGroup
			var stop atomic.Bool
			watcher.Go(func() {
				for !stop.Load() {
					if n := c.Len(); n > size {
						t.Errorf("Len = %d, Cap = %d", n, size)
						return
					}
					runtime.Gosched()
				}
			})
			for w := range 4 {
				writers.Go(func() {
					for i := range 2000 {
						set(c, strconv.Itoa(w)+":"+strconv.Itoa(i), nil)
					}
				})
			}
			writers.Wait()
			stop.Store(true)
			watcher.Wait()
			if c.Len() != size {
				t.Errorf("Len = %d after 8000 Sets, want %d", c.Len(), size)
			}
		})
	}
}

// TestOnEvictHearsOfEachEntryOnce lets fn use the Cache, too.
func TestOnEvictHearsOfEachEntryOnce(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 50, 1500} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			t.Parallel()
			const writers, each = 4, 1000
			c := lru.New(size)
			var out sync.Map // entry -> key
			c.OnEvict(func(key string, e *tier.Entry) {
				if _, again := out.LoadOrStore(e, key); again {
					t.Errorf("%s left twice", key)
				}
				if c.Peek(key) == e || c.Len() > size {
					t.Errorf("%s left and is still here", key)
				}
			})
			var sets [writers][each]*tier.Entry
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					for i := range each {
						sets[w][i] = set(c, strconv.Itoa(w*each+i), i)
					}
				})
			}
			wg.Wait()
			here := 0
			for w := range writers {
				for i, e := range sets[w] {
					key := strconv.Itoa(w*each + i)
					left, gone := out.Load(e)
					if gone && left != key {
						t.Errorf("%s left under the key %s", key, left)
					}
					if gone == (c.Peek(key) == e) {
						t.Errorf("%s: left is %v, found is %v", key, gone, !gone)
					}
					if !gone {
						here++
					}
				}
			}
			if here != size {
				t.Errorf("%d entries never left, want %d", here, size)
			}
		})
	}
}

// A register is the history of one key as its only writer tells it: change
// number n begins and is done. Each third change deletes, the others set n.
type register struct {
	key         string
	begun, done atomic.Int64
}

func deletes(n int64) bool { return n%3 == 0 }

func (r *register) change(c *lru.Cache) {
	n := r.begun.Add(1)
	if deletes(n) {
		c.Delete(r.key)
	} else {
		set(c, r.key, n)
	}
	r.done.Store(n)
}

// check reads and fails if no instant of the read explains the answer. A Cache
// without room for all may have forgotten.
func (r *register) check(t *testing.T, get func(string) *tier.Entry, room bool) {
	first := r.done.Load()
	e := get(r.key)
	last := r.begun.Load()
	if e != nil {
		if n := e.Value.(int64); deletes(n) || n < first || n > last {
			t.Errorf("read of %s between its changes %d and %d found change %d", r.key, first, last, n)
		}
		return
	}
	for n := first; n <= last; n++ {
		if deletes(n) || !room {
			return
		}
	}
	t.Errorf("%s was there between its changes %d and %d and was not found", r.key, first, last)
}

func TestReadersSeeEveryChangeInOrder(t *testing.T) {
	t.Parallel()
	const keys, writers = 90, 3
	for _, size := range []int{5, 40, 5000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			t.Parallel()
			c := lru.New(size)
			registers := make([]*register, keys)
			for i := range registers {
				registers[i] = &register{key: strconv.Itoa(i)}
			}
			var changing, reading sync.WaitGroup
			var stop atomic.Bool
			for _, get := range []func(string) *tier.Entry{c.Get, c.Peek} {
				reading.Go(func() {
					for !stop.Load() {
						registers[rand.IntN(keys)].check(t, get, size > keys)
						runtime.Gosched()
					}
				})
			}
			for w := range writers {
				changing.Go(func() {
					for range 2000 {
						registers[rand.IntN(keys/writers)*writers+w].change(c)
					}
				})
			}
			changing.Wait()
			stop.Store(true)
			reading.Wait()
			same(t, c, keys)
		})
	}
}

// TestGetAfterClearFindsNothing clears while others read: what a Clear that has
// returned removed is nowhere.
func TestGetAfterClearFindsNothing(t *testing.T) {
	t.Parallel()
	for _, size := range []int{40, 5000} {
		c := lru.New(size)
		var cleared atomic.Int64 // the last round whose entries are all gone
		var stop atomic.Bool
		var reader sync.WaitGroup
		reader.Go(func() {
			for !stop.Load() {
				floor := cleared.Load()
				for i := range 40 {
					if e := c.Get(strconv.Itoa(i)); e != nil && e.Value.(int64) <= floor {
						t.Errorf("found an entry of round %d after the Clear of round %d", e.Value, floor)
					}
				}
			}
		})
		for round := int64(1); round <= 50; round++ {
			for i := range 40 {
				set(c, strconv.Itoa(i), round)
			}
			c.Clear()
			cleared.Store(round)
		}
		stop.Store(true)
		reader.Wait()
	}
}

// TestIndexAndPolicyAgree runs everything against everything, and then counts.
func TestIndexAndPolicyAgree(t *testing.T) {
	t.Parallel()
	const keys = 200
	for _, size := range []int{7, 100, 5000} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			t.Parallel()
			c := lru.New(size)
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for range 2000 {
						key := strconv.Itoa(rand.IntN(keys))
						switch n := rand.IntN(1000); {
						case n < 2:
							c.Clear()
						case n < 400:
							c.Get(key)
						case n < 800:
							set(c, key, nil)
						default:
							c.Delete(key)
						}
					}
				})
			}
			wg.Wait()
			same(t, c, keys)
		})
	}
}

// same counts what is found and what is listed to leave.
func same(t *testing.T, c *lru.Cache, keys int) {
	t.Helper()
	found := 0
	for i := range keys {
		if c.Peek(strconv.Itoa(i)) != nil {
			found++
		}
	}
	if err := lru.Check(c); err != nil {
		t.Error(err)
	}
	if found != c.Len() {
		t.Errorf("%d keys are found, Len = %d", found, c.Len())
	}
}
