package memo_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
)

// Expire, Refresh, Fresh and Add on a real memcached: its CAS ids, its add and its
// TTLs are those that the tests with virtual time assume.

func TestMemcachedHoldsWhatIsPastItsTime(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newDatabase()
	a := newCache(t, patient(memo.Config{Prefix: "t", Shared: dial(t, server)}))
	b := newCache(t, patient(memo.Config{Prefix: "t", Shared: dial(t, server)}))
	actx, bctx, window := a.With(context.Background()), b.With(context.Background()), memo.Stale(time.Hour)
	db.do(t, actx, "k", window)
	for want := 1; want <= 3; want++ {
		db.write("k")
		must(t, a.Expire(context.Background(), "k"))
		if v := db.do(t, bctx, "k", window); v != want-1 && v != want {
			t.Errorf("the shared tier has version %d, want %d, old as it is", v, want-1)
		}
		for range time.Tick(time.Millisecond) {
			if v, ok := memo.Peek[int](bctx, "k"); ok && v == want { // the refresh has ended
				break
			}
			db.do(t, bctx, "k", window)
		}
		if v := db.do(t, memo.Fresh(actx), "k", window); v != want {
			t.Errorf("a Fresh read of the other process got version %d, want %d", v, want)
		}
		if n := db.queries("k"); n != want+1 {
			t.Errorf("%d loads, want one at first and one for each Expire: %d", n, want+1)
		}
	}
	db.write("k")
	if v, err := db.refresh(actx, "k", window); v != 4 || err != nil {
		t.Errorf("Refresh: %d, %v", v, err)
	}
	if v := db.do(t, memo.Fresh(bctx), "k", window); v != 4 || db.queries("k") != 5 {
		t.Errorf("after a Refresh the other process has version %d after %d loads, want 4 after 5", v, db.queries("k"))
	}
	adds(t, "a value that is there", bctx, "k", 9, false)
	var added atomic.Int64
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			ok, err := memo.Add([]context.Context{actx, bctx}[i%2], "new", i)
			if ok {
				added.Add(1)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := added.Load(); n != 1 {
		t.Errorf("%d have added, want 1", n)
	}
}
