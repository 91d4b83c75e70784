package tiertest_test

import (
	"context"
	"errors"
	"fmt"
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

const workers, rounds = 8, 20

// together runs f in each worker and waits.
func together(f func(worker int)) {
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() { f(w) })
	}
	group.Wait()
}

// hammer is together, with a reader that holds n's lock for milliseconds at a
// time, so that the workers stand in a queue for it. A sync.Mutex that someone
// has waited for that long goes to the head of the queue at every unlock. If a
// method let go of the lock halfway, another worker would therefore come
// between every time, and not once in a million.
func hammer(t *testing.T, n tier.Node, f func(worker int)) {
	keys := []string{"none"}
	read := func(ctx context.Context) (took time.Duration, err error) {
		start := time.Now()
		err = n.GetMulti(ctx, keys, make([]tier.Item, len(keys)))
		return time.Since(start), err
	}
	for took := time.Duration(0); took < 4*time.Millisecond; {
		keys = slices.Repeat(keys, 2)
		var err error
		took, err = read(t.Context())
		ok(t, err)
	}

	var reader sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	reading := make(chan struct{})
	reader.Go(func() {
		close(reading)
		for ctx.Err() == nil {
			_, _ = read(ctx)
		}
	})
	<-reading
	together(f)
	cancel()
	reader.Wait()
}

func TestIncrGivesEachNumberOnce(t *testing.T) {
	t.Parallel()
	n := memory()
	add(t, n, "k", "0", time.Minute)
	var given [workers*rounds + 1]atomic.Int32
	hammer(t, n, func(int) {
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
	hammer(t, n, func(worker int) {
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
	hammer(t, n, func(int) {
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
	hammer(t, n, func(int) {
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
	keys := slices.Concat([]string{"first"}, slices.Repeat([]string{"between"}, 20), []string{"later"})
	hammer(t, n, func(worker int) {
		for range rounds {
			if worker == 0 {
				_, err := n.Incr(t.Context(), "later", 1)
				_, err2 := n.Incr(t.Context(), "first", 1)
				if err := errors.Join(err, err2); err != nil {
					t.Error(err)
				}
				continue
			}
			items := make([]tier.Item, len(keys))
			if err := n.GetMulti(t.Context(), keys, items); err != nil {
				t.Error(err)
			}
			first, _ := strconv.Atoi(string(items[0].Value))
			later, _ := strconv.Atoi(string(items[len(items)-1].Value))
			if first > later {
				t.Errorf("first is %d, later is %d", first, later)
				return
			}
		}
	})
}

func TestMemoryIsSafeToShare(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory("a", "b", "c")
	f := tiertest.NewFaulty(m)
	together(func(worker int) {
		for i := range 50 {
			key := fmt.Sprint("k", i%7)
			for _, call := range methods {
				_ = call(t.Context(), f.Place(key), key)
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
	ok(t, f.WaitIdle(t.Context()))
}
