package features_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// django-cache-utils, U-12 to U-33: what is past its time, direct use, names, logs.

func TestU12_ProcessesThatBeginAGroupAtOnceDoNotOrphanEachOther(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	fleet := start(t, server, db, 2)
	a, b := fleet[0], fleet[1]
	group := options{Tags: []string{"group"}}
	a.call("hold", "f:1")
	b.call("hold", "f:2")
	one, two := a.send("do", group, "f:1"), b.send("do", group, "f:2")
	a.call("begun", "f:1")
	b.call("begun", "f:2") // neither has found the other's marker
	a.call("release", "f:1")
	b.call("release", "f:2")
	for _, wait := range []func() (string, error){one, two} {
		if _, err := wait(); err != nil {
			t.Error(err)
		}
	}
	_, third := bound(t, on(t, server))
	for _, k := range []string{"f:1", "f:2"} {
		db.do(t, third, k, memo.Tags("group"))
		same(t, "loads of "+k, db.reads(t, k), 1)
	}
}

// mint are the ways to store what may be served past its time: the package's own lost it
// for two of them.
func mint() map[string][]memo.Option {
	return map[string][]memo.Option{"plain": nil, "in a group": {memo.Tags("group")}}
}

func TestU17_PastItsTimeOneRefreshesAndTheOthersGetTheOldValue(t *testing.T) {
	t.Parallel()
	for name, more := range mint() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				_, a, b := two(t, memo.TTL(time.Minute), memo.Stale(30*time.Second))
				var runs counter
				slow := func(context.Context) (int, error) {
					run := runs.run("k")
					time.Sleep(300 * time.Millisecond)
					return run, nil
				}
				all := func(want int, most time.Duration) {
					t.Helper()
					var callers sync.WaitGroup
					for i := range 50 {
						callers.Go(func() {
							begin := time.Now()
							v, err := memo.Do([]context.Context{a, b}[i%2], "k", slow, more...)
							if v != want || err != nil || time.Since(begin) > most {
								t.Errorf("got run %d, %v after %v, want %d within %v", v, err, time.Since(begin), want, most)
							}
						})
					}
					callers.Wait()
				}
				all(1, time.Minute) // cold: one run, in two processes
				same(t, "runs when it was cold", runs.runs("k"), 1)
				time.Sleep(time.Minute + time.Second)
				all(1, 5*time.Millisecond) // past its time: the old one, at once
				time.Sleep(time.Second)
				same(t, "runs when the refresh has ended", runs.runs("k"), 2)
				all(2, 5*time.Millisecond)
			})
		})
	}
}

func TestU17_TwoProcessesLoadOnceWhenItIsColdAndOnceWhenItIsOld(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	processes := start(t, server, db, 2)
	for name, tags := range map[string][]string{"plain": nil, "grouped": {"group"}} {
		stale := options{TTL: time.Hour, Stale: time.Hour, Tags: tags}
		every := func(op string, n int) (waits []func() (string, error)) {
			for range n {
				for _, p := range processes {
					waits = append(waits, p.send(op, stale, name))
				}
			}
			return waits
		}
		values := func(waits []func() (string, error), want string) {
			t.Helper()
			for _, wait := range waits {
				if v, err := wait(); v != want || err != nil {
					t.Errorf("%s: got %q, %v, want %q", name, v, err, want)
				}
			}
		}
		db.write(t, name, "old")
		values(every("hold", 1), "")
		cold := every("do", 50)
		values(every("release", 1), "")
		values(cold, "old")
		same(t, name+": loads when it was cold", db.reads(t, name), 1)

		db.write(t, name, "new")
		values(every("hold", 1), "")
		processes[0].call("expire", name)
		processes[1].call("catchUp")
		values(every("do", 50), "old") // nobody waits for the refresh, which is held
		values(every("release", 1), "")
		for db.reads(t, name) < 2 || processes[0].with("do", stale, name) != "new" || processes[1].with("do", stale, name) != "new" {
			<-time.After(time.Millisecond)
		}
		same(t, name+": loads when it was old", db.reads(t, name), 2)
	}
}

