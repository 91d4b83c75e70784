package memo_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The leases of one process are confirmed and renewed together.

// 1. a renewal has seen the lease in its place, and is about to touch it
// 2. the load ends, and stores the value there
// 3. the touch arrives: the value would be there for two seconds
func TestRenewalUnderWayDoesNotTouchTheValue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, wire := f.process(t)
		fn, begun, release := f.db.held("k")
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpTouch}, Match: ":v:k", Times: 1, Before: func(context.Context, tiertest.Op, []string) {
			close(release)
			time.Sleep(time.Millisecond)
		}})
		get := later(t, func() (int, error) { return memo.Do(c.With(context.Background()), "k", fn, memo.TTL(time.Hour)) })
		<-begun
		get()
		time.Sleep(5 * time.Second)
		late, _ := f.process(t)
		f.db.do(t, late.With(context.Background()), "k")
		if n := f.db.queries("k"); n != 1 {
			t.Errorf("%d loads, want the value that the first has stored for an hour", n)
		}
	})
}

// The leases of a batch, which are due together, are renewed for as long as its loader
// takes, by one look.
func TestLeasesOfABatchAreRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, wire := f.process(t)
		there, _ := f.process(t)
		keys, loads := keysOf("user", 3), new(atomic.Int64)
		load := func(_ context.Context, missing []string) (map[string]int, error) {
			loads.Add(1)
			time.Sleep(10 * time.Second)
			found := map[string]int{}
			for _, key := range missing {
				found[key] = 1
			}
			return found, nil
		}
		begun := time.Now()
		both := []func() int{}
		for _, c := range []*memo.Cache{here, there} {
			both = append(both, later(t, func() (int, error) {
				got, err := memo.DoMany(c.With(context.Background()), keys, load)
				return len(got), err
			}))
			synctest.Wait()
		}
		for _, wait := range both {
			if n := wait(); n != len(keys) {
				t.Errorf("%d values", n)
			}
		}
		if n, took := loads.Load(), time.Since(begun); n != 1 || took > 11*time.Second {
			t.Errorf("%d loads in %v, want that of the first process, which takes 10s", n, took)
		}
		if n := wire.Calls(tiertest.OpTouch); n != 3*15 {
			t.Errorf("%d renewals, want one every 2/3 s for each of 3 leases", n)
		}
	})
}

// A load that is given up does not keep the other processes waiting, though its loader
// never returns.
func TestLeaseOfALoadThatIsGivenUpLapses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t)
		there, _ := f.process(t)
		fn, begun, release := f.db.held("k")
		defer close(release)
		ctx, cancel := context.WithCancel(here.With(context.Background()))
		go func() { _, _ = memo.Do(ctx, "k", fn) }()
		<-begun
		time.Sleep(5 * time.Second)
		cancel()
		time.Sleep(5 * time.Second) // a grace, and the rest of the lease
		begin := time.Now()
		f.db.do(t, there.With(context.Background()), "k")
		if took := time.Since(begin); took > 0 {
			t.Errorf("the other process waited for %v", took)
		}
	})
}

// 1. of a batch of two one load has its lease, and the other's server is asked for one
// 2. the caller leaves; the load with the lease is given up, before its loader was called
// 3. the lease is confirmed when the loader is called, and given back when it is confirmed
func TestLeaseOfABatchThatIsLeftIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, wire := f.process(t)
		there, _ := f.process(t)
		answer := make(chan struct{})
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":v:b", Before: func(context.Context, tiertest.Op, []string) { <-answer }})
		ctx, cancel := context.WithCancel(here.With(context.Background()))
		go func() {
			_, _ = memo.DoMany(ctx, []string{"a", "b"}, func(context.Context, []string) (map[string]int, error) { return nil, nil })
		}()
		synctest.Wait()
		cancel()
		time.Sleep(1100 * time.Millisecond) // a grace
		begin := time.Now()
		f.db.do(t, there.With(context.Background()), "a")
		if took := time.Since(begin); took > 0 {
			t.Errorf("the other process waited for %v", took)
		}
		close(answer)
	})
}

