package memo_test

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What a call allocates on the heap, counted. The tests have one P while they
// count, so they are not parallel; under the race detector they only run.

// allocates fails unless one run of call allocates want times.
func allocates(t *testing.T, name string, want float64, call func()) {
	t.Helper()
	if got := testing.AllocsPerRun(1000, call); got != want && !raceEnabled {
		t.Errorf("%s: %v allocations, want %v", name, got, want)
	}
}

func loadNumber(context.Context) (int, error) { return 1 << 30, nil }
func loadText(context.Context) (string, error) {
	return "a text that is not a constant of the runtime", nil
}

func TestHitAllocations(t *testing.T) {
	c := newCache(t, memo.Config{})
	request, end := c.Begin(context.Background())
	defer end()
	number, text, who := hit(t, 1<<30), hit(t, "a text that is not a constant of the runtime"), hit(t, user{ID: 7, Name: "Ada"})
	for where, ctx := range map[string]context.Context{"L1": request, "L2": c.With(context.Background())} {
		allocates(t, where+", an int", 0, func() { number(memo.Do(ctx, "number", loadNumber)) })
		allocates(t, where+", a string", 0, func() { text(memo.Do(ctx, "text", loadText)) })
		allocates(t, where+", a struct", 0, func() { who(memo.Do(ctx, "user:7", loadUser)) })
		allocates(t, where+", with a TTL", 0, func() { who(memo.Do(ctx, "user:7", loadUser, memo.TTL(time.Minute))) })
		allocates(t, where+", with two options", 0, func() {
			who(memo.Do(ctx, "user:7", loadUser, memo.TTL(time.Minute), memo.LoadTimeout(time.Second)))
		})
		allocates(t, where+", with all options about time", 0, func() {
			who(memo.Do(ctx, "user:7", loadUser, memo.TTL(time.Minute), memo.Jitter(0.1), memo.Stale(time.Minute), memo.StaleIfError(time.Hour), memo.EarlyRefresh(1), memo.NegativeTTL(time.Second)))
		})
		allocates(t, where+", with a Name", 0, func() { who(memo.Do(ctx, "user:7", loadUser, memo.Name("front page"))) })
		for name, opt := range map[string]memo.Option{
			"LocalOnly": memo.LocalOnly(), "SharedOnly": memo.SharedOnly(), "NoStore": memo.NoStore(), "LocalTTL": memo.LocalTTL(time.Second),
			"SkipNil": memo.SkipNil(), "Version": memo.Version(3),
		} {
			allocates(t, where+", with "+name, 0, func() { who(memo.Do(ctx, "user:7", loadUser, memo.TTL(time.Minute), opt)) })
		}
		allocates(t, where+", with options made for the call", 0, func() {
			who(memo.Do(ctx, "user:7", loadUser, memo.TTL(time.Minute), memo.LocalTTL(time.Second), memo.Version(3), memo.TagsFrom(tagUser), memo.SkipNil()))
		})
		id, wide := 7, 1<<30
		allocates(t, where+", a key concatenated for the call", 0, func() { who(memo.Do(ctx, "user:"+strconv.Itoa(id), loadUser)) })
		allocates(t, where+", a fn that captures", 1, func() {
			who(memo.Do(ctx, "user:7", func(context.Context) (user, error) { return user{ID: id, Name: "Ada"}, nil }))
		})

		// A key of memo.Key is the caller's, and Do does not keep it: up to 32 bytes are on the caller's stack.
		allocates(t, where+", a key of memo.Key", 0, func() { who(memo.Do(ctx, memo.Key("user", id), loadUser)) })
		allocates(t, where+", a key of memo.Key with a large number, which is in a box", 1, func() {
			wide ^= 1
			who(memo.Do(ctx, memo.Key("user", wide), loadUser))
		})
		allocates(t, where+", a key of memo.Key of 32 bytes", 0, func() { who(memo.Do(ctx, memo.Key("user", "abcdefghijklmnopqrstuvwxyz_"), loadUser)) })
		allocates(t, where+", a longer key of memo.Key", 1, func() { who(memo.Do(ctx, memo.Key("user", "abcdefghijklmnopqrstuvwxyz_1"), loadUser)) })
		made := memo.Key("user", wide)
		allocates(t, where+", a key of memo.Key made before", 0, func() { who(memo.Do(ctx, made, loadUser)) })
	}
}

