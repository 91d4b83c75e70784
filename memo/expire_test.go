package memo_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What Expire does to a value, in this process and in the others. What it does to
// loads and writes beside it is in expire_race_test.go.

func TestExpiredValueIsServedWhileTheFleetRefreshesItOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, _ := f.process(t)
		a, _ := f.process(t)
		b, _ := f.process(t)
		actx, bctx, window := a.With(context.Background()), b.With(context.Background()), memo.Stale(time.Minute)
		f.db.do(t, actx, "k", window)
		f.db.do(t, bctx, "k", window)
		f.db.write("k")
		must(t, writer.Expire(context.Background(), "k"))
		if f.db.do(t, bctx, "k", window); b.Snapshot().Total.L2 != 1 {
			t.Errorf("a process that has not heard of it yet does not use its L2: %+v", b.Snapshot().Total)
		}
		time.Sleep(aPoll)
		var readers sync.WaitGroup
		for _, ctx := range []context.Context{actx, bctx} {
			for range 10 {
				readers.Go(func() {
					begin := time.Now()
					v, err := memo.Do(ctx, "k", f.db.slow("k", 100*time.Millisecond), window)
					if took := time.Since(begin); v != 0 || err != nil || took > 0 {
						t.Errorf("a reader got version %d, %v after %v, want the old one at once", v, err, took)
					}
				})
			}
		}
		readers.Wait()
		time.Sleep(time.Second)
		f.db.do(t, actx, "k", window) // who has not refreshed it may serve the old one once more, and looks
		f.db.do(t, bctx, "k", window)
		time.Sleep(time.Second)
		for name, ctx := range map[string]context.Context{"a": actx, "b": bctx} {
			if v := f.db.do(t, ctx, "k", window); v != 1 {
				t.Errorf("after the refresh %s reads version %d, want 1", name, v)
			}
		}
		if n := f.db.queries("k"); n != 2 {
			t.Errorf("%d loads, want one before and one refresh of the fleet", n)
		}
		here, there, runs := writer.Snapshot().Total, a.Snapshot().Total, a.Snapshot().Total.Refreshes+b.Snapshot().Total.Refreshes
		if here.Invalidations.Expired != 1 || here.Invalidations.Keys != 0 || there.Invalidations.Peer != 1 || there.Stale < 10 || runs != 1 {
			t.Errorf("counted %+v where it was made, %+v elsewhere, and %d refreshes", here.Invalidations, there, runs)
		}
	})
}

func TestExpireWithoutAWindowIsInvalidate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, _ := f.process(t)
		request, end := a.Begin(context.Background())
		defer end()
		f.db.do(t, request, "k")
		f.db.do(t, b.With(context.Background()), "k")
		f.db.write("k")
		must(t, memo.Expire(request, "k"))
		if keys := strings.Join(f.memory().Keys(), " "); strings.Contains(keys, ":v:k") {
			t.Errorf("the shared tier keeps what nobody can use: %s", keys)
		}
		time.Sleep(aPoll)
		if n := a.Snapshot().Local.Entries + b.Snapshot().Local.Entries; n > 0 {
			t.Errorf("the processes keep %d entries that nobody can use", n)
		}
		for name, ctx := range map[string]context.Context{"the request": request, "its process": a.With(context.Background()), "another process": b.With(context.Background())} {
			if v := f.db.do(t, ctx, "k"); v != 1 {
				t.Errorf("%s reads version %d, want 1", name, v)
			}
		}
	})
}

// Expire ends the freshness at once, and not when the clock of the hit path ticks.
func TestExpiredValueStandsInForAnErrorOnly(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		here, there, window := open(), open(), memo.StaleIfError(time.Minute)
		a, b := here.With(context.Background()), there.With(context.Background())
		db.do(t, a, "k", window)
		db.do(t, b, "k", window)
		time.Sleep(13 * time.Millisecond) // between two ticks
		db.write("k")
		must(t, here.Expire(context.Background(), "k"))
		if v := db.do(t, a, "k", window); v != 1 {
			t.Errorf("the next read got version %d, want 1: nothing has failed", v)
		}
		time.Sleep(aPoll)
		must(t, here.Expire(context.Background(), "k"))
		time.Sleep(aPoll)
		runs := 0
		for name, ctx := range map[string]context.Context{"here": a, "another process": b} {
			v, err := memo.Do(ctx, "k", func(context.Context) (int, error) { runs++; return 0, errDown }, window)
			if v != 1 || err != nil {
				t.Errorf("%s: %d, %v; want the old value in place of the error", name, v, err)
			}
		}
		if runs == 0 {
			t.Error("no read after the Expire asked the loader")
		}
	})
}

func TestSecondExpireDoesNotLengthenTheWindows(t *testing.T) {
	t.Parallel()
	for _, ttl := range []time.Duration{time.Hour, memo.NoExpiry} {
		for _, window := range []memo.Option{memo.Stale(time.Second), memo.StaleIfError(time.Second)} {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				here, _ := f.process(t)
				there, _ := f.process(t)
				third, _ := f.process(t)
				for _, c := range []*memo.Cache{here, there} {
					f.db.do(t, c.With(context.Background()), "k", memo.TTL(ttl), window)
				}
				for range 2 {
					must(t, here.Expire(context.Background(), "k"))
					time.Sleep(600 * time.Millisecond)
				}
				for name, c := range map[string]*memo.Cache{"here": here, "there": there, "the shared tier": third} {
					v, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) { return 0, errDown }, window)
					if !errors.Is(err, errDown) {
						t.Errorf("TTL %v, %s: %d, %v; 1.2s after the first Expire its window of a second is over", ttl, name, v, err)
					}
				}
			})
		}
	}
}