// 1. a renewal looks for its leases; the server hangs
// 2. their loads end, and with them all that Close waited for
// 3. the renewal goes on in a process that takes the server for closed
func TestCloseWaitsForARenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, wire := f.process(t, func(cfg *memo.Config) { cfg.ReadTimeout = 10 * time.Second })
		fn, begun, release := f.db.held("k")
		get := later(t, func() (int, error) { return memo.Do(c.With(context.Background()), "k", fn) })
		<-begun
		synctest.Wait()
		var over atomic.Bool
		looks := make(chan struct{})
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:k", Times: 1, Before: func(ctx context.Context, _ tiertest.Op, _ []string) {
			close(looks)
			<-ctx.Done()
			time.Sleep(100 * time.Millisecond)
			over.Store(true)
		}})
		<-looks
		close(release)
		get()
		_ = c.Close(context.Background())
		if !over.Load() {
			t.Error("the renewal goes on after Close")
		}
	})
}

// A renewal that hangs keeps no other lease from being renewed.
func TestRenewalThatHangsDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, wire := f.process(t, func(cfg *memo.Config) { cfg.ReadTimeout = 10 * time.Second })
		there, _ := f.process(t)
		var waits []func() int
		var ends []chan struct{}
		for _, key := range []string{"a", "b"} {
			fn, begun, release := f.db.held(key)
			waits, ends = append(waits, later(t, func() (int, error) { return memo.Do(here.With(context.Background()), key, fn) })), append(ends, release)
			<-begun
			time.Sleep(300 * time.Millisecond)
		}
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:a", Times: 1, Hang: true})
		time.Sleep(5 * time.Second)
		other := later(t, func() (int, error) {
			return memo.Do(there.With(context.Background()), "b", func(context.Context) (int, error) { return f.db.read("b"), nil })
		})
		synctest.Wait()
		for i, wait := range waits {
			close(ends[i])
			wait()
		}
		if other(); f.db.queries("b") != 1 {
			t.Error("the lease of b lapsed while a renewal of a's hung")
		}
	})
}

// 1. a round looks for a lease, on a connection that hangs for longer than a lease lives
// 2. the server answers on every other connection
func TestLeaseWhoseRenewalHangsIsRenewedByTheNext(t *testing.T) {
	t.Parallel()
	for name, op := range map[string]tiertest.Op{"at its look": tiertest.OpGetMulti, "at its touch": tiertest.OpTouch} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				here, wire := f.process(t, func(cfg *memo.Config) { cfg.ReadTimeout = 10 * time.Second })
				there, _ := f.process(t)
				var waits []func() int
				var ends []chan struct{}
				keys := []string{"a", "b"} // the rounds are about both
				for _, key := range keys {
					fn, begun, release := f.db.held(key)
					waits, ends = append(waits, later(t, func() (int, error) { return memo.Do(here.With(context.Background()), key, fn) })), append(ends, release)
					<-begun
				}
				wire.Inject(tiertest.Fault{Ops: []tiertest.Op{op}, Match: ":v:a", Times: 1, Hang: true})
				time.Sleep(5 * time.Second)
				var lapsed atomic.Int64
				for _, key := range keys {
					waits = append(waits, later(t, func() (int, error) {
						return memo.Do(there.With(context.Background()), key, func(context.Context) (int, error) { lapsed.Add(1); return 1, nil })
					}))
				}
				synctest.Wait()
				if n := lapsed.Load(); n != 0 {
					t.Errorf("%d leases lapsed while a renewal hung", n)
				}
				for _, end := range ends {
					close(end)
				}
				for _, wait := range waits {
					wait()
				}
			})
		})
	}
}