func tagUser(u user) []string { return []string{u.Name} }

// With a shared tier a hit in L2 looks at the time of the last poll as well.
func TestSharedHitAllocations(t *testing.T) {
	c := newCache(t, patient(memo.Config{Prefix: "t", Shared: tiertest.NewMemory(), PollInterval: patience / 2}))
	who := hit(t, user{ID: 7, Name: "Ada"})
	request, end := c.Begin(context.Background())
	defer end()
	for where, ctx := range map[string]context.Context{"L1": request, "L2": c.With(context.Background())} {
		allocates(t, where+" above a shared tier", 0, func() { who(memo.Do(ctx, "user:7", loadUser)) })
	}
}

// A request is its context with its memory in one, which has room for four keys.
func TestRequestAllocations(t *testing.T) {
	c := newCache(t, memo.Config{})
	who := hit(t, user{ID: 7, Name: "Ada"})
	outer := c.With(context.Background())
	who(memo.Do(outer, "user:7", loadUser))
	allocates(t, "a request without a call", 1, func() {
		_, end := c.Begin(context.Background())
		end()
	})
	allocates(t, "a request with one hit in L2, and two in L1", 1, func() {
		ctx, end := c.Begin(context.Background())
		for range 3 {
			who(memo.Do(ctx, "user:7", loadUser))
		}
		end()
	})
	allocates(t, "With", 1, func() { _ = c.With(context.Background()) })
}

// A miss is the caller's key, cloned; the load with its flight and the loader's ctx; its
// goroutine; the value and its entry. Options of a call are a policy of its own; those of a
// Func are added up once.
func TestMissAllocations(t *testing.T) {
	names := make([]string, 8192)
	for i := range names {
		names[i] = "user:" + strconv.Itoa(i)
	}
	c := newCache(t, memo.Config{Local: lru.New(256)})
	ctx := c.With(context.Background())
	i := 0
	next := func() string { i++; return names[i%len(names)] }
	for range names { // the maps have grown
		_, _ = memo.Do(ctx, next(), loadUser)
	}
	who := hit(t, user{ID: 7, Name: "Ada"})
	allocates(t, "a miss", 5, func() { who(memo.Do(ctx, next(), loadUser)) })
	allocates(t, "a miss with options", 6, func() { who(memo.Do(ctx, next(), loadUser, memo.TTL(time.Minute), memo.Stale(time.Minute))) })
	get := memo.NewFunc(c, "user", func(context.Context, int) (user, error) { return user{ID: 7, Name: "Ada"}, nil }, memo.TTL(time.Minute))
	for range names {
		_, _ = get.Do(ctx, i)
		i++
	}
	allocates(t, "a miss of a Func", 6, func() { who(get.Do(ctx, i)); i++ })
	allocates(t, "a miss that L2 does not keep", 6, func() { who(memo.Do(ctx, next(), loadUser, memo.NoStore())) })
}

// An invalidation that nobody else has to hear of puts nothing on the heap.
func TestInvalidationAllocations(t *testing.T) {
	c := newCache(t, memo.Config{})
	request, end := c.Begin(context.Background())
	defer end()
	f := memo.NewFunc(c, "user", func(context.Context, int) (user, error) { return user{ID: 7}, nil })
	check := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	for where, ctx := range map[string]context.Context{"in a request": request, "outside of one": c.With(context.Background())} {
		id, key := 1<<30, memo.Key("user", 1<<30)
		allocates(t, where+", by a Func", 0, func() { check(f.Invalidate(ctx, id)) })
		allocates(t, where+", by a key", 0, func() { check(memo.Invalidate(ctx, key)) })
	}
}

