package examples_test

// loading_test.go is the code of docs/loading.md: what a loader may rely on, and
// what its callers get.

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memotest"
)

type Basket struct {
	Owner User
	Items []string
}

func (s *shop) Basket(ctx context.Context, id int) (Basket, error) {
	return memo.Do(ctx, memo.Key("basket", id), func(ctx context.Context) (Basket, error) { // this ctx, not the one outside
		owner, err := s.User(ctx, id)
		if err != nil {
			return Basket{}, err
		}
		items, err := s.items(ctx, id)
		return Basket{owner, items}, err
	})
}

func (s *shop) UserSoon(ctx context.Context, id int) (User, error) {
	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	user, err := s.User(ctx, id)
	if errors.Is(err, context.DeadlineExceeded) {
		return User{Name: "somebody"}, nil // the load goes on a little, and fills the cache for the next caller
	}
	return user, err
}

func (s *shop) FindUser(ctx context.Context, name string) (*User, error) {
	return memo.Do(ctx, memo.Key("user by name", name), func(ctx context.Context) (*User, error) {
		user, err := s.find(ctx, name)
		if errors.Is(err, errNoRows) {
			return nil, nil // that there is nobody is a value, and is kept
		}
		return user, err // an error is not
	}, memo.TTL(10*time.Second))
}

func (s *shop) SortedItems(ctx context.Context, id int) ([]string, error) {
	items, err := memo.Do(ctx, memo.Key("items", id), func(ctx context.Context) ([]string, error) {
		return s.items(ctx, id)
	}, memo.Clone(slices.Clone[[]string]))
	slices.Sort(items) // a copy of this caller's own
	return items, err
}

func (s *shop) KnownUser(ctx context.Context, id int) (User, bool) {
	user, err := memo.Get[User](ctx, memo.Key("user", id)) // asks the tiers, and loads nothing
	return user, err == nil
}

type traceID struct{}

func traced() memo.Config {
	return memo.Config{
		LoadContext: func(ctx context.Context) context.Context {
			return context.WithValue(context.Background(), traceID{}, ctx.Value(traceID{}))
		},
	}
}

var errNoRows = errors.New("no rows")

func (s *shop) items(context.Context, int) ([]string, error) { return []string{"tea", "cup"}, nil }

func (s *shop) find(_ context.Context, name string) (*User, error) {
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	s.db.queries++
	for _, n := range s.db.names {
		if n == name {
			return &User{n}, nil
		}
	}
	return nil, errNoRows
}

func TestLoadingPage(t *testing.T) {
	t.Parallel()
	cache := memotest.New(t)
	ctx := cache.With(t.Context())
	s := newShop(newTable())

	if _, known := s.KnownUser(ctx, 7); known {
		t.Error("a user is known that nobody has loaded")
	}
	if b, err := s.Basket(ctx, 7); b.Owner.Name != "Ada" || err != nil {
		t.Errorf("the basket is %+v, %v", b, err)
	}
	if u, known := s.KnownUser(ctx, 7); !known || u.Name != "Ada" {
		t.Errorf("the loader of the basket left %+v, %t", u, known)
	}
	for range 2 {
		if items, err := s.SortedItems(ctx, 7); !slices.Equal(items, []string{"cup", "tea"}) || err != nil {
			t.Errorf("the items are %q, %v", items, err)
		}
		if u, err := s.FindUser(ctx, "Nobody"); u != nil || err != nil {
			t.Errorf("found %+v, %v", u, err)
		}
	}
	if kept, err := memo.Get[[]string](ctx, memo.Key("items", 7)); kept[0] != "tea" || err != nil {
		t.Errorf("the copies' owner changed the original: %q, %v", kept, err)
	}
	cache.WantLoads(memo.Key("user by name", "Nobody"), 1)
}

func TestLoadingPagesTrace(t *testing.T) {
	t.Parallel()
	cfg := traced()
	cache := memotest.NewFromConfig(t, cfg)
	ctx := context.WithValue(cache.With(t.Context()), traceID{}, "4bf9")
	seen, err := memo.Do(ctx, "k", func(ctx context.Context) (string, error) {
		id, _ := ctx.Value(traceID{}).(string)
		return id, nil
	})
	if seen != "4bf9" || err != nil {
		t.Errorf("the loader saw %q, %v", seen, err)
	}
}

// Who is not patient enough leaves; the load has a grace, and is kept.
func TestLoadingPagesImpatientCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache := memotest.New(t)
		ctx := cache.With(t.Context())
		go func() {
			_, _ = memo.Do(ctx, memo.Key("user", 7), func(context.Context) (User, error) {
				time.Sleep(100 * time.Millisecond)
				return User{"Ada"}, nil
			})
		}()
		synctest.Wait()
		s := newShop(newTable())
		if u, err := s.UserSoon(ctx, 7); u.Name != "somebody" || err != nil {
			t.Errorf("the impatient one got %+v, %v", u, err)
		}
		time.Sleep(time.Second)
		if u, err := s.UserSoon(ctx, 7); u.Name != "Ada" || err != nil {
			t.Errorf("the next one got %+v, %v", u, err)
		}
	})
}
