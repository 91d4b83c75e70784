package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/reqcache"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// few sends each path some times, from four clients, without wrk.
func few(url string) error {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range 5 {
				for path := range endings {
					if r, err := (&http.Client{Transport: transport}).Get(url + path); err == nil { // most endings leave no response
						_, _ = io.Copy(io.Discard, r.Body)
						r.Body.Close()
					}
				}
			}
		})
	}
	clients.Wait()
	return nil
}

func TestNothingIsLeftOfAFewRequests(t *testing.T) {
	for name, serve := range map[string]func(*service) http.Handler{"echo v4": echov4, "echo v5": echov5} {
		if report, err := survey(serve, few, 600, 20*time.Second); err != nil {
			t.Errorf("%s: %s: %v", name, report, err)
		}
	}
}

// A survey that finds nothing has to be able to find something.
func TestWhatIsLeftIsFound(t *testing.T) {
	around := func(do func(r *http.Request)) func(*service) http.Handler {
		return func(s *service) http.Handler {
			h := echov4(s)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				do(r)
				h.ServeHTTP(w, r)
			})
		}
	}
	var mu sync.Mutex
	var held []any
	hold := func(v any) {
		mu.Lock()
		defer mu.Unlock()
		held = append(held, v)
	}
	stop := make(chan struct{})
	for want, serve := range map[string]func(*service) http.Handler{
		"scopes of requests that have ended": func(s *service) http.Handler {
			h := echov4(s)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, end := s.cache.Begin(r.Context())
				defer end()
				hold(ctx)
				h.ServeHTTP(w, r.WithContext(ctx))
			})
		},
		"each request has left": around(func(*http.Request) { hold(make([]byte, 4<<10)) }),
		"goroutines run":        around(func(*http.Request) { go func() { <-stop }() }),
		"a request began with":  sharedMemory,
	} {
		if report, err := survey(serve, few, 400, 500*time.Millisecond); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error that says %q: %s: %v", want, report, err)
		}
	}
	if err := new(service).err(); err == nil || !strings.Contains(err.Error(), "no request was sent to") {
		t.Errorf("of a service that was not asked: %v", err)
	}
	close(stop)
	mu.Lock()
	held = nil
	mu.Unlock()
}

// sharedMemory gives all requests the same memory.
func sharedMemory(s *service) http.Handler {
	ctx, _ := s.cache.Begin(context.Background())
	reqcache.Put(ctx, "user", int64(0))
	h := echov4(s)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r.WithContext(ctx)) })
}

func TestLoadThatFails(t *testing.T) {
	broken := errors.New("no wrk")
	if _, err := survey(echov4, func(string) error { return broken }, 1, time.Second); !errors.Is(err, broken) {
		t.Errorf("a survey without a load: %v", err)
	}
}