func TestU18_ARefreshThatFailsIsTriedAgainUntilTheEndOfTheWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, ctx := bound(t, memo.Config{Shared: tiertest.NewMemory()}, memo.TTL(time.Minute), memo.Stale(30*time.Second))
		var runs counter
		var fails atomic.Bool
		broken := errors.New("broken")
		read := func() (int, error) {
			return memo.Do(ctx, "k", func(context.Context) (int, error) {
				if run := runs.run("k"); !fails.Load() {
					return run, nil
				}
				return 0, broken
			})
		}
		if v, err := read(); v != 1 || err != nil {
			t.Fatal(v, err)
		}
		fails.Store(true)
		time.Sleep(time.Minute + time.Second)
		for range 25 {
			if v, err := read(); v != 1 || err != nil {
				t.Fatalf("within the window: %d, %v", v, err)
			}
			time.Sleep(time.Second)
		}
		if n := runs.runs("k"); n < 3 {
			t.Errorf("%d runs: the refresh was tried only once", n)
		}
		time.Sleep(10 * time.Second)
		if _, err := read(); !errors.Is(err, broken) {
			t.Errorf("past the window: %v, want the function's error", err)
		}
		fails.Store(false)
		if v, err := read(); v != runs.runs("k") || err != nil {
			t.Errorf("when it works again: %d, %v", v, err)
		}
	})
}

func TestU20_TheFirstAddWins(t *testing.T) {
	t.Parallel()
	_, a, b := two(t)
	var added atomic.Int64
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			ok, err := memo.Add([]context.Context{a, b}[i%2], "k", i, memo.Stale(time.Hour))
			if err != nil {
				t.Error(err)
			}
			if ok {
				added.Add(1)
			}
		})
	}
	all.Wait()
	same(t, "added", added.Load(), 1)
}

func TestU21_AMissIsTellableFromEveryValue(t *testing.T) {
	t.Parallel()
	_, ctx := bound(t, memo.Config{})
	if v, err := memo.Get[int](ctx, "k"); v != 0 || !errors.Is(err, memo.ErrMiss) {
		t.Errorf("Get: %d, %v, want ErrMiss", v, err)
	}
	if v, ok := memo.Peek[int](ctx, "k"); v != 0 || ok {
		t.Errorf("Peek: %d, %t", v, ok)
	}
	must(t, memo.Set(ctx, "k", 0))
	if v, err := memo.Get[int](ctx, "k"); v != 0 || err != nil {
		t.Errorf("Get of a zero: %d, %v", v, err)
	}
}

func TestU23_ATTLIsWhatItSaysAndOnlyStaleAddsToIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		_, ctx := bound(t, memo.Config{Shared: store})
		must(t, memo.Set(ctx, "plain", 1, memo.TTL(time.Minute)))
		must(t, memo.Set(ctx, "stale", 1, memo.TTL(time.Minute), memo.Stale(30*time.Second)))
		fresh := func(key string, want bool) {
			t.Helper()
			_, other := bound(t, memo.Config{Shared: store})
			for _, ctx := range []context.Context{ctx, other} {
				_, err := memo.Get[int](ctx, key)
				same(t, key+" is there", err == nil, want)
			}
		}
		time.Sleep(59 * time.Second)
		fresh("plain", true)
		fresh("stale", true)
		time.Sleep(2 * time.Second)
		fresh("plain", false)
		var runs counter
		runs.run("stale")
		same(t, "past its time, within its window", runs.do(t, ctx, "stale"), 1)
		time.Sleep(time.Second) // the refresh has ended
		same(t, "after the refresh", runs.do(t, ctx, "stale"), 2)
	})
}

func TestU24_ClearIsAboutOneCacheAndNotTheServer(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	c, ctx := bound(t, on(t, server))
	cfg := on(t, server)
	cfg.Prefix = "another"
	_, other := bound(t, cfg)
	foreign(t, server, "session:1", "somebody else's")
	db.do(t, ctx, "k")
	db.do(t, other, "l")
	must(t, c.InvalidateAll(background))
	db.do(t, ctx, "k")
	same(t, "loads of what was cleared", db.reads(t, "k"), 2)
	db.do(t, memo.Fresh(other), "l")
	same(t, "loads of another cache's", db.reads(t, "l"), 1)
	same(t, "another program's item is there", has(t, server, "session:1"), true)
}

func TestU25_RefreshReplacesTheValueInEveryTierWhileOthersRead(t *testing.T) {
	t.Parallel()
	store := tiertest.NewMemory()
	c, ctx := bound(t, memo.Config{Shared: store})
	var runs counter
	f := memo.NewFunc(c, "f", func(_ context.Context, n int) (int, error) { return runs.run(fmt.Sprint(n)), nil })
	request, end := c.Begin(ctx)
	defer end()
	if v, err := f.Do(request, 7); v != 1 || err != nil {
		t.Fatal(v, err)
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			last := 1
			for {
				select {
				case <-stop:
					return
				default:
				}
				v, err := f.Do(ctx, 7)
				if err != nil || v < last {
					t.Errorf("a reader got run %d, %v, after run %d", v, err, last)
					return
				}
				last = v
			}
		})
	}
	for want := 2; want <= 20; want++ {
		if v, err := f.Refresh(request, 7); v != want || err != nil {
			t.Errorf("Refresh: run %d, %v, want %d", v, err, want)
		}
	}
	close(stop)
	readers.Wait()
	_, other := bound(t, memo.Config{Shared: store})
	for name, ctx := range map[string]context.Context{"the request": request, "the process": ctx, "another process": other} {
		if v, err := memo.Get[int](ctx, f.Key(7)); v != 20 || err != nil {
			t.Errorf("%s has run %d, %v, want 20", name, v, err)
		}
	}
}

