package memo_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// Unless: true goes around the cache, false caches as ever.

type admin struct{}

// forAdmin is a predicate on what the caller's ctx says.
func forAdmin(ctx context.Context) bool { return ctx.Value(admin{}) != nil }

func asAdmin(ctx context.Context) context.Context {
	return context.WithValue(ctx, admin{}, true)
}

// exempting are the two places to say it.
var exempting = map[string]struct{ inNew, inCall []memo.Option }{
	"of the call": {nil, []memo.Option{memo.Unless(forAdmin)}},
	"of New":      {[]memo.Option{memo.Unless(forAdmin)}, nil},
	"of both, and the nearer counts": {
		[]memo.Option{memo.Unless(func(context.Context) bool { return true })}, []memo.Option{memo.Unless(forAdmin)}},
}

func TestUnlessTouchesNoTierAndJoinsNoLoad(t *testing.T) {
	t.Parallel()
	for name, opts := range exempting {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				own, _ := f.process(t) // waits for the store to be ready
				must(t, own.Close(context.Background()))
				c := newCache(t, memo.Config{Prefix: "t", Shared: f.store}, opts.inNew...)
				request, end := c.Begin(context.Background())
				defer end()
				around := asAdmin(request)
				hit(t, 0)(f.db.do(t, request, "k", opts.inCall...), nil)
				fn, begun, release := f.db.held("loading")
				loading := later(t, func() (int, error) { return memo.Do(request, "loading", fn, opts.inCall...) })
				<-begun
				f.db.write("k")
				item, s := f.item(t, "t:v:k"), c.Snapshot().Total
				for range 3 {
					hit(t, 1)(f.db.do(t, around, "k", opts.inCall...), nil)
					hit(t, 1)(f.db.refresh(around, "k", opts.inCall...))
					hit(t, 0)(f.db.do(t, around, "loading", opts.inCall...), nil)
				}
				if now := c.Snapshot().Total; now.Bypass-s.Bypass != 9 || now.Calls-s.Calls != 9 || now.Runs != s.Runs {
					t.Errorf("counted %+v, and before %+v", now, s)
				}
				if now := f.item(t, "t:v:k"); now.CAS != item.CAS {
					t.Error("the shared tier has another value")
				}
				for range 2 {
					hit(t, 0)(f.db.do(t, request, "k", opts.inCall...), nil) // cached as ever
				}
				close(release)
				loading()
				if n := f.db.queries("loading"); n != 4 {
					t.Errorf("%d loads, want one and three around it", n)
				}
			})
		})
	}
}

// The other verbs have the Unless of New, and Set and Add one of their own.
func TestUnlessOfTheOtherVerbs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		first, _ := f.process(t)
		must(t, first.Close(context.Background()))
		c := newCache(t, memo.Config{Prefix: "t", Shared: f.store}, memo.Unless(forAdmin))
		plain, _ := f.process(t)
		request, end := c.Begin(context.Background())
		defer end()
		f.db.do(t, request, "k")
		for _, ctx := range []context.Context{asAdmin(request), asAdmin(c.With(context.Background()))} {
			if v, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) {
				t.Errorf("Get: %d, %v, want ErrMiss", v, err)
			}
			if v, ok := memo.Peek[int](ctx, "k"); ok {
				t.Errorf("Peek found %d", v)
			}
		}
		hit(t, 0)(memo.Get[int](request, "k"))
		if v, ok := memo.Peek[int](request, "k"); v != 0 || !ok {
			t.Errorf("Peek: %d, %t, want what is there", v, ok)
		}
		for verb, write := range map[string]func(ctx context.Context, opts ...memo.Option) (bool, error){
			"Set": func(ctx context.Context, opts ...memo.Option) (bool, error) {
				return false, memo.Set(ctx, "k", 7, opts...)
			},
			"Add": func(ctx context.Context, opts ...memo.Option) (bool, error) { return memo.Add(ctx, "k", 7, opts...) },
		} {
			for name, call := range map[string]func() (bool, error){
				"of New":      func() (bool, error) { return write(asAdmin(request)) },
				"of the call": func() (bool, error) { return write(asAdmin(plain.With(context.Background())), memo.Unless(forAdmin)) },
			} {
				f.db.do(t, request, "k")
				if added, err := call(); added || err != nil {
					t.Errorf("%s, %s: %t, %v", verb, name, added, err)
				}
				time.Sleep(aPoll)
				if v, err := memo.Get[int](plain.With(context.Background()), "k"); !errors.Is(err, memo.ErrMiss) {
					t.Errorf("%s, %s: the tiers have %d, %v, want the key dropped", verb, name, v, err)
				}
			}
		}
		f.db.do(t, request, "k")
		f.db.write("k")
		must(t, memo.Invalidate(asAdmin(request), "k"))
		hit(t, 1)(f.db.do(t, request, "k"), nil)
	})
}

