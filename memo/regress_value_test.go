package memo_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
)

// The bugs that other caches had with what comes back: errors that are lost on
// their way to those who wait, and values that cannot be read again.

// An error is everyone's who waited for it, and never a zero value without one.
func TestR39_ErrorOfALoadReachesEveryoneWhoWaits(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		request, end := c.Begin(context.Background())
		defer end()
		broken := errors.New("db down")
		var runs atomic.Int64
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				ctx := request
				if i%2 == 1 {
					own, end := c.Begin(context.Background())
					defer end()
					ctx = own
				}
				time.Sleep(time.Duration(i) * time.Millisecond)
				v, err := memo.Do(ctx, "k", func(context.Context) (int, error) {
					runs.Add(1)
					time.Sleep(time.Second)
					return 7, broken
				})
				if v != 0 || !errors.Is(err, broken) {
					t.Errorf("caller %d got %d, %v, want 0 and the error", i, v, err)
				}
			})
		}
		wg.Wait()
		if n := runs.Load(); n != 1 {
			t.Errorf("fn ran %d times, want 1", n)
		}
	})
}

// oneWay is a codec that cannot read what it has written.
type oneWay struct{ codec.JSON }

func (oneWay) Name() string                { return "oneway" }
func (oneWay) Unmarshal([]byte, any) error { return errors.New("no way back") }

func TestR44_ValueThatCannotBeReadIsLoadedAgainOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		broken := func(cfg *memo.Config) { cfg.Codec = oneWay{} }
		a, _ := f.process(t, broken)
		b, _ := f.process(t, broken)
		f.db.do(t, a.With(context.Background()), "k")
		if v, err := memo.Get[int](b.With(context.Background()), "k"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("Get: %d, %v, want ErrMiss", v, err)
		}
		begin := time.Now()
		for range 10 {
			f.db.do(t, b.With(context.Background()), "k")
			f.db.do(t, a.With(context.Background()), "k")
		}
		if n, took := f.db.queries("k"), time.Since(begin); n != 2 || took > 0 {
			t.Errorf("%d loads in %v, want one in each process, at once", n, took)
		}
	})
}
