package tiertest_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
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

const workers = 8

// hammer runs f in each worker, again and again. That another call comes between
// two halves of one is rare here: that a method has no halves is shown by
// TestEveryMethodHoldsTheLockOnce.
func hammer(t *testing.T, f func(worker int)) {
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := 0; i < 500 && !t.Failed(); i++ {
				f(w)
			}
		})
	}
	group.Wait()
}

// What a method sees and what it does are one step to everybody else, for it
// takes the lock once, and does not let go of it halfway:
//
//  1. one CompareAndSwap sees that the version is right, and lets go
//  2. another does, too
//  3. both store, and both say that they won
func TestEveryMethodHoldsTheLockOnce(t *testing.T) {
	t.Parallel()
	for name, method := range methods {
		for _, key := range []string{"k", "absent"} {
			m := tiertest.NewMemory()
			n := m.Nodes()[0]
			add(t, n, "k", "1", time.Minute)
			add(t, n, "other", "1", time.Minute)
			locks := tiertest.CountLocks(m)
			_ = method(t.Context(), n, key)
			if got := locks(); got != 1 {
				t.Errorf("%s of %q takes the lock %d times", name, key, got)
			}
		}
	}
}

func TestIncrGivesEachNumberOnce(t *testing.T) {
	t.Parallel()
	n := memory()
	add(t, n, "k", "0", time.Minute)
	var given [workers][]uint64
	hammer(t, func(worker int) {
		sum, err := n.Incr(t.Context(), "k", 1)
		if err != nil {
			t.Errorf("Incr: %v", err)
		}
		given[worker] = append(given[worker], sum)
	})
	all := slices.Concat(given[:]...)
	slices.Sort(all)
	for i, sum := range all {
		if sum != uint64(i)+1 {
			t.Fatalf("number %d of %d is %d", i+1, len(all), sum)
		}
	}
}

// An item that one adds, and deletes again, is a lock.
func TestOneAddWins(t *testing.T) {
	t.Parallel()
	n := memory()
	var holders atomic.Int32
	hammer(t, func(int) {
		err := n.Add(t.Context(), "lock", nil, time.Minute)
		if errors.Is(err, tier.ErrExists) {
			return
		}
		if now := holders.Add(1); err != nil || now != 1 {
			t.Errorf("Add: %v, and %d hold the lock", err, now)
		}
		runtime.Gosched()
		holders.Add(-1)
		if err := n.Delete(t.Context(), "lock"); err != nil {
			t.Errorf("Delete: %v", err)
		}
	})
}

func TestNoCompareAndSwapIsLost(t *testing.T) {
	t.Parallel()
	n := memory()
	add(t, n, "k", "0", time.Minute)
	var swaps atomic.Int64
	hammer(t, func(int) {
		item := get(t, n, "k")
		was, _ := strconv.ParseInt(string(item.Value), 10, 64)
		switch err := n.CompareAndSwap(t.Context(), "k", item.CAS, strconv.AppendInt(nil, was+1, 10), time.Minute); err {
		case nil:
			swaps.Add(1)
		case tier.ErrConflict:
		default:
			t.Errorf("CompareAndSwap: %v", err)
		}
	})
	if got := get(t, n, "k"); string(got.Value) != fmt.Sprint(swaps.Load()) {
		t.Errorf("%d swaps counted to %s", swaps.Load(), got.Value)
	}
}

func TestOneCompareAndDeleteWins(t *testing.T) {
	t.Parallel()
	n := memory()
	var added, deleted atomic.Int64
	hammer(t, func(int) {
		if n.Add(t.Context(), "k", nil, time.Minute) == nil {
			added.Add(1)
		}
		if n.CompareAndDelete(t.Context(), "k", get(t, n, "k").CAS) == nil {
			deleted.Add(1)
		}
	})
	left := int64(0)
	if get(t, n, "k").Found() {
		left = 1
	}
	if added.Load() != deleted.Load()+left {
		t.Errorf("added %d times, deleted %d times, %d left", added.Load(), deleted.Load(), left)
	}
}

// A writer that always counts "later" before "first" leaves no moment at which
// "first" is ahead, so no reader may see one.
func TestGetMultiShowsNoLaterKeyOlder(t *testing.T) {
	t.Parallel()
	n := memory()
	add(t, n, "first", "0", time.Minute)
	add(t, n, "later", "0", time.Minute)
	keys := slices.Concat([]string{"first"}, slices.Repeat([]string{"between"}, 20), []string{"later"})
	hammer(t, func(worker int) {
		if worker == 0 {
			_, err1 := n.Incr(t.Context(), "later", 1)
			_, err2 := n.Incr(t.Context(), "first", 1)
			if err := errors.Join(err1, err2); err != nil {
				t.Error(err)
			}
			return
		}
		items := make([]tier.Item, len(keys))
		if err := n.GetMulti(t.Context(), keys, items); err != nil {
			t.Error(err)
		}
		first, _ := strconv.Atoi(string(items[0].Value))
		later, _ := strconv.Atoi(string(items[len(items)-1].Value))
		if first > later {
			t.Errorf("first is %d, later is %d", first, later)
		}
	})
}

func TestMemoryIsSafeToShare(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory("a", "b", "c")
	f := tiertest.NewFaulty(m)
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := range 50 {
				key := fmt.Sprint("k", i%7)
				for _, call := range methods {
					_ = call(t.Context(), f.Nodes()[i%3], key)
				}
				switch i {
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
	}
	group.Wait()
	ok(t, f.WaitIdle(t.Context()))
}