// It is asked once for each call, before any tier answers, also where the request has the
// value.
func TestUnlessIsAskedAtEachCall(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	ask := memo.Unless(func(context.Context) bool { asked.Add(1); return false })
	for name, opts := range map[string]struct{ inNew, inCall []memo.Option }{"of the call": {nil, []memo.Option{ask}}, "of New": {[]memo.Option{ask}, nil}} {
		asked.Store(0)
		c, db := newCache(t, memo.Config{}, opts.inNew...), newDatabase()
		request, end := c.Begin(context.Background())
		for range 3 {
			db.do(t, request, "k", opts.inCall...)
			db.do(t, c.With(context.Background()), "k", opts.inCall...)
		}
		end()
		if n := asked.Load(); n != 6 || db.queries("k") != 1 {
			t.Errorf("%s: asked %d times in 6 calls, and %d loads", name, n, db.queries("k"))
		}
	}
}

func TestCacheWithUnlessIsEnabled(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{}, memo.Unless(forAdmin))
	ctx, db := c.With(context.Background()), newDatabase()
	for _, on := range []bool{true, false, true} {
		c.SetEnabled(on)
		if c.Enabled() != on || c.Snapshot().Enabled != on {
			t.Errorf("turned on: %t, and it says the opposite", on)
		}
		db.do(t, ctx, "k")
		db.do(t, ctx, "k")
	}
	if n := db.queries("k"); n != 3 {
		t.Errorf("%d loads, want one, and two while it was off", n)
	}
	hit(t, 1)(db.do(t, asAdmin(ctx), "other")+1, nil)
}

func TestUnlessThatPanics(t *testing.T) {
	t.Parallel()
	c, db := newCache(t, memo.Config{}), newDatabase()
	ctx := c.With(context.Background())
	oops := memo.Unless(func(context.Context) bool { panic("oops") })
	for verb, call := range map[string]func(){
		"Do":  func() { _, _ = memo.Do(ctx, "k", loadNumber, oops) },
		"Set": func() { _ = memo.Set(ctx, "k", 1, oops) },
	} {
		func() {
			defer func() {
				if p := recover(); p != "oops" {
					t.Errorf("%s panicked with %v", verb, p)
				}
			}()
			call()
		}()
	}
	hit(t, 0)(db.do(t, ctx, "k"), nil) // and Close, at the end, waits for nobody
}

func TestUnlessWithoutAFunction(t *testing.T) {
	t.Parallel()
	var misuse *memo.UsageError
	if _, err := memo.Do(newCache(t, memo.Config{}).With(context.Background()), "k", loadNumber, memo.Unless(nil)); !errors.As(err, &misuse) {
		t.Errorf("%v, want a *UsageError", err)
	}
	if _, err := memo.New(memo.Config{}, memo.Unless(nil)); !errors.As(err, &misuse) {
		t.Errorf("New: %v, want a *UsageError", err)
	}
}
