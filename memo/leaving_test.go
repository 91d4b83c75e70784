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

// A caller whose ctx ends gets an error that is both that of ctx and its cause,
// wherever it waits: handlers ask for the one, and logs show the other.

var errBudget = errors.New("the budget of this page is used up")

func TestG08_WhoLeavesGetsTheErrorAndTheCauseOfItsContext(t *testing.T) {
	t.Parallel()
	never := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
	for where, wait := range map[string]func(t *testing.T, c *memo.Cache, store *tiertest.Faulty, leaving func(context.Context) context.Context) error{
		"in a load that it leads": func(_ *testing.T, c *memo.Cache, _ *tiertest.Faulty, leaving func(context.Context) context.Context) error {
			_, err := memo.Do(leaving(c.With(context.Background())), "k", never)
			return err
		},
		"in a load that it joins": func(_ *testing.T, c *memo.Cache, _ *tiertest.Faulty, leaving func(context.Context) context.Context) error {
			go func() { _, _ = memo.Do(c.With(context.Background()), "k", never, memo.LoadTimeout(2*time.Second)) }()
			synctest.Wait()
			_, err := memo.Do(leaving(c.With(context.Background())), "k", never)
			return err
		},
		"behind another goroutine of its request": func(t *testing.T, c *memo.Cache, _ *tiertest.Faulty, leaving func(context.Context) context.Context) error {
			request, end := c.Begin(context.Background())
			t.Cleanup(end)
			go func() { _, _ = memo.Do(request, "k", never, memo.LoadTimeout(2*time.Second)) }()
			synctest.Wait()
			_, err := memo.Do(leaving(request), "k", never)
			return err
		},
		"before it began": func(_ *testing.T, c *memo.Cache, _ *tiertest.Faulty, leaving func(context.Context) context.Context) error {
			ctx := leaving(c.With(context.Background()))
			<-ctx.Done()
			_, err := memo.Do(ctx, "k", never)
			return err
		},
		"in a loader, until the lease of that is known": func(t *testing.T, c *memo.Cache, store *tiertest.Faulty, leaving func(context.Context) context.Context) error {
			inner := make(chan error, 1)
			placed := store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: "t:v:outer",
				After: func(context.Context, tiertest.Op, []string) {
					store.Inject(tiertest.Fault{Hang: true, Times: 1, Match: "t:v:outer"})
				}})
			defer placed()
			_, _ = memo.Do(c.With(context.Background()), "outer", func(ctx context.Context) (int, error) {
				_, err := memo.Get[int](leaving(ctx), "inner")
				inner <- err
				return 0, err
			})
			return <-inner
		},
		"in a loader, until this process has heard what that needs": func(t *testing.T, c *memo.Cache, store *tiertest.Faulty, leaving func(context.Context) context.Context) error {
			defer store.Inject(tiertest.Fault{Match: ":g:", Hang: true})() // whoever polls
			_, err := store.Nodes()[0].Incr(context.Background(), "t:seq", 1)
			must(t, err)
			_, err = memo.Do(c.With(context.Background()), "outer", func(ctx context.Context) (int, error) {
				_, err := memo.Get[int](leaving(ctx), "inner")
				return 0, err
			})
			return err
		},
		"in another Close": func(t *testing.T, c *memo.Cache, _ *tiertest.Faulty, leaving func(context.Context) context.Context) error {
			go func() { _, _ = memo.Do(c.With(context.Background()), "k", never, memo.LoadTimeout(2*time.Second)) }()
			synctest.Wait()
			go func() { _ = c.Close(context.Background()) }()
			synctest.Wait()
			return c.Close(leaving(context.Background()))
		},
		"in Close": func(t *testing.T, c *memo.Cache, _ *tiertest.Faulty, leaving func(context.Context) context.Context) error {
			go func() { _, _ = memo.Do(c.With(context.Background()), "k", never, memo.LoadTimeout(2*time.Second)) }()
			synctest.Wait()
			return c.Close(leaving(context.Background()))
		},
	} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := tiertest.NewFaulty(tiertest.NewMemory())
				c, err := memo.New(memo.Config{Prefix: "t", Shared: store, Logger: quiet, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second})
				must(t, err)
				synctest.Wait()
				err = wait(t, c, store, func(ctx context.Context) context.Context {
					ctx, cancel := context.WithTimeoutCause(ctx, time.Second, errBudget)
					t.Cleanup(cancel)
					return ctx
				})
				if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errBudget) || errors.Is(err, context.Canceled) {
					t.Errorf("%v, want one that is DeadlineExceeded and its cause", err)
				}
				must(t, c.Close(context.Background()))
			})
		})
	}
}
