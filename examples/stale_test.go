package examples_test

// stale_test.go is the code of the pages about values past their time, what is not
// there, and reads that go around the cache.

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memotest"
)

// lasting are the options of what is expensive to load.
func lasting() []memo.Option {
	return []memo.Option{
		memo.TTL(time.Minute), memo.Jitter(0.1), // fresh for 54 to 60 seconds
		memo.Stale(10 * time.Minute),      // then served at once, while one process of the fleet loads
		memo.StaleIfError(24 * time.Hour), // then in place of an error
		memo.LoadTimeout(5 * time.Second), // as which a database that hangs counts, too
	}
}

func (s *shop) Bestsellers(ctx context.Context) ([]string, error) {
	return memo.Do(ctx, "bestsellers", s.countSales, lasting()...)
}

func (s *shop) Lookup(ctx context.Context, name string) (User, error) {
	return memo.Do(ctx, memo.Key("user called", name), func(ctx context.Context) (User, error) {
		user, err := s.find(ctx, name)
		if errors.Is(err, errNoRows) {
			return User{}, fmt.Errorf("%w: no user of that name", memo.ErrNotFound)
		}
		if err != nil {
			return User{}, err
		}
		return *user, nil
	}, memo.NegativeTTL(5*time.Second))
}

func afterSale(ctx context.Context, cache *memo.Cache) error {
	return told(cache.Expire(ctx, "bestsellers")) // a place on the list may be a moment late
}

// keepWarm runs in one process, until ctx ends: no request has to wait for the bestsellers.
func (s *shop) keepWarm(ctx context.Context, cache *memo.Cache, tick <-chan time.Time) (failures int) {
	ctx = cache.With(ctx)
	for {
		if _, err := memo.Refresh(ctx, "bestsellers", s.countSales, lasting()...); err != nil {
			failures++ // those of before stay
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return failures
		}
	}
}

func (s *shop) Greeting(ctx context.Context, id int) (string, error) {
	user, err := s.User(memo.Fresh(ctx), id) // as it is now, in every process, and in this request from here on
	return "Dear " + user.Name, err
}

func uncached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cache") == "off" { // and is one of us
			r = r.WithContext(memo.Bypass(r.Context()))
		}
		next.ServeHTTP(w, r)
	})
}

func toggle(cache *memo.Cache) http.HandlerFunc { // for an address that only operators reach
	return func(w http.ResponseWriter, r *http.Request) {
		cache.SetEnabled(r.FormValue("cache") == "on")
		fmt.Fprintln(w, cache.Enabled())
	}
}

// sales is how often the bestsellers were counted, and whether that fails.
var sales struct {
	counted atomic.Int32
	down    atomic.Bool
}

func (s *shop) countSales(context.Context) ([]string, error) {
	time.Sleep(time.Second)
	if sales.down.Load() {
		return nil, errors.New("the database is down")
	}
	return []string{fmt.Sprint("list ", sales.counted.Add(1))}, nil
}

// The table of docs/loading.md, as time goes by.
func TestLoadingPagesTimeline(t *testing.T) {
	sales.counted.Store(0)
	defer sales.down.Store(false)
	synctest.Test(t, func(t *testing.T) {
		cache := memotest.NewFromConfig(t, memo.Config{PollInterval: time.Hour, StaleBound: 2 * time.Hour}) // it is a day
		other := cache.Process()
		s := newShop(newTable())
		began := time.Now()
		read := func(c *memotest.Cache, after time.Duration, list string, failure bool, wait time.Duration) {
			t.Helper()
			time.Sleep(time.Until(began.Add(after)))
			at := time.Now()
			got, err := s.Bestsellers(c.With(t.Context()))
			if (err != nil) != failure || !failure && got[0] != list || time.Since(at) != wait {
				t.Errorf("after %v read %v, %v in %v; want %q in %v", after, got, err, time.Since(at), list, wait)
			}
		}
		read(cache, 0, "list 1", false, time.Second)
		read(other, 30*time.Second, "list 1", false, 0)
		read(cache, 90*time.Second, "list 1", false, 0) // and one of them loads
		read(other, 90*time.Second, "list 1", false, 0)
		read(other, 95*time.Second, "list 2", false, 0)
		read(cache, 95*time.Second, "list 2", false, 0)
		if n := cache.Loads("bestsellers") + other.Loads("bestsellers"); n != 2 {
			t.Errorf("the two loaded %d times, want once for each minute", n)
		}

		sales.down.Store(true)
		read(cache, 5*time.Minute, "list 2", false, 0)
		read(cache, 10*time.Minute, "list 2", false, 0)
		read(cache, 20*time.Minute, "list 2", false, time.Second) // past Stale
		read(cache, 20*time.Minute+1500*time.Millisecond, "list 2", false, 0)
		read(cache, 30*time.Hour, "", true, time.Second)
	})
}

func TestPagesAboutWhatIsPastItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := memotest.New(t)
		s := newShop(newTable())
		ctx, end := cache.Begin(t.Context())
		defer end()
		for range 2 {
			if _, err := s.Lookup(ctx, "Nobody"); !errors.Is(err, memo.ErrNotFound) {
				t.Errorf("looked up nobody: %v", err)
			}
		}
		cache.WantLoads(memo.Key("user called", "Nobody"), 1)
		if u, err := s.Lookup(ctx, "Ada"); u.Name != "Ada" || err != nil {
			t.Errorf("looked up %+v, %v", u, err)
		}

		tick, stop := make(chan time.Time), make(chan int)
		job, cancel := context.WithCancel(t.Context())
		go func() { stop <- s.keepWarm(job, cache.Cache, tick) }()
		tick <- time.Now()
		synctest.Wait()
		time.Sleep(2 * time.Second)
		cancel()
		if failures := <-stop; failures != 0 {
			t.Errorf("%d refreshes failed", failures)
		}
		cache.WantLoads("bestsellers", 2)
		if err := afterSale(context.Background(), cache.Cache); err != nil {
			t.Error(err)
		}
		_, _ = s.Bestsellers(cache.With(t.Context()))
		time.Sleep(2 * time.Second)
		cache.WantLoads("bestsellers", 3)

		_, _ = s.User(ctx, 7)
		if err := s.Rename(cache.With(t.Context()), 7, "Grace"); err != nil {
			t.Error(err)
		}
		seen, _ := s.User(ctx, 7)
		greeting, err := s.Greeting(ctx, 7)
		after, _ := s.User(ctx, 7)
		if seen.Name != "Ada" || greeting != "Dear Grace" || after.Name != "Grace" || err != nil {
			t.Errorf("the request read %s, %q and %s, %v", seen.Name, greeting, after.Name, err)
		}
	})
}

func TestPagesAboutTheWayAround(t *testing.T) {
	t.Parallel()
	cache := memotest.New(t)
	s := newShop(newTable())
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, err := s.User(r.Context(), 7)
		respond(w, user.Name, err)
	})
	before, behind := uncached(nethttp.Middleware(cache.Cache)(page)), nethttp.Middleware(cache.Cache)(uncached(page))
	for _, site := range []http.Handler{before, behind} {
		for _, url := range []string{"/", "/?cache=off", "/"} {
			site.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", url, nil))
		}
	}
	if n := cache.Snapshot().Total; n.Bypass != 2 || n.Loads != 1 {
		t.Errorf("%d calls went around the cache, and %d loaded, want 2 and 1", n.Bypass, n.Loads)
	}
	for _, state := range []string{"off", "on"} {
		toggle(cache.Cache)(httptest.NewRecorder(), httptest.NewRequest("POST", "/?cache="+state, nil))
		if cache.Enabled() != (state == "on") {
			t.Errorf("turned %s, and enabled is %t", state, cache.Enabled())
		}
	}
}
