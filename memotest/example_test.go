package memotest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
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
