package tiertest_test

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// hammer_test.go runs the methods of one Node from many goroutines: what each
// of them was told must fit one order of writes.

const workers, rounds = 8, 300

// hammer runs f in each worker and waits.
func hammer(f func(worker int)) {
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { f(w) })
	}
	wg.Wait()
}

func TestIncrGivesEachNumberOnce(t *testing.T) {
	t.Parallel()
	n := memory()
	add(t, n, "k", "0", time.Minute)
	var given [workers*rounds + 1]atomic.Int32
	hammer(func(int) {
		for range rounds {
			sum, err := n.Incr(t.Context(), "k", 1)
			if err != nil || sum >= uint64(len(given)) {
				t.Errorf("Incr: %d, %v", sum, err)
				return
			}
			given[sum].Add(1)
		}
	})
	for sum := 1; sum < len(given); sum++ {
		if times := given[sum].Load(); times != 1 {
			t.Errorf("%d was given %d times", sum, times)
		}
	}
}

func TestOneAddWins(t *testing.T) {
	t.Parallel()
	n := memory()
	var won [rounds]atomic.Int32
	hammer(func(worker int) {
		for i := range won {
			switch err := n.Add(t.Context(), fmt.Sprint("k", i), nil, time.Minute); err {
			case nil:
				won[i].Add(1)
			case tier.ErrExists:
			default:
				t.Errorf("Add: %v", err)
			}
		}
	})
	for i := range won {
		if winners := won[i].Load(); winners != 1 {
			t.Errorf("k%d was added by %d", i, winners)
		}
	}
}

func TestNoCompareAndSwapIsLost(t *testing.T) {
	t.Parallel()
	n := memory()
	add(t, n, "k", "0", time.Minute)
	hammer(func(int) {
		for done := 0; done < rounds; {
			item := get(t, n, "k")
			was, _ := strconv.Atoi(string(item.Value))
			switch err := n.CompareAndSwap(t.Context(), "k", item.CAS, strconv.AppendInt(nil, int64(was)+1, 10), time.Minute); err {
			case nil:
				done++
			case tier.ErrConflict:
			default:
				t.Errorf("CompareAndSwap: %v", err)
				return
			}
		}
	})
	if got := get(t, n, "k"); string(got.Value) != strconv.Itoa(workers*rounds) {
		t.Errorf("%d swaps counted to %s", workers*rounds, got.Value)
	}
}

func TestOneCompareAndDeleteWins(t *testing.T) {
	t.Parallel()
	n := memory()
	var cas, won [rounds]atomic.Uint64
	for i := range cas {
		cas[i].Store(add(t, n, fmt.Sprint("k", i), "v", time.Minute).CAS)
	}
	hammer(func(int) {
		for i := range cas {
			if n.CompareAndDelete(t.Context(), fmt.Sprint("k", i), cas[i].Load()) == nil {
				won[i].Add(1)
			}
		}
	})
	for i := range won {
		if winners := won[i].Load(); winners != 1 {
			t.Errorf("k%d was deleted by %d", i, winners)
		}
	}
}

// A writer that always counts "later" before "first" leaves no moment at which
// "first" is ahead, so no reader may see one.
func TestGetMultiShowsNoLaterKeyOlder(t *testing.T) {
	t.Parallel()
	n := memory()
	add(t, n, "first", "0", time.Minute)
	add(t, n, "later", "0", time.Minute)
	var writing atomic.Bool
	writing.Store(true)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer writing.Store(false)
		for range 20 * rounds {
			for _, key := range []string{"later", "first"} {
				if _, err := n.Incr(t.Context(), key, 1); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	for writing.Load() {
		var items [2]tier.Item
		if err := n.GetMulti(t.Context(), []string{"first", "later"}, items[:]); err != nil {
			t.Error(err)
			break
		}
		first, _ := strconv.Atoi(string(items[0].Value))
		later, _ := strconv.Atoi(string(items[1].Value))
		if first > later {
			t.Errorf("first is %d, later is %d", first, later)
			break
		}
	}
	wg.Wait()
}

func TestMemoryIsSafeToShare(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory("a", "b", "c")
	f := tiertest.NewFaulty(m)
	hammer(func(worker int) {
		for i := range rounds {
			key := fmt.Sprint("k", i%7)
			for _, call := range methods {
				_ = call(t.Context(), f.Place(key), key)
			}
			switch i % 50 {
			case worker:
				m.Flush()
			case worker + 10:
				m.Restart()
			case worker + 20:
				m.Evict(key)
			case worker + 30:
				remove := f.Inject(tiertest.Fault{Match: key, Lost: tier.ErrConflict, Late: 1})
				m.Keys()
				f.Nodes()
				f.Calls("")
				defer remove()
			}
		}
	})
	ok(t, f.WaitIdle(t.Context()))
}
