package memo_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
	"github.com/tiermemo/tiermemo/reqcache"
)

// Contexts made of contexts: With and Begin where something is open already.

func TestG04_InvalidateUnderWithInsideARequest(t *testing.T) {
	c, db := newCache(t, memo.Config{}), newDatabase()
	ctx, end := c.Begin(context.Background())
	defer end()
	db.do(t, ctx, "k")
	db.write("k")
	must(t, memo.Invalidate(c.With(ctx), "k"))
	if v := db.do(t, ctx, "k"); v != 1 {
		t.Fatalf("the request that invalidated reads %d, want 1", v)
	}
}

func TestDeadlineInsideALoader(t *testing.T) {
	c := newCache(t, memo.Config{})
	_, _ = memo.Do(c.With(context.Background()), "k", func(ctx context.Context) (int, error) {
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		want, _ := short.Deadline()
		if got, _ := c.With(short).Deadline(); got != want {
			t.Errorf("With(ctx).Deadline is %v later than ctx's", got.Sub(want))
		}
		return 0, nil
	})
}

func TestBeginUnderANewScopeInsideAClosedRequest(t *testing.T) {
	c := newCache(t, memo.Config{})
	request, end := c.Begin(context.Background())
	end()
	job, endJob := reqcache.Begin(request) // opens a scope: that of request is closed
	defer endJob()
	ctx, endc := c.Begin(job)
	defer endc()
	for range 2 {
		newDatabase().do(t, ctx, "k")
	}
	if s := c.Snapshot().Total; s.L1 != 1 {
		t.Fatalf("%d answers of L1, want 1: %+v", s.L1, s)
	}
}

func TestG08_NestedCallerObeysItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t, slowPoll)
		writer, _ := f.process(t, slowPoll)
		must(t, writer.Invalidate(context.Background(), "x")) // this process is behind
		var took time.Duration
		_, _ = memo.Do(c.With(context.Background()), "whole", func(ctx context.Context) (int, error) {
			synctest.Wait() // the lease is confirmed
			store.Inject(tiertest.Fault{Hang: true})
			short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
			begin := time.Now()
			_, err := memo.Do(short, "part", func(context.Context) (int, error) { return 1, nil })
			took = time.Since(begin)
			return 0, err
		})
		if took > 20*time.Millisecond {
			t.Fatalf("a nested Do returned after %v, its ctx ended after 20ms", took)
		}
	})
}