// Who waits for another's load has the runtime note for what it waits.
func TestWaiterAllocations(t *testing.T) {
	for how, ask := range map[string]func(ctx context.Context, f *memo.Func[string, int], load func(context.Context) (int, error)) (int, error){
		"Do": func(ctx context.Context, _ *memo.Func[string, int], load func(context.Context) (int, error)) (int, error) {
			return memo.Do(ctx, "user:7", load)
		},
		"Do with a TTL": func(ctx context.Context, _ *memo.Func[string, int], load func(context.Context) (int, error)) (int, error) {
			return memo.Do(ctx, "user:7", load, memo.TTL(time.Minute))
		},
		"a Func": func(ctx context.Context, f *memo.Func[string, int], _ func(context.Context) (int, error)) (int, error) {
			return f.Do(ctx, "7")
		},
	} {
		t.Run(how, func(t *testing.T) { waiterAllocations(t, ask) })
	}
}

func waiterAllocations(t *testing.T, ask func(ctx context.Context, f *memo.Func[string, int], load func(context.Context) (int, error)) (int, error)) {
	const waiters = 2000
	var before, after runtime.MemStats
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx, cancel := context.WithCancel(c.With(context.Background()))
		defer cancel()
		begin, land := make(chan struct{}), make(chan struct{})
		load := func(context.Context) (int, error) { <-land; return 7, nil }
		f := memo.NewFunc(nil, "user", func(ctx context.Context, _ string) (int, error) { return load(ctx) }, memo.TTL(time.Minute))
		var all sync.WaitGroup
		for range waiters {
			all.Go(func() {
				<-begin
				if v, err := ask(ctx, f, load); v != 7 || err != nil {
					t.Error(v, err)
				}
			})
		}
		synctest.Wait()
		runtime.ReadMemStats(&before)
		close(begin)
		synctest.Wait()
		close(land)
		all.Wait()
		runtime.ReadMemStats(&after)
	})
	if n := float64(after.Mallocs-before.Mallocs) / waiters; n > 1.1 && !raceEnabled {
		t.Errorf("%.2f allocations for each who waits, want 1", n)
	}
	if n := float64(after.TotalAlloc-before.TotalAlloc) / waiters; n > 125 && !raceEnabled {
		t.Errorf("%.0f bytes for each who waits, want 112", n)
	}
}

// Who finds a value that is past its time, and is refreshed, allocates nothing.
func TestStaleAllocations(t *testing.T) {
	c := newCache(t, memo.Config{})
	who := hit(t, user{ID: 7, Name: "Ada"})
	request, end := c.Begin(context.Background())
	defer end()
	ctx := c.With(context.Background())
	options := []memo.Option{memo.TTL(time.Hour), memo.Stale(time.Hour)}
	who(memo.Do(ctx, "user:7", loadUser, options...))
	if err := memo.Expire(ctx, "user:7"); err != nil {
		t.Fatal(err)
	}
	land := make(chan struct{})
	defer close(land)
	refresh := func(context.Context) (user, error) { <-land; return user{ID: 8}, nil }
	for where, ctx := range map[string]context.Context{"L2": ctx, "L1": request} {
		allocates(t, where+", while it is refreshed", 0, func() { who(memo.Do(ctx, "user:7", refresh, options...)) })
	}
}

// The allocator adds 8 bytes, and 576 is one of its sizes; the next one is 640.
func TestLoadIsOfASizeOfTheAllocators(t *testing.T) {
	t.Parallel()
	if memo.LoadBytes > 568 {
		t.Errorf("a load of its own takes %d bytes, want 568: what few loads need is to lie elsewhere", memo.LoadBytes)
	}
}
