package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/internal/census"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/reqcache"
)

// service is what both services do, and what is counted of it.
type service struct {
	cache    *memo.Cache
	census   census.Census
	requests atomic.Int64

	mu     sync.Mutex
	ended  map[string]int // requests by the way in which they end
	failed error          // the first that went wrong
}

// slow is how long a request may take.
const slow = 2 * time.Millisecond

var errConflict = errors.New("conflict")

// endings are the ways in which a handler ends, by path. The routes of recovers
// are behind echo's Recover, the others are not.
var endings = map[string]func(s *service, w http.ResponseWriter, r *http.Request) error{
	"/returns": func(_ *service, w http.ResponseWriter, _ *http.Request) error {
		_, err := fmt.Fprintln(w, "done")
		return err
	},
	"/fails":   func(*service, http.ResponseWriter, *http.Request) error { return errConflict },
	"/panics":  func(*service, http.ResponseWriter, *http.Request) error { panic("broken") },
	"/aborts":  func(*service, http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) },
	"/recover": func(*service, http.ResponseWriter, *http.Request) error { panic("broken, and recovered") },
	"/streams": func(_ *service, w http.ResponseWriter, r *http.Request) error {
		for range 3 {
			fmt.Fprintln(w, "data: event")
			if err := http.NewResponseController(w).Flush(); err != nil {
				return nil // the client has left
			}
			reqcache.Reset(r.Context())
		}
		return nil
	},
	"/deadline": waits, // behind echo's ContextTimeout
	"/late":     waits, // behind http.TimeoutHandler
	"/hijacks": func(_ *service, w http.ResponseWriter, _ *http.Request) error {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			err = conn.Close()
		}
		return err
	},
	"/outlives": func(s *service, w http.ResponseWriter, r *http.Request) error {
		ctx := context.WithoutCancel(r.Context())
		go func() { // the survey waits for it: it counts goroutines
			time.Sleep(slow)
			reqcache.Put(ctx, "late", true)
			s.note(s.read(ctx))
		}()
		return nil
	},
}

const (
	recovers = "/recover"
	deadline = "/deadline"
	late     = "/late"
)

// waits for the end of the request, as a query that takes too long does.
func waits(_ *service, _ http.ResponseWriter, r *http.Request) error {
	_, err := memo.Do(r.Context(), "slow", func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	}, memo.LoadTimeout(2*slow))
	return err
}

// serve is the handler of all routes: it reads, and ends as its path says.
func (s *service) serve(w http.ResponseWriter, r *http.Request) error {
	n := s.requests.Add(1)
	path := r.URL.Path
	s.mu.Lock()
	if s.ended == nil {
		s.ended = map[string]int{}
	}
	s.ended[path]++
	s.mu.Unlock()

	ctx := r.Context()
	if had := reqcache.From(ctx).Len(); had != 0 {
		s.note(fmt.Errorf("a request began with %d keys of another", had))
	}
	reqcache.Put(ctx, "user", n)
	if ctx.Err() == nil { // who is late already has nothing to wait for
		if err := s.census.Visit(ctx); ctx.Err() == nil {
			s.note(err)
		}
	}
	defer func() { // after all that the others have done meanwhile
		if user, ok := reqcache.Peek[int64](ctx, "user"); user != n && (ok || path != "/streams") {
			s.note(fmt.Errorf("request %d of %s ended as that of user %d, %t", n, path, user, ok))
		}
	}()
	return endings[path](s, w, r)
}

// read reads what all requests share.
func (s *service) read(ctx context.Context) error {
	_, err := memo.Do(ctx, "shared", func(context.Context) (string, error) { return "value", nil })
	return err
}

func (s *service) note(err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = err
	}
}

// err is the first thing that went wrong, or that nobody asked for an ending.
func (s *service) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	for path := range endings {
		if s.ended[path] == 0 {
			return fmt.Errorf("no request was sent to %s", path)
		}
	}
	return nil
}

// String is how many requests ended how.
func (s *service) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, path := range slices.Sorted(maps.Keys(s.ended)) {
		all = append(all, fmt.Sprint(path[1:], " ", s.ended[path]))
	}
	return strings.Join(all, ", ")
}