func TestExpiredValueWithoutAnEndIsServedInItsWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t, slowPoll)
		third, _ := f.process(t, slowPoll)
		opts := []memo.Option{memo.TTL(memo.NoExpiry), memo.Stale(time.Minute)}
		f.db.do(t, here.With(context.Background()), "k", opts...)
		time.Sleep(30 * time.Minute)
		must(t, here.Expire(context.Background(), "k"))
		time.Sleep(30 * time.Second)
		f.db.write("k")
		for _, want := range []int{0, 1} {
			for name, c := range map[string]*memo.Cache{"L2": here, "the shared tier": third} {
				if v := f.db.do(t, c.With(context.Background()), "k", opts...); want == 1 && v != 1 {
					t.Errorf("%s gives version %d after its refresh, want 1", name, v)
				}
			}
			time.Sleep(time.Second)
		}
		if s := here.Snapshot().Total.Stale + third.Snapshot().Total.Stale; s == 0 || f.db.queries("k") != 2 {
			t.Errorf("%d reads were served the old value, and there were %d loads", s, f.db.queries("k"))
		}
	})
}

func TestTagsOfAnExpiredValueAreObeyed(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		here, there, third := open(), open(), open()
		window := []memo.Option{memo.Stale(time.Minute), memo.Tags("books")}
		for _, order := range []string{"expired first", "invalidated first"} {
			for _, c := range []*memo.Cache{here, there} {
				db.do(t, c.With(context.Background()), order, window...)
			}
			want := db.write(order)
			if order == "expired first" {
				must(t, here.Expire(context.Background(), order))
				must(t, here.InvalidateTags(context.Background(), "books"))
			} else {
				must(t, here.InvalidateTags(context.Background(), "books"))
				must(t, here.Expire(context.Background(), order))
			}
			time.Sleep(aPoll)
			for name, c := range map[string]*memo.Cache{"here": here, "there": there, "the shared tier": third} {
				if v := db.do(t, c.With(context.Background()), order, window...); v != want {
					t.Errorf("%s, %s: version %d, want %d", order, name, v, want)
				}
			}
		}
	})
}

// All that is known of a value is known of it when it is old.
func TestExpireChangesNothingButTheTimes(t *testing.T) {
	t.Parallel()
	local := lru.New(8)
	c := newCache(t, memo.Config{Local: local, Prefix: "t", Shared: tiertest.NewMemory()})
	ctx := c.With(context.Background())
	for i := range 3 { // so that there is a stamp, and a turn
		must(t, c.InvalidateTags(ctx, fmt.Sprint(i)))
	}
	_, err := memo.Do(ctx, "k", loadUser, memo.Tags("users"), memo.Stale(time.Minute), memo.StaleIfError(time.Hour))
	must(t, err)
	must(t, c.InvalidateTags(ctx, "others"))
	_, err = memo.Do(ctx, "k", loadUser) // notes that this was about others
	must(t, err)
	before := local.Peek("k")
	must(t, c.Expire(ctx, "k"))
	after := local.Peek("k")
	for i := range reflect.TypeFor[tier.Entry]().NumField() {
		field := reflect.TypeFor[tier.Entry]().Field(i)
		was, is := reflect.ValueOf(*before).Field(i).Interface(), reflect.ValueOf(*after).Field(i).Interface()
		switch field.Name {
		case "Local": // the Local's own
		case "Early", "Fresh":
			if was.(int64) <= is.(int64) {
				t.Errorf("%s did not come nearer: %v, %v", field.Name, was, is)
			}
		case "Held":
			if was.(uint32) != 0 || is.(uint32) == 0 {
				t.Errorf("the old one is counted as held in %v, and the new one in %v", was, is)
			}
		default:
			if !reflect.DeepEqual(was, is) {
				t.Errorf("%s was %v, and is %v", field.Name, was, is)
			}
		}
	}
}

func TestExpireThatCannotBe(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	var none context.Context
	mistake(t, memo.Expire(none, "k"), "Expire", "ctx is nil")
	mistake(t, c.Expire(none, "k"), "Expire", "ctx is nil")
	mistake(t, memo.Expire(ctx, "a", ""), "Expire", "key 2 of 2", "empty")
	mistake(t, memo.Expire(ctx, memo.Key("user", make(chan int))), "Expire", "Expire user: part 2 (chan int)")
	must(t, memo.Expire(ctx))
	if n := c.Snapshot().Total.Invalidations; n.Expired != 1 {
		t.Errorf("counted %d, want the good key beside the bad one", n.Expired)
	}
	if err := memo.Expire(context.Background(), "k"); !errors.Is(err, memo.ErrNoCache) {
		t.Errorf("without a cache: %v", err)
	}
	for name, c := range map[string]*memo.Cache{"nil": nil, "zero": {}} {
		if err := c.Expire(ctx, "k"); !errors.Is(err, memo.ErrNoCache) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, c.Close(context.Background()))
	if err := memo.Expire(ctx, "k"); !errors.Is(err, memo.ErrClosed) {
		t.Errorf("of a closed cache: %v", err)
	}
}