// A lease that was lost before it was confirmed is not looked for any more: there is
// nothing to renew.
func TestLostLeaseIsNotRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, wire := f.process(t)
		there, _ := f.process(t)
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":v:k", Times: 1, After: func(context.Context, tiertest.Op, []string) {
			must(t, there.Invalidate(context.Background(), "k"))
		}})
		fn, begun, release := f.db.held("k")
		get := later(t, func() (int, error) { return memo.Do(here.With(context.Background()), "k", fn) })
		<-begun
		synctest.Wait()
		var looks atomic.Int64
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:k", Before: func(context.Context, tiertest.Op, []string) { looks.Add(1) }})
		time.Sleep(5 * time.Second)
		if n := looks.Load(); n != 0 {
			t.Errorf("%d looks for a lease that is known to be lost", n)
		}
		close(release)
		get()
	})
}

// 1. a load has its lease, and a Refresh puts one of its own in that place, right after
// 2. both are due: no Node is asked for one name twice in a look
func TestTwoLeasesOfOnePlaceAreOneName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, wire := f.process(t)
		there, _ := f.process(t)
		ctx := c.With(context.Background())
		fn, begun, release := f.db.held("k")
		first := later(t, func() (int, error) { return memo.Do(ctx, "k", fn) })
		<-begun
		again, begunAgain, releaseAgain := f.db.held("k")
		second := later(t, func() (int, error) { return memo.Refresh(ctx, "k", again) })
		<-begunAgain
		synctest.Wait()
		var looks, twice atomic.Int64
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:k", Before: func(_ context.Context, _ tiertest.Op, keys []string) {
			looks.Add(1)
			for i, key := range keys {
				if slices.Contains(keys[:i], key) {
					twice.Add(1)
				}
			}
		}})
		time.Sleep(5 * time.Second)
		if looks.Load() == 0 || twice.Load() > 0 {
			t.Errorf("%d looks, %d names twice in one", looks.Load(), twice.Load())
		}
		close(releaseAgain)
		second()
		close(release)
		first()
		f.db.do(t, there.With(context.Background()), "k")
		if n := f.db.queries("k"); n != 2 {
			t.Errorf("%d loads, want the two: the lease of the second was not renewed", n)
		}
	})
}

// 1. a refresh asks a Node for its lock, which takes a while
// 2. the Node leaves the list: what is held there is not renewed any more
// 3. the refresh has its lock: to renew it would ask a Node that was closed, for as long
// as the loader takes
func TestLockOnANodeThatHasLeftIsNotRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn("a", "b")
		ctx, list, wire := f.wired(t, []string{"a", "b"}, func(cfg *memo.Config) { cfg.ReadTimeout = 2 * agreed })
		key := f.keyOn(t, ctx, "b", 0)
		must(t, memo.Invalidate(ctx, key))
		opts := []memo.Option{memo.TTL(time.Second), memo.Stale(time.Hour), memo.LoadTimeout(time.Hour)}
		f.db.do(t, ctx, key, opts...)
		time.Sleep(2 * time.Second)
		hasLeft := make(chan struct{})
		wire.Inject(tiertest.Fault{Node: "b", Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":l:", Times: 1, After: func(context.Context, tiertest.Op, []string) { <-hasLeft }})
		fn, begun, release := f.db.held(key)
		_, err := memo.Do(ctx, key, fn, opts...) // what is old
		must(t, err)
		time.Sleep(time.Second)
		list.Change("a")
		time.Sleep(agreed)
		if open := list.Open(); !slices.Equal(open, []string{"a"}) {
			t.Fatalf("the connections to %q are open", open)
		}
		close(hasLeft)
		<-begun
		synctest.Wait()
		before := wire.CallsOf("b", "")
		time.Sleep(5 * time.Second)
		if n := wire.CallsOf("b", "") - before; n != 0 {
			t.Errorf("%d calls of a Node that has left", n)
		}
		close(release)
	})
}
