package examples_test

// tiers_test.go is the code of docs/tiers.md: what the author of a tier writes, and
// how an engine is put on it.

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

func TestMyTierConforms(t *testing.T) {
	server := start(t) // one for all
	tiertest.TestShared(t, func(t *testing.T) tier.Shared {
		return tier.Single(dial(t, server)) // yours: a client of its own each time
	})
}

func TestMyTierInMemoryConforms(t *testing.T) {
	store := newStore() // yours
	tiertest.TestShared(t, func(*testing.T) tier.Shared { return &struct{ tier.Shared }{store} })
}

func TestMyLocalConforms(t *testing.T) {
	tiertest.TestLocal(t, func(t *testing.T, capacity int) tier.Local {
		return newLocal(capacity) // yours
	})
}

func TestALoadThatAnInvalidationOvertookIsNotStored(t *testing.T) {
	shared := tiertest.NewFaulty(tiertest.NewMemory())
	cache, err := memo.New(memo.Config{Prefix: "shop", Shared: shared})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close(context.Background())
	ctx := cache.With(t.Context())

	shared.Inject(tiertest.Fault{ // at the moment at which the value is about to be stored
		Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: "shop:v:price", Times: 1,
		Before: func(context.Context, tiertest.Op, []string) {
			if err := cache.Invalidate(context.Background(), "price"); err != nil {
				t.Error(err)
			}
		},
	})
	old, _ := memo.Do(ctx, "price", func(context.Context) (int, error) { return 10, nil })
	now, _ := memo.Do(ctx, "price", func(context.Context) (int, error) { return 12, nil })
	if old != 10 || now != 12 {
		t.Errorf("the prices are %d and %d", old, now)
	}
}

var _ = resolved // which asks a name server

func resolved() (*memcached.Client, error) {
	return memcached.NewFromConfig(memcached.Config{
		Resolve: memcached.Lookup("memcached.default.svc.cluster.local", "11211"),
	})
}

func touch(ctx context.Context, store store, key string, ttl time.Duration) error {
	found, err := store.expire(ctx, key, ttl)
	switch {
	case errors.Is(err, errBadKey):
		return tier.ErrRefused // an answer: the server said no
	case err != nil:
		return err // a failure: it may have been applied, or will be
	case !found:
		return tier.ErrNotFound // an answer
	}
	return nil
}

func start(*testing.T) *tiertest.Memory { return tiertest.NewMemory() }
func newStore() tier.Shared             { return tiertest.NewMemory() }
func newLocal(capacity int) tier.Local  { return lru.New(capacity) }

func dial(_ *testing.T, server *tiertest.Memory) tier.Node {
	return &struct{ tier.Node }{server.Nodes()[0]}
}

// store is some backend's client.
type store interface {
	expire(ctx context.Context, key string, ttl time.Duration) (found bool, err error)
}

var errBadKey = errors.New("store: bad key")

type expires struct {
	found bool
	err   error
}

func (e expires) expire(context.Context, string, time.Duration) (bool, error) { return e.found, e.err }

func TestTiersPagesAnswers(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection reset")
	for _, c := range []struct {
		store expires
		want  error
	}{
		{expires{found: true}, nil}, {expires{}, tier.ErrNotFound}, {expires{err: errBadKey}, tier.ErrRefused}, {expires{err: lost}, lost},
	} {
		if err := touch(t.Context(), c.store, "k", time.Minute); err != c.want || tier.IsAnswer(err) != (c.want != lost) {
			t.Errorf("%+v: %v", c.store, err)
		}
	}
}