func TestU26_OnlyFromTheCache(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	runs := 0
	f := memo.NewFunc(c, "f", func(context.Context, int) (string, error) {
		runs++
		return "", nil
	})
	if _, err := f.Get(ctx, 1); !errors.Is(err, memo.ErrMiss) || runs != 0 {
		t.Errorf("what is not cached: %v after %d runs, want ErrMiss", err, runs)
	}
	if _, err := f.Do(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if v, err := f.Get(ctx, 1); v != "" || err != nil {
		t.Errorf("an empty text that is cached: %q, %v", v, err)
	}
	must(t, f.Invalidate(ctx, 1))
	if _, err := f.Get(ctx, 1); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("what was invalidated: %v, want ErrMiss", err)
	}
}

func TestU27_TheKeyOfACallIsTheOneItUses(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	f := memo.NewFunc(c, "f", func(_ context.Context, m member2) (int, error) { return m.ID, nil })
	k := member2{"a", 7}
	if _, err := f.Do(ctx, k); err != nil {
		t.Fatal(err)
	}
	if v, err := memo.Get[int](ctx, f.Key(k)); v != 7 || err != nil {
		t.Errorf("under the key of the call: %d, %v", v, err)
	}
	must(t, memo.Invalidate(ctx, f.Key(k)))
	if _, ok := f.Peek(ctx, k); ok {
		t.Error("it is there after its key was invalidated")
	}
}

// page is an address, whatever order its query is in.
type page struct{ url string }

func (p page) CacheKey() string {
	u, err := url.Parse(p.url)
	if err != nil {
		return p.url
	}
	u.RawQuery = u.Query().Encode()
	return u.String()
}

func TestU28_AFunctionHasTheNameThatItIsGiven(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	load := func(context.Context, page) (int, error) { return 1, nil }
	f := memo.NewFunc(c, "foo", load) // test_key_override
	same(t, "its name", f.Name(), "foo")
	same(t, "a key", f.Key(page{"/films?b=2&a=1"}), memo.Key("foo", page{"/films?a=1&b=2"}))
	if !strings.HasPrefix(f.Key(page{"/"}), "foo:") {
		t.Errorf("the key %q does not begin with the name", f.Key(page{"/"}))
	}
	// test_key: what the key normalises is one call
	runs := 0
	g := memo.NewFunc(c, "bar", func(context.Context, page) (int, error) { runs++; return 1, nil })
	for _, u := range []string{"/films?b=2&a=1", "/films?a=1&b=2"} {
		if _, err := g.Do(ctx, page{u}); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "runs of two spellings", runs, 1)
	for what, declare := range map[string]func(){ // test_invalid_blank_str_key, test_invalid_non_str_key
		"an empty name":      func() { memo.NewFunc(c, "", load) },
		"a name twice":       func() { memo.NewFunc(c, "foo", load) },
		"a pointer as key":   func() { memo.NewFunc(c, "p", func(context.Context, *bare) (int, error) { return 1, nil }) },
		"no function":        func() { memo.NewFunc[int, int](c, "none", nil) },
		"a TTL of no time":   func() { memo.NewFunc(c, "ttl", load, memo.TTL(0)) },
		"another's Clone":    func() { memo.NewFunc(c, "clone", load, memo.Clone(func(s string) string { return s })) },
		"another's argument": func() { memo.NewFunc(c, "tags", load, memo.TagsFunc(func(string) []string { return nil })) },
	} {
		func() {
			defer func() {
				err, _ := recover().(error)
				var wrong *memo.UsageError
				if !errors.As(err, &wrong) {
					t.Errorf("%s: %v, want a *UsageError", what, err)
				}
			}()
			declare()
		}()
	}
}

// secret is an argument that must not be seen in memcached.
type secret string

func (s secret) CacheKey() string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }

