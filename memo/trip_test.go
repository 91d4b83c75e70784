package memo_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The ctx of a call of a Node ends for each of its reasons, whether the Node waits for
// its Done or, as memo/memcached does, for its Interrupts or its Ends.

// ways are those in which a Node learns of the end of its ctx.
var ways = map[string]func(ctx context.Context){
	"Done": func(ctx context.Context) { <-ctx.Done() },
	"Interrupts": func(ctx context.Context) {
		done := make(chan struct{})
		defer ctx.(interface {
			Interrupts(f func()) (stop func() bool)
		}).Interrupts(func() { close(done) })()
		<-done
	},
	"Ends": func(ctx context.Context) {
		caller, life := ctx.(interface {
			Ends() (caller, life <-chan struct{})
		}).Ends()
		select {
		case <-caller:
		case <-life:
		}
		if ctx.Err() == nil {
			panic("Ends, and has no Err")
		}
	},
}

// waits makes the first op on wire wait for the end of its ctx, and says when that was,
// and what it had been given.
func waits(wire *tiertest.Faulty, op tiertest.Op, way func(ctx context.Context)) (ended chan time.Time, given chan time.Time) {
	ended, given = make(chan time.Time, 1), make(chan time.Time, 1)
	wire.Inject(tiertest.Fault{Ops: []tiertest.Op{op}, Match: ":v:", Times: 1, Before: func(ctx context.Context, _ tiertest.Op, _ []string) {
		deadline, _ := ctx.Deadline()
		given <- deadline
		way(ctx)
		ended <- time.Now()
	}})
	return ended, given
}

func TestCallOfANodeEnds(t *testing.T) {
	t.Parallel()
	const budget = time.Minute
	for name, test := range map[string]struct {
		op   tiertest.Op
		call func(t *testing.T, c *memo.Cache) // after a second of which the Node's call is to end
	}{
		"with the ctx of a Get": {tiertest.OpGetMulti, func(t *testing.T, c *memo.Cache) {
			ctx, cancel := context.WithCancel(c.With(context.Background()))
			time.AfterFunc(time.Second, cancel)
			_, _ = memo.Get[int](ctx, "k")
		}},
		"with the deadline of a Get": {tiertest.OpGetMulti, func(t *testing.T, c *memo.Cache) {
			ctx, cancel := context.WithTimeout(c.With(context.Background()), time.Second)
			defer cancel()
			_, _ = memo.Get[int](ctx, "k")
		}},
		"with the ctx of a Do that looks": {tiertest.OpGetMulti, func(t *testing.T, c *memo.Cache) {
			ctx, cancel := context.WithCancel(c.With(context.Background()))
			time.AfterFunc(time.Second, cancel)
			_, _ = memo.Do(ctx, "k", func(context.Context) (int, error) { return 1, nil })
		}},
		"with its load": {tiertest.OpGetMulti, func(t *testing.T, c *memo.Cache) {
			ctx, cancel := context.WithCancel(c.With(context.Background()))
			cancelled := time.AfterFunc(0, cancel) // the grace of a load that has never run is a second
			defer cancelled.Stop()
			_, _ = memo.Refresh(ctx, "k", func(context.Context) (int, error) { return 1, nil }) // which has no look ahead of it
		}},
		"with Close, which has no more time": {tiertest.OpGetMulti, func(t *testing.T, c *memo.Cache) {
			go func() {
				_, _ = memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) { return 1, nil })
			}()
			synctest.Wait()
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = c.Close(ctx)
		}},
		"with Close, of a write": {tiertest.OpCompareAndSwap, func(t *testing.T, c *memo.Cache) {
			go func() {
				_, _ = memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) { return 1, nil })
			}()
			synctest.Wait()
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_ = c.Close(ctx)
		}},
	} {
		for how, way := range ways {
			t.Run(name+", by "+how, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					wire := tiertest.NewFaulty(tiertest.NewMemory())
					c, err := memo.New(memo.Config{Prefix: "t", Shared: wire, ReadTimeout: budget, PollInterval: time.Hour, StaleBound: 2 * time.Hour, Logger: quiet})
					must(t, err)
					defer c.Close(context.Background())
					_, _ = memo.Get[int](c.With(context.Background()), "first") // has polled
					ended, given := waits(wire, test.op, way)
					begin := time.Now()
					test.call(t, c)
					at := <-ended
					if took := at.Sub(begin); took != time.Second {
						t.Errorf("the call ended after %v, want 1s", took)
					}
					if deadline := <-given; !deadline.After(begin) || deadline.After(begin.Add(budget)) {
						t.Errorf("the call was given until %v, begun at %v", deadline, begin)
					}
				})
			})
		}
	}
}
