package memo_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// 1. a load of the key has read the database, and hangs
// 2. the key is invalidated, by itself or with others
// 3. a reader asks for it: it must not see what was read in 1, and need not wait for it
func TestReaderDoesNotWaitForALoadThatItCouldNotUse(t *testing.T) {
	t.Parallel()
	key := memo.Key("user", 7)
	for how, forget := range map[string]func(ctx context.Context) error{
		"key":  func(ctx context.Context) error { return memo.Invalidate(ctx, key) },
		"tree": func(ctx context.Context) error { return memo.InvalidateTree(ctx, memo.Key("user")) },
		"tag":  func(ctx context.Context) error { return memo.InvalidateTags(ctx, "users") },
		"all":  memo.InvalidateAll,
	} {
		for tiers, cfg := range map[string]func() memo.Config{
			"alone":  func() memo.Config { return memo.Config{} },
			"shared": func() memo.Config { return memo.Config{Prefix: "t", Shared: tiertest.NewMemory()} },
		} {
			t.Run(how+", "+tiers, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, db := newCache(t, cfg()), newDatabase()
					ctx := c.With(context.Background())
					load, begun, release := db.held(key)
					old := later(t, func() (int, error) { return memo.Do(ctx, key, load, memo.Tags("users")) })
					<-begun
					db.write(key)
					must(t, forget(ctx))
					if v := db.tagged(t, ctx, key, "users"); v != 1 { // or it hangs
						t.Errorf("got version %d, want 1", v)
					}
					close(release)
					if v := old(); v != 0 {
						t.Errorf("who asked before got version %d", v)
					}
					if v := db.tagged(t, ctx, key, "users"); v != 1 {
						t.Errorf("then version %d", v)
					}
					if n := db.queries(key); n != 2 { // what came late has not taken the place of what is good
						t.Errorf("%d queries, want 2", n)
					}
				})
			})
		}
	}
}