func TestU29_AnArgumentThatSpeaksInHashesIsNowhereInMemcached(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	c, ctx := bound(t, on(t, server))
	var runs counter
	f := memo.NewFunc(c, "f", func(_ context.Context, s secret) (int, error) { return runs.run(string(s)), nil },
		memo.TagsFunc(func(s secret) []string { return []string{memo.Key("by", s)} }))
	token := secret("ann@example.com")
	for range 2 {
		if v, err := f.Do(ctx, token); v != 1 || err != nil {
			t.Errorf("run %d, %v", v, err)
		}
	}
	must(t, f.Invalidate(ctx, token))
	if v, err := f.Do(ctx, token); v != 2 || err != nil {
		t.Errorf("after its invalidation: run %d, %v", v, err)
	}
	items := dump(t, server)
	for _, i := range items {
		if strings.Contains(i.key+i.value, "ann") || strings.Contains(i.key+i.value, "example.com") {
			t.Errorf("memcached shows the argument: %q = %q", i.key, i.value)
		}
	}
	if len(items) < 3 {
		t.Errorf("memcached has %d items: was anything stored?", len(items))
	}
}

// product goes by one of its fields.
type product struct {
	A int
	B string
}

func (p product) CacheKey() string { return fmt.Sprint(p.A) }

func TestU30_AnObjectGoesByTheFieldsThatItNames(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	var runs counter
	f := memo.NewFunc(c, "f", func(_ context.Context, p product) (int, error) { return runs.run(fmt.Sprint(p.A)), nil })
	want := func(p product, run int) {
		t.Helper()
		v, err := f.Do(ctx, p)
		must(t, err)
		same(t, fmt.Sprint(p), v, run)
	}
	want(product{1, "x"}, 1)
	want(product{1, "y"}, 1)
	want(product{2, "x"}, 1)
	same(t, "runs", runs.runs("1")+runs.runs("2"), 2)
	must(t, f.Invalidate(ctx, product{1, "z"}))
	want(product{1, "x"}, 2)
	want(product{2, "x"}, 1)
}

func TestU31_ManyGoroutinesShareOneClient(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	_, ctx := bound(t, on(t, server))
	var all sync.WaitGroup
	for g := range 64 {
		all.Go(func() {
			for i := range 20 {
				k := memo.Key("f", g%8, i)
				v, err := memo.Do(ctx, k, func(context.Context) (string, error) { return k, nil })
				if v != k || err != nil {
					t.Errorf("%s: %q, %v", k, v, err)
				}
				if i%5 == 0 {
					if err := memo.Invalidate(ctx, k); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
}

func TestU32_ASaveForgetsWhatWasMadeOfItsKind(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	fleet := start(t, server, db, 2)
	a, b := fleet[0], fleet[1]
	made := map[string]options{"user list": {Tags: []string{"model:user"}}, "basket": {Tags: []string{"model:user", "model:item"}}, "stock": {Tags: []string{"model:item"}}}
	for key, of := range made {
		db.write(t, key, "old")
		a.with("do", of, key)
		db.write(t, key, "new")
	}
	b.call("invalidateTags", "model:user") // a user was saved, or deleted, in a process that has none of them
	a.call("catchUp")
	for key, want := range map[string]string{"user list": "new", "basket": "new", "stock": "old"} {
		same(t, key, a.with("do", made[key], key), want)
	}
}

func TestU33_HitsAndMissesAreCountedAndAZeroIsAHit(t *testing.T) {
	t.Parallel()
	_, a, b := two(t)
	log := &journal{}
	c, ctx := bound(t, memo.Config{Logger: log.logger()})
	zero := func(context.Context) (int, error) { return 0, nil }
	read := func(ctx context.Context) {
		v, err := memo.Do(ctx, "k", zero)
		must(t, err)
		same(t, "the value", v, 0)
	}
	request, end := c.Begin(background)
	read(request) // a load, then a hit of the request, then one of the process
	read(request)
	end()
	read(ctx)
	if _, err := memo.Get[int](ctx, "other"); !errors.Is(err, memo.ErrMiss) {
		t.Error(err)
	}
	must(t, memo.Invalidate(ctx, "k"))
	s := c.Snapshot().Total
	for what, pair := range map[string][2]uint64{"calls": {s.Calls, 4}, "loads": {s.Loads, 1}, "L1": {s.L1, 1}, "L2": {s.L2, 1}, "misses": {s.Miss, 1}, "invalidated": {s.Invalidations.Keys, 1}} {
		same(t, what, pair[0], pair[1])
	}
	read(a)
	read(b)
	same(t, "hits of the shared tier", memo.From(b).Snapshot().Total.L3, 1)
	if memo.From(a).Snapshot().Total.ValueBytes == 0 {
		t.Error("no bytes are counted")
	}
	if said := log.String(); said != "" {
		t.Errorf("a hit, a miss and a delete wrote lines to the log:\n%s", said)
	}
	distinct(t, map[string]string{"('a-b', 'c')": memo.Key("a-b", "c"), "('a', 'b-c')": memo.Key("a", "b-c")})
}
