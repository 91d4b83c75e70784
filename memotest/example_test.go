package memotest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
	"github.com/tiermemo/tiermemo/memotest"
)

// example_test.go is the tour. An Example has no *testing.T: test runs one as
// `go test` would and prints what it fails with.

func test(fn func(t testing.TB)) {
	for _, failure := range run(fn) {
		fmt.Println(failure)
	}
}

func name(ctx context.Context, id int) (string, error) {
	return memo.Do(ctx, memo.Key("user", id), func(context.Context) (string, error) { return "Ada", nil })
}

// A test that says how often a key is loaded. A failure says what was loaded
// instead.
func ExampleNew() {
	test(func(t testing.TB) {
		cache := memotest.New(t)
		ctx := cache.With(t.Context())
		for range 3 {
			if _, err := name(ctx, 7); err != nil {
				t.Errorf("name: %v", err)
			}
		}
		cache.WantLoads(memo.Key("user", 7), 1)
		cache.WantLoads(memo.Key("users", 7), 1) // a slip
	})
	// Output: memotest: users:7 was loaded 0 times, want 1; loaded were: user:7 1×
}

// The application's own Config, but for the server.
func ExampleNewFromConfig() {
	cfg := memo.Config{Name: "shop", Prefix: "shop", MaxRequestEntries: 100} // in production with Shared
	test(func(t testing.TB) {
		cache := memotest.NewFromConfig(t, cfg, memo.TTL(time.Minute))
		fmt.Println(cache.Snapshot().Name, "on", cache.Snapshot().Nodes[0].Name)
	})
	// Output: shop on memotest:11211
}

// A run that failed is a run: its error is not kept.
func ExampleCache_Loads() {
	test(func(t testing.TB) {
		cache := memotest.New(t)
		ctx := cache.With(t.Context())
		for range 2 {
			_, _ = memo.Do(ctx, "rates", func(context.Context) (int, error) { return 0, errors.New("no answer") })
		}
		fmt.Println(cache.Loads("rates"))
	})
	// Output: 2
}

// A failure lists what was loaded instead: here 7 has become a string on its way.
func ExampleCache_WantLoads() {
	test(func(t testing.TB) {
		cache := memotest.New(t)
		id := "7" // as it stands in the path of a URL
		_, _ = memo.Do(cache.With(t.Context()), memo.Key("user", id), func(context.Context) (string, error) { return "Ada", nil })
		cache.WantLoads(memo.Key("user", 7), 1)
	})
	// Output: memotest: user:7 was loaded 0 times, want 1; loaded were: user:'7 1×
}

// Without CatchUp the other process would be right to answer Ada for a while.
func ExampleCache_CatchUp() {
	current := "Ada"
	name := func(c *memotest.Cache) string {
		v, _ := memo.Do(c.With(context.Background()), "name", func(context.Context) (string, error) { return current, nil })
		return v
	}
	test(func(t testing.TB) {
		here := memotest.New(t)
		there := here.Process()
		fmt.Println(name(there))

		current = "Grace" // the commit
		if err := here.Invalidate(t.Context(), "name"); err != nil {
			t.Errorf("invalidate: %v", err)
		}
		there.CatchUp()
		fmt.Println(name(there))
	})
	// Output:
	// Ada
	// Grace
}

// Two processes: the second one reads what the first has loaded, and hears of
// its invalidations.
func ExampleCache_Process() {
	test(func(t testing.TB) {
		here := memotest.New(t)
		there := here.Process()
		fmt.Println(name(here.With(t.Context()), 7))
		fmt.Println(name(there.With(t.Context()), 7))
		fmt.Println("loads:", here.Loads(memo.Key("user", 7)), there.Loads(memo.Key("user", 7)))

		if err := here.Invalidate(t.Context(), memo.Key("user", 7)); err != nil {
			t.Errorf("invalidate: %v", err)
		}
		there.CatchUp()
		fmt.Println(name(there.With(t.Context()), 7))
		fmt.Println("loads:", here.Loads(memo.Key("user", 7)), there.Loads(memo.Key("user", 7)))
	})
	// Output:
	// Ada <nil>
	// Ada <nil>
	// loads: 1 0
	// Ada <nil>
	// loads: 1 1
}

// What a service does while memcached is down.
func ExampleServer_Stop() {
	test(func(t testing.TB) {
		cache := memotest.New(t)
		cache.Server.Stop()
		fmt.Println(name(cache.With(t.Context()), 7))
		err := cache.Invalidate(t.Context(), memo.Key("user", 7))
		fmt.Println(errors.Is(err, memo.ErrDeferred))
	})
	// Output:
	// Ada <nil>
	// true
}

// An invalidation that had to wait is delivered when the server is back.
func ExampleServer_Start() {
	test(func(t testing.TB) {
		cache := memotest.New(t)
		cache.Server.Stop()
		_ = cache.Invalidate(t.Context(), memo.Key("user", 7))
		fmt.Println("waiting:", cache.Snapshot().Nodes[0].Pending)

		cache.Server.Start()
		cache.CatchUp()
		fmt.Println("waiting:", cache.Snapshot().Nodes[0].Pending)
	})
	// Output:
	// waiting: 1
	// waiting: 0
}

func ExampleServer_Stopped() {
	test(func(t testing.TB) {
		server := memotest.New(t).Server
		server.Stop()
		fmt.Println(server.Stopped())
		server.Start()
		fmt.Println(server.Stopped())
	})
	// Output:
	// true
	// false
}

// A restart of memcached: a process that starts after it finds nothing, and
// loads.
func ExampleServer_Flush() {
	test(func(t testing.TB) {
		cache := memotest.New(t)
		_, _ = name(cache.With(t.Context()), 7)
		cache.Server.Flush()
		there := cache.Process()
		_, _ = name(there.With(t.Context()), 7)
		there.WantLoads(memo.Key("user", 7), 1)
	})
	// Output:
}

// A memcached that is short of memory forgets a value. The process that loaded it
// has it still; another one loads.
func ExampleServer_Evict() {
	test(func(t testing.TB) {
		here := memotest.New(t)
		_, _ = name(here.With(t.Context()), 7)
		here.Server.Evict(memo.Key("user", 7))

		there := here.Process()
		for _, cache := range []*memotest.Cache{here, there} {
			_, _ = name(cache.With(t.Context()), 7)
			cache.WantLoads(memo.Key("user", 7), 1)
		}
	})
	// Output:
}

// A server that does not answer reads: each of the first ones waits for
// Config.ReadTimeout, and has its value all the same.
func ExampleServer_Inject() {
	test(func(t testing.TB) {
		cache := memotest.NewFromConfig(t, memo.Config{ReadTimeout: time.Millisecond})
		remove := cache.Server.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Hang: true})
		defer remove()
		fmt.Println(name(cache.With(t.Context()), 7))
	})
	// Output: Ada <nil>
}

// A value that would not come back as it was.
func ExampleRoundTrip() {
	type User struct {
		Name  string
		Since time.Time
		Tags  []string `json:",omitempty"`
	}
	test(func(t testing.TB) {
		memotest.RoundTrip(t, User{Name: "Ada", Since: time.Now(), Tags: []string{}})
	})
	// Output: memotest: values of memotest_test.User stay out of the shared tier: codec: User.Tags ([]string) would not survive: omitempty turns empty into nil
}
