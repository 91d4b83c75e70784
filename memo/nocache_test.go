package memo_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// A *Cache that is nil, as memo.From returns it, or that New did not make: it is
// no cache, and nothing panics.

func TestNoCacheIsSafe(t *testing.T) {
	t.Parallel()
	here := newCache(t, memo.Config{})
	for name, c := range map[string]*memo.Cache{"nil": memo.From(context.Background()), "zero": {}} {
		var none context.Context
		with := c.With(context.Background())
		began, end := c.Begin(context.Background())
		end()
		for way, ctx := range map[string]context.Context{"With": with, "Begin": began} {
			if ctx != context.Background() || memo.From(ctx) != nil {
				t.Errorf("%s: %s binds something: %v", name, way, ctx)
			}
			if v, err := memo.Do(ctx, "k", loadNumber); err != nil || v == 0 {
				t.Errorf("%s: Do under %s gives %d, %v, want what fn returns", name, way, v, err)
			}
			if err := memo.Invalidate(ctx, "k"); !errors.Is(err, memo.ErrNoCache) {
				t.Errorf("%s: Invalidate under %s gives %v", name, way, err)
			}
		}
		noCtx, end := c.Begin(none)
		end()
		if c.With(none) == nil || noCtx == nil {
			t.Errorf("%s: With or Begin of a nil ctx gives none", name)
		}
		request, end := here.Begin(context.Background())
		if err := c.Invalidate(request, "k"); !errors.Is(err, memo.ErrNoCache) { // and not of the cache of ctx
			t.Errorf("%s: its Invalidate gives %v", name, err)
		}
		if err := c.InvalidateAll(request); !errors.Is(err, memo.ErrNoCache) {
			t.Errorf("%s: its InvalidateAll gives %v", name, err)
		}
		if ctx := c.With(request); memo.From(ctx) != here {
			t.Errorf("%s: With takes away the cache of ctx", name)
		}
		end()
		if s := c.Snapshot(); s.Name != "" || s.Since != (time.Time{}) || s.Nodes != nil {
			t.Errorf("%s: Snapshot gives %+v", name, s)
		}
		for range 2 {
			if err := c.Close(context.Background()); err != nil {
				t.Errorf("%s: Close gives %v", name, err)
			}
		}
	}
	if n := here.Snapshot().Total.Invalidations; n.Keys != 0 || n.All != 0 {
		t.Errorf("the cache of ctx was invalidated: %+v", n)
	}
}
