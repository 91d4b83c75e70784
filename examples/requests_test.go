package examples_test

// requests_test.go is the code of docs/requests.md: what a request's memory does for
// its goroutines, for jobs, and for those who want nothing else.

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memotest"
	"github.com/tiermemo/tiermemo/reqcache"
)

func routes(cache *memo.Cache, s *shop) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		user, err := s.User(r.Context(), 7) // every function below hands on r.Context()
		respond(w, user.Name, err)
	})
	return nethttp.Middleware(cache)(mux)
}

func (s *shop) Page(ctx context.Context, id int) (user User, friend User, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		user, err = s.User(ctx, id)
		return err
	})
	g.Go(func() (err error) {
		friend, err = s.Friend(ctx, id) // asks for the user too, and waits for the one query
		return err
	})
	return user, friend, g.Wait()
}

func snapshot(ctx context.Context, s *shop, meanwhile func()) {
	before, _ := s.User(ctx, 7)
	meanwhile() // another request renames the user, and invalidates
	after, _ := s.User(ctx, 7)
	now, _ := s.User(memo.From(ctx).With(ctx), 7) // around the request's memory
	fmt.Println(before.Name, after.Name, now.Name)
	// Output: Ada Ada Grace
}

func consume(ctx context.Context, cache *memo.Cache, messages <-chan int, s *shop) error {
	for id := range messages {
		if err := handle(ctx, cache, id, s); err != nil {
			return err
		}
	}
	return nil
}

func handle(ctx context.Context, cache *memo.Cache, id int, s *shop) error {
	ctx, end := cache.Begin(ctx)
	defer end()
	_, _, err := s.Page(ctx, id)
	return err
}

func intercept(ctx context.Context, cache *memo.Cache, req any, next func(context.Context, any) (any, error)) (any, error) {
	ctx, end := cache.Begin(ctx)
	defer end()
	return next(ctx, req)
}

func remember(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, end := reqcache.Begin(r.Context())
		defer end()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (d *directory) Rights(ctx context.Context, user string) ([]string, error) {
	return reqcache.Do(ctx, memo.Key("rights", user), func(ctx context.Context) ([]string, error) {
		return d.query(ctx, user)
	})
}

// directory knows who may do what, and is slow.
type directory struct{ queries int }

func (d *directory) query(context.Context, string) ([]string, error) {
	d.queries++
	return []string{"read"}, nil
}

func respond(w http.ResponseWriter, body string, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write([]byte(body))
}

// Friend is the user with the next number.
func (s *shop) Friend(ctx context.Context, id int) (User, error) {
	if _, err := s.User(ctx, id); err != nil {
		return User{}, err
	}
	return s.User(ctx, id+1)
}

func TestRequestsPage(t *testing.T) {
	t.Parallel()
	cache := memotest.New(t)
	db := newTable()
	s := newShop(db)
	w := httptest.NewRecorder()
	routes(cache.Cache, s).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Body.String() != "Ada" {
		t.Errorf("the page shows %q", w.Body)
	}
}

func Example_snapshot() {
	cache, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close(context.Background())
	s := newShop(newTable())
	ctx, end := cache.Begin(context.Background())
	defer end()
	snapshot(ctx, s, func() {
		if err := s.Rename(cache.With(context.Background()), 7, "Grace"); err != nil {
			log.Fatal(err)
		}
	})
	// Output: Ada Ada Grace
}

func TestRequestsJobs(t *testing.T) {
	t.Parallel()
	cache := memotest.New(t)
	s := newShop(newTable())
	messages := make(chan int, 2)
	messages <- 7
	messages <- 7
	close(messages)
	if err := consume(t.Context(), cache.Cache, messages, s); err != nil {
		t.Fatal(err)
	}
	cache.WantLoads(memo.Key("user", 7), 1)
	cache.WantLoads(memo.Key("user", 8), 1)

	answer, err := intercept(t.Context(), cache.Cache, 7, func(ctx context.Context, req any) (any, error) {
		return reqcache.From(ctx) != nil, nil
	})
	if answer != true || err != nil {
		t.Errorf("an intercepted call has a memory: %v, %v", answer, err)
	}
}

func TestRequestsMemoryAlone(t *testing.T) {
	t.Parallel()
	d := &directory{}
	handler := remember(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for range 3 {
			if _, err := d.Rights(r.Context(), "ada"); err != nil {
				t.Error(err)
			}
		}
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if d.queries != 1 {
		t.Errorf("a request asked %d times for the rights, want once", d.queries)
	}
}
