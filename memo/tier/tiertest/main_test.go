package tiertest_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// main_test.go has what all tests of this package share.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// methods calls each method of a Node on one key.
var methods = map[string]func(ctx context.Context, n tier.Node, key string) error{
	"GetMulti": func(ctx context.Context, n tier.Node, key string) error {
		return n.GetMulti(ctx, []string{"other", key}, make([]tier.Item, 2))
	},
	"Add": func(ctx context.Context, n tier.Node, key string) error {
		return n.Add(ctx, key, []byte("7"), time.Minute)
	},
	"CompareAndSwap": func(ctx context.Context, n tier.Node, key string) error {
		return n.CompareAndSwap(ctx, key, 1, []byte("7"), time.Minute)
	},
	"CompareAndDelete": func(ctx context.Context, n tier.Node, key string) error {
		return n.CompareAndDelete(ctx, key, 1)
	},
	"Incr": func(ctx context.Context, n tier.Node, key string) error {
		_, err := n.Incr(ctx, key, 1)
		return err
	},
	"Touch": func(ctx context.Context, n tier.Node, key string) error {
		return n.Touch(ctx, key, time.Minute)
	},
	"Delete": func(ctx context.Context, n tier.Node, key string) error {
		return n.Delete(ctx, "other", key)
	},
}

func get(t testing.TB, n tier.Node, key string) tier.Item {
	t.Helper()
	var items [1]tier.Item
	if err := n.GetMulti(t.Context(), []string{key}, items[:]); err != nil {
		t.Fatalf("GetMulti(%q): %v", key, err)
	}
	return items[0]
}

func add(t testing.TB, n tier.Node, key, value string, ttl time.Duration) tier.Item {
	t.Helper()
	if err := n.Add(t.Context(), key, []byte(value), ttl); err != nil {
		t.Fatalf("Add(%q): %v", key, err)
	}
	return get(t, n, key)
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
