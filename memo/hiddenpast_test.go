package memo_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// What was invalidated is not kept for bad days: it is served neither while a refresh
// runs nor in place of an error, in any tier.

// hiders are the invalidations of the key page:7, which has the tag "news".
var hiders = map[string]func(ctx context.Context) error{
	"by its key":     func(ctx context.Context) error { return memo.Invalidate(ctx, "page:7") },
	"by its tag":     func(ctx context.Context) error { return memo.InvalidateTags(ctx, "news") },
	"by its tree":    func(ctx context.Context) error { return memo.InvalidateTree(ctx, "page") },
	"all of it":      memo.InvalidateAll,
	"by a Set of it": func(ctx context.Context) error { return memo.Set(ctx, "page:7", -1) },
}

// page reads page:7, which may be served for long after its time.
func (o *origin) page(ctx context.Context) (int, error) {
	return memo.Do(ctx, "page:7", o.load, memo.TTL(ttl), memo.Stale(time.Hour), memo.StaleIfError(time.Hour), memo.Tags("news"))
}

func TestR24_WhatWasInvalidatedIsNotServedPastItsTime(t *testing.T) {
	for name, hide := range hiders {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, o := newFleet(), &origin{}
				a, _ := f.process(t)
				b, _ := f.process(t)
				c, _ := f.process(t)
				ctxs := readers(a, b, c)
				for _, ctx := range ctxs[:2] { // c has no copy
					hit(t, 1)(o.page(ctx))
				}
				time.Sleep(over)
				o.fail(errOrigin)
				for _, ctx := range ctxs[:2] {
					hit(t, 1)(o.page(ctx))
				}
				time.Sleep(2 * time.Second)
				must(t, hide(ctxs[0]))
				for _, i := range []int{0, 2, 1} { // the log takes a poll to b
					v, err := o.page(ctxs[i])
					if set := name == "by a Set of it"; set && (v != -1 || err != nil) || !set && !errors.Is(err, errOrigin) {
						t.Errorf("process %d got %d, %v after the invalidation, and the loader fails", i, v, err)
					}
					time.Sleep(aPoll)
				}
			})
		})
	}
}

// An Expire is soft: the old value is there for both purposes.
func TestR24_WhatHasExpiredIsServedPastItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, o := newFleet(), &origin{}
		a, _ := f.process(t)
		b, _ := f.process(t)
		c, _ := f.process(t)
		ctxs := readers(a, b, c)
		hit(t, 1)(o.page(ctxs[0]))
		hit(t, 1)(o.page(ctxs[1]))
		o.fail(errOrigin)
		must(t, memo.Expire(ctxs[0], "page:7"))
		time.Sleep(aPoll)
		for _, ctx := range ctxs {
			hit(t, 1)(o.page(ctx))
			synctest.Wait()
		}
		o.ran(t, 4)
	})
}

func TestRefreshThatOverlappedAnInvalidationIsKeptNowhere(t *testing.T) {
	for name, hide := range hiders {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				a, _ := f.process(t)
				b, _ := f.process(t)
				c, _ := f.process(t)
				ctxs := readers(a, b, c)
				page := func(ctx context.Context) (int, error) {
					return memo.Do(ctx, "page:7", func(context.Context) (int, error) {
						v := f.db.read("page:7")
						time.Sleep(500 * time.Millisecond)
						return v, nil
					}, memo.TTL(ttl), memo.Stale(time.Hour), memo.StaleIfError(time.Hour), memo.Tags("news"))
				}
				want := 1
				if name == "by a Set of it" {
					want = -1
				}
				for i, at := range []time.Duration{0, 400 * time.Millisecond} {
					_, err := page(ctxs[i]) // the one that refreshes is also not the one that invalidates
					must(t, err)
					time.Sleep(over)
					_, err = page(ctxs[i])
					must(t, err)
					synctest.Wait() // it has read the old version
					time.Sleep(at)
					f.db.write("page:7")
					must(t, hide(ctxs[0]))
					time.Sleep(time.Second)
					for _, ctx := range ctxs {
						hit(t, want)(page(ctx))
					}
					if want > 0 {
						want++
					}
				}
			})
		})
	}
}

// Readers note in an entry what they have compared it with, while it is made old. Under
// the race detector.
func TestExpireAmongReads(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx, o := c.With(context.Background()), &origin{}
	var all sync.WaitGroup
	for _, call := range []func() error{
		func() error { return memo.InvalidateTags(ctx, "other") },
		func() error { return memo.Expire(ctx, "page:7") },
		func() error { _, err := o.page(ctx); return err },
		func() error { _, err := o.page(ctx); return err },
	} {
		all.Go(func() {
			for range 2000 {
				must(t, call())
			}
		})
	}
	all.Wait()
}
