package examples_test

// snippets_test.go is the code that the README shows beside hello, as a part of
// a program: it compiles here, and the service is run.

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/reqcache"
)

var _ = serve // it would listen for ever: that it compiles is what is tested

func serve(routes http.Handler) error {
	shared, err := memcached.New("10.0.0.5:11211") // .../tiermemo/memo/memcached
	if err != nil {
		return err
	}
	cache, err := memo.New(memo.Config{Prefix: "shop", Shared: shared}, memo.TTL(time.Minute))
	if err != nil {
		return err
	}
	// SIGTERM passes this by: docs/operations.md#stopping has the few lines more.
	defer cache.Close(context.Background())
	return http.ListenAndServe(":8080", nethttp.Middleware(cache)(routes)) // r.Use(...) with chi
}

type shop struct {
	db   *table
	user *memo.Func[int, User] // s.user.Do(ctx, id) is how a handler reads one
}

func newShop(db *table) *shop {
	return &shop{db: db, user: memo.NewFunc(nil, "user", db.user)} // nil: the cache of each ctx
}

func (s *shop) Rename(ctx context.Context, id int, name string) error {
	if err := s.db.rename(ctx, id, name); err != nil {
		return err
	}
	err := s.user.Invalidate(ctx, id) // after the commit
	if errors.Is(err, memo.ErrDeferred) {
		return nil
	}
	return err
}

func job(ctx context.Context, cache *memo.Cache, work func(context.Context) error) error {
	ctx, end := cache.Begin(ctx) // one unit of work, with a memory of its own
	defer end()
	return work(ctx)
}

type User struct{ Name string }

func (s *shop) User(ctx context.Context, id int) (User, error) { return s.user.Do(ctx, id) }

// table is a database of one column.
type table struct {
	mu      sync.Mutex
	names   map[int]string
	queries int
	err     error // of each query
}

func (t *table) user(_ context.Context, id int) (User, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queries++
	if t.err != nil {
		return User{}, t.err
	}
	return User{t.names[id]}, nil
}

func (t *table) rename(_ context.Context, id int, name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names[id] = name
	return nil
}

func TestReadmesServiceReadsWhatItWrote(t *testing.T) {
	t.Parallel()
	cache, err := memo.New(memo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close(context.Background())
	s := newShop(&table{names: map[int]string{7: "Ada"}})
	read := func(want string, queries int) {
		t.Helper()
		u, err := s.User(cache.With(t.Context()), 7)
		if u.Name != want || err != nil || s.db.queries != queries {
			t.Errorf("read %+v after %d queries, %v; want %s after %d", u, s.db.queries, err, want, queries)
		}
	}
	read("Ada", 1)
	inJob := func(ctx context.Context) error {
		u, err := s.User(ctx, 7)
		if reqcache.From(ctx).Len() != 1 {
			t.Errorf("the job read %+v, and does not remember it", u)
		}
		return err
	}
	if err := job(t.Context(), cache, inJob); err != nil {
		t.Error(err)
	}
	read("Ada", 1)
	if err := s.Rename(cache.With(t.Context()), 7, "Grace"); err != nil {
		t.Fatal(err)
	}
	read("Grace", 2)
}
