package examples_test

// testing_test.go is the code of docs/testing.md: tests of the README's
// shop, as somebody who uses memo would write them. They run here.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memotest"
)

func TestAUserIsLoadedOnce(t *testing.T) {
	cache := memotest.New(t)
	site := newSite(t, cache, newTable())

	site.get("/users/7")
	site.get("/users/7")
	cache.WantLoads(memo.Key("user", 7), 1)
}

func TestAfterThePutTheGetShowsTheNewName(t *testing.T) {
	cache := memotest.New(t)
	site := newSite(t, cache, newTable())

	site.get("/users/7")
	site.put("/users/7", "Grace")
	if name := site.get("/users/7"); name != "Grace" {
		t.Errorf("after the PUT the GET shows %q", name)
	}
}

func TestOtherProcessesShowTheNewName(t *testing.T) {
	here := memotest.New(t)
	there := here.Process()
	db := newTable()

	ours, theirs := newSite(t, here, db), newSite(t, there, db)
	theirs.get("/users/7")
	ours.put("/users/7", "Grace")
	there.CatchUp()
	if name := theirs.get("/users/7"); name != "Grace" {
		t.Errorf("after the PUT the other process shows %q", name)
	}
}

func TestWithMemcachedDownItStillWorks(t *testing.T) {
	cache := memotest.New(t)
	site := newSite(t, cache, newTable())

	cache.Server.Stop()
	site.get("/users/7")
	site.put("/users/7", "Grace") // answers 200, although the invalidation has to wait
	if name := site.get("/users/7"); name != "Grace" {
		t.Errorf("without memcached the GET shows %q", name)
	}
	cache.Server.Start()
	cache.CatchUp()
}

func TestAUserIsLoadedAgainAfterAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := memotest.New(t, memo.TTL(time.Minute))
		site := newSite(t, cache, newTable())

		site.get("/users/7")
		time.Sleep(61 * time.Second)
		site.get("/users/7")
		cache.WantLoads(memo.Key("user", 7), 2)
	})
}

func TestWithTheDatabaseDownTheOldNameIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := memotest.New(t, memo.TTL(time.Minute), memo.StaleIfError(time.Hour))
		db := newTable()
		site := newSite(t, cache, db)

		site.get("/users/7")
		db.err = errors.New("connection refused")
		time.Sleep(61 * time.Second)
		if name := site.get("/users/7"); name != "Ada" {
			t.Errorf("without the database the GET shows %q", name)
		}
	})
}

func TestAUserIsLoadedAgainAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := memo.Config{PollInterval: time.Hour, StaleBound: 2 * time.Hour}
		cache := memotest.NewFromConfig(t, config, memo.TTL(24*time.Hour))
		site := newSite(t, cache, newTable())

		site.get("/users/7")
		time.Sleep(25 * time.Hour)
		site.get("/users/7")
		cache.WantLoads(memo.Key("user", 7), 2)
	})
}

func TestAUserKeepsItsMeaning(t *testing.T) {
	memotest.RoundTrip(t, User{Name: "Ada"})
}

func newTable() *table                    { return &table{names: map[int]string{7: "Ada"}} }
func userID(r *http.Request) (int, error) { return strconv.Atoi(r.PathValue("id")) }

// site is the shop behind its middleware, as a client sees it.
type site struct {
	t       *testing.T
	handler http.Handler
}

func newSite(t *testing.T, cache *memotest.Cache, db *table) site {
	s, mux := newShop(db), http.NewServeMux()
	handle := func(pattern string, answer func(r *http.Request, id int) (string, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			id, err := userID(r)
			if err == nil {
				var body string
				if body, err = answer(r, id); err == nil {
					fmt.Fprint(w, body)
					return
				}
			}
			http.Error(w, err.Error(), http.StatusInternalServerError)
		})
	}
	handle("GET /users/{id}", func(r *http.Request, id int) (string, error) {
		u, err := s.User(r.Context(), id)
		return u.Name, err
	})
	handle("PUT /users/{id}", func(r *http.Request, id int) (string, error) {
		name, err := io.ReadAll(r.Body)
		return "", errors.Join(err, s.Rename(r.Context(), id, string(name)))
	})
	return site{t, nethttp.Middleware(cache.Cache)(mux)}
}

func (s site) get(path string) string       { return s.do("GET", path, "") }
func (s site) put(path, body string) string { return s.do("PUT", path, body) }

func (s site) do(method, path, body string) string {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body)))
	if w.Code != http.StatusOK {
		s.t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Body.String()
}
