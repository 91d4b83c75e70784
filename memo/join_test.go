package memo_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Who joins a load gets what was good enough for the caller that leads it: a read
// inside of a load looks at it once more.

// full has c run as many loads of part as may run at once, all of them out of
// date: the next one queues until a send on release ends one of them.
func full(t *testing.T, c *memo.Cache) (release chan struct{}) {
	ctx, release := c.With(context.Background()), make(chan struct{})
	for range flight.MaxRuns {
		go func() {
			_, _ = memo.Do(ctx, "part", func(context.Context) (int, error) { <-release; return 0, nil })
		}()
		synctest.Wait() // it runs
		must(t, memo.Invalidate(ctx, "part"))
	}
	return release
}

func TestG06_WholeMadeOfAPartThatWasGoodEnoughForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, store := f.process(t, slowPoll)
		reader, _ := f.process(t, slowPoll)
		wctx, rctx := writer.With(context.Background()), reader.With(context.Background())
		whole := func(ctx context.Context) (int, error) {
			return memo.Do(ctx, "whole", func(ctx context.Context) (int, error) { return f.db.do(t, ctx, "part"), nil })
		}
		release := full(t, reader)
		defer close(release)
		f.db.do(t, wctx, "part") // version 0 is in the shared tier

		// 1. a caller that is no part of a load misses L2, and its load queues
		// 2. the old part gets into L2
		plain, made := make(chan int, 1), make(chan int, 1)
		go func() { plain <- f.db.do(t, rctx, "part") }()
		synctest.Wait()
		_, err := memo.Get[int](rctx, "part")
		must(t, err)

		// 3. the writer deletes and counts; its record is on the way
		// 4. a load of the whole, which knows that number, joins the load of 1
		// 5. that one looks at L2 again, and ends with the old part
		f.db.write("part")
		defer store.Inject(tiertest.Fault{
			Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":g:", Times: 1,
			Before: func(context.Context, tiertest.Op, []string) {
				go func() {
					v, err := whole(rctx)
					if err != nil {
						t.Error(err)
					}
					made <- v
				}()
				time.Sleep(60 * time.Millisecond) // it reads the log a few times, in vain, before it joins
				release <- struct{}{}
				if v := <-plain; v != 0 {
					t.Errorf("the load that was joined ended with part version %d, want the old one", v)
				}
				<-made
			},
		})()
		must(t, memo.Invalidate(wctx, "whole", "part"))
		third, _ := f.process(t, slowPoll)
		v, err := whole(third.With(context.Background()))
		must(t, err)
		if v != 1 {
			t.Fatalf("the shared tier holds a whole made of part version %d, want 1", v)
		}
	})
}
