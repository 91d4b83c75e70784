package memo_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The markers of tags in the shared tier: raised by several, evicted, and brought into
// the world by the first value that has them.

// A marker may be evicted. Then nobody knows what it said: a value below it is a
// miss.
func TestEvictedMarkerHidesWhatItMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		f.db.tagged(t, a.With(context.Background()), "k", "group")
		f.db.write("k")
		cut, shared := f.process(t)
		back := shared.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":g:", Err: errDown}) // its record is not written
		defer back()
		if err := cut.InvalidateTags(context.Background(), "group"); !errors.Is(err, memo.ErrDeferred) {
			t.Fatal(err)
		}
		must(t, f.store.Nodes()[0].Delete(context.Background(), "t:t:group"))
		late, _ := f.process(t)
		if v := f.db.do(t, late.With(context.Background()), "k"); v != 1 {
			t.Errorf("without its marker the old value is served: version %d, want 1", v)
		}
	})
}

// A marker is not just added with one's own number:
//
//  1. a draws n, and finds no marker
//  2. a value is loaded, with stamp n; b draws n+1, adds the marker, and the server evicts it
//  3. a adds the marker with n, and the value of 2 is valid for ever
func TestG06_MarkerThatWasEvictedWhileAnotherOneRaisedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, calls := f.process(t, slowPoll)
		b, _ := f.process(t, slowPoll)
		calls.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":t:group", Times: 1,
			Before: func(context.Context, tiertest.Op, []string) {
				reader, _ := f.process(t, slowPoll)
				f.db.tagged(t, reader.With(context.Background()), "k", "group")
				f.db.write("k")
				must(t, b.InvalidateTags(context.Background(), "group"))
				must(t, f.store.Nodes()[0].Delete(context.Background(), "t:t:group"))
			}})
		must(t, a.InvalidateTags(context.Background(), "group"))
		late, _ := f.process(t, slowPoll)
		if v := f.db.do(t, late.With(context.Background()), "k"); v != 1 {
			t.Errorf("version %d, want 1", v)
		}
	})
}

// A marker is only raised:
//
//  1. a draws n; a value is loaded, with stamp n
//  2. b draws n+1, and raises the marker to it
//  3. a finds the marker, and would set it to n: the value of 1 would be valid for ever
func TestG06_MarkerThatAnotherOneRaisedHigher(t *testing.T) {
	for name, when := range map[string]tiertest.Fault{
		"before it is read":    {Ops: []tiertest.Op{tiertest.OpGetMulti}},
		"between read and cas": {Ops: []tiertest.Op{tiertest.OpCompareAndSwap}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				a, calls := f.process(t, slowPoll)
				b, _ := f.process(t, slowPoll)
				reader, _ := f.process(t, slowPoll)
				rctx := reader.With(context.Background())
				f.db.tagged(t, rctx, "before", "group") // the marker is there
				when.Match, when.Times = ":t:group", 1
				when.Before = func(context.Context, tiertest.Op, []string) {
					synctest.Wait() // the count beside it has ended
					f.db.tagged(t, rctx, "k", "group")
					f.db.write("k")
					must(t, b.InvalidateTags(context.Background(), "group"))
				}
				calls.Inject(when)
				must(t, a.InvalidateTags(context.Background(), "group"))
				late, _ := f.process(t, slowPoll)
				if v := f.db.do(t, late.With(context.Background()), "k"); v != 1 {
					t.Errorf("version %d, want 1", v)
				}
			})
		})
	}
}

// A fill that meets no marker brings one with it, and does not know what the last
// one said:
//
//  1. a load reads the old value
//  2. its tag is invalidated, and the server evicts the marker
//  3. the load ends, and would give the marker a number that lets its value stand
func TestG06_FirstValueOfATagThatWasInvalidatedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t, slowPoll)
		b, _ := f.process(t, slowPoll)
		_, err := memo.Do(a.With(context.Background()), "k", func(ctx context.Context) (int, error) {
			memo.Amend(ctx, memo.Tags("group"))
			v := f.db.read("k")
			f.db.write("k")
			must(t, b.InvalidateTags(context.Background(), "group"))
			f.memory().Evict("t:t:group")
			return v, nil
		})
		must(t, err)
		late, _ := f.process(t, slowPoll)
		if v := f.db.do(t, late.With(context.Background()), "k"); v != 1 {
			t.Errorf("another process reads version %d from the shared tier, want 1", v)
		}
	})
}

// Numbers are drawn all the time, for keys that have nothing to do with a new tag.
// The first value that carries it is stored all the same.
func TestFirstValueOfATagIsStoredWhileOthersInvalidateKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, _ := f.process(t)
		busy := func(ctx context.Context) { must(t, b.Invalidate(ctx, "something else")) }
		_, err := memo.Do(a.With(context.Background()), "k", func(ctx context.Context) (int, error) {
			memo.Amend(ctx, memo.Tags("new"))
			busy(context.Background())
			return f.db.read("k"), nil
		})
		must(t, err)
		if f.db.do(t, b.With(context.Background()), "k"); f.db.queries("k") != 1 {
			t.Errorf("%d loads of k, want 1", f.db.queries("k"))
		}
	})
}

// A process loads under a lease, and its tag is invalidated: what it will store is
// void. Nobody waits for that.
func TestLeaseThatATagHasDoomedIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, _ := f.process(t)
		f.db.tagged(t, a.With(context.Background()), "before", "group")
		release, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_, _ = memo.Do(a.With(context.Background()), "k", func(context.Context) (int, error) {
				v := f.db.read("k")
				<-release
				return v, nil
			}, memo.Tags("group"))
		}()
		synctest.Wait()
		f.db.write("k")
		must(t, b.InvalidateTags(context.Background(), "group"))
		begin := time.Now()
		if v := f.db.tagged(t, b.With(context.Background()), "k", "group"); v != 1 || time.Since(begin) > 100*time.Millisecond {
			t.Errorf("version %d after %v, want 1 at once", v, time.Since(begin))
		}
		close(release)
		<-done
		for _, c := range []*memo.Cache{a, b} {
			if v := f.db.do(t, c.With(context.Background()), "k"); v != 1 {
				t.Errorf("version %d, want 1", v)
			}
		}
	})
}
