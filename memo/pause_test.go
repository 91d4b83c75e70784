package memo_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// Many read a value past its time at once, and the refresh fails before the last of
// them has begun one.
func TestPauseIsForReadersThatLookedBeforeTheFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		var late atomic.Bool
		looked, release := make(chan struct{}), make(chan struct{})
		c, _ := f.process(t, func(cfg *memo.Config) {
			cfg.LoadContext = func(context.Context) context.Context {
				if late.CompareAndSwap(true, false) { // this reader has seen that nobody refreshes
					close(looked)
					<-release
				}
				return context.Background()
			}
		})
		ctx := c.With(context.Background())
		f.db.do(t, ctx, "k")
		_, err := memo.Do(ctx, "old", func(context.Context) (int, error) { return 1, nil }, memo.Stale(time.Hour))
		must(t, err)
		must(t, memo.Expire(ctx, "old"))
		runs := 0
		read := func() {
			_, err := memo.Do(ctx, "old", func(context.Context) (int, error) { runs++; return 0, errors.New("down") })
			if err != nil {
				t.Errorf("a reader of an old value got %v", err)
			}
		}
		late.Store(true)
		go read()
		<-looked
		read()
		synctest.Wait() // its refresh has failed
		close(release)
		synctest.Wait()
		if runs != 1 {
			t.Errorf("a loader that failed was run %d times within a second, want once", runs)
		}
	})
}

// Get reads what is old from the shared tier, as it may be new there. It does not
// take the place of the same version here, which knows that its refresh has failed.
func TestG03_GetDoesNotEndThePauseAfterAFailedRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, o := newFleet(), &origin{}
		c, _ := f.process(t)
		ctx := c.With(context.Background())
		_, err := o.get(ctx)
		must(t, err)
		time.Sleep(over)
		o.fail(errOrigin)
		for range 20 {
			o.gives(t, ctx, 1)
			synctest.Wait()
			if v, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
				t.Errorf("Get: %d, %v", v, err)
			}
			time.Sleep(40*time.Millisecond + 20*time.Microsecond) // in memcached times are whole milliseconds: what is read there seems to live longer each time
		}
		o.ran(t, 2)
	})
}

// What an invalidation hides is not in the way of what may stand in for an error,
// though it would live longer.
func TestSpareTakesThePlaceOfWhatIsHidden(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, _ := f.process(t)
		f.db.do(t, a.With(context.Background()), "k", memo.Tags("tag"), memo.TTL(time.Hour))
		f.db.write("k")
		must(t, b.InvalidateTags(context.Background(), "tag"))
		f.db.do(t, b.With(context.Background()), "k", memo.Tags("tag"), memo.TTL(time.Second), memo.StaleIfError(time.Minute))
		time.Sleep(2 * time.Second)
		v, err := memo.Do(a.With(context.Background()), "k", func(context.Context) (int, error) { return 0, errOrigin })
		if v != 1 || err != nil {
			t.Errorf("%d, %v; want the version 1 that another process has stored", v, err)
		}
	})
}
