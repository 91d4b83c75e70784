package adaptertest

// freed.go is about what is left of a request: nothing, however it ended.

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/census"
	"github.com/tiermemo/tiermemo/memo"
)

// endings are the ways in which a handler ends, and whether its client then has
// a whole response.
var endings = map[string]struct {
	answers bool
	end     Handler
}{
	"returns": {true, func(w http.ResponseWriter, _ *http.Request) error {
		_, err := io.WriteString(w, "done")
		return err
	}},
	"writes nothing": {true, func(http.ResponseWriter, *http.Request) error { return nil }},
	"fails":          {true, func(http.ResponseWriter, *http.Request) error { return errHandler }},
	"panics":         {false, func(http.ResponseWriter, *http.Request) error { panic("broken") }},
	"aborts":         {false, func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) }},
	"exits":          {false, func(http.ResponseWriter, *http.Request) error { runtime.Goexit(); return nil }},
	"loader panics": {false, func(_ http.ResponseWriter, r *http.Request) error {
		_, err := memo.Do(r.Context(), "broken", func(context.Context) (int, error) { panic("broken") })
		return err
	}},
	"times out": {true, func(_ http.ResponseWriter, r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), time.Millisecond)
		defer cancel()
		_, err := memo.Do(ctx, "slow", func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		return err
	}},
	"streams": {true, func(w http.ResponseWriter, _ *http.Request) error {
		for range 3 {
			fmt.Fprint(w, "data: event\n\n")
			if err := http.NewResponseController(w).Flush(); err != nil {
				return err
			}
		}
		return nil
	}},
	"aborts its stream": {false, func(w http.ResponseWriter, _ *http.Request) error {
		fmt.Fprint(w, "data: event\n\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}},
	"hijacks": {false, func(w http.ResponseWriter, _ *http.Request) error {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			err = conn.Close()
		}
		return err
	}},
}

// Freed is the test that a request's memory is freed at its end, even while a
// goroutine still holds its ctx.
func Freed(t *testing.T, f Framework) {
	t.Helper()
	for name, e := range endings {
		for _, hold := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, its ctx held %t", name, hold), func(t *testing.T) {
				t.Parallel()
				freed(t, f, e.end, e.answers, hold)
			})
		}
	}
}

func freed(t *testing.T, f Framework, end Handler, answers, hold bool) {
	const requests = 20
	var (
		c    = newCache(t)
		all  census.Census
		mu   sync.Mutex
		held []context.Context
	)
	s := serve(t, f(c, nil, func(w http.ResponseWriter, r *http.Request) error {
		if err := all.Visit(r.Context()); err != nil {
			t.Error(err)
		}
		if hold {
			mu.Lock()
			defer mu.Unlock()
			held = append(held, r.Context())
		}
		return end(w, r)
	}))
	for range requests {
		if _, err := get(s, "/"); (err == nil) != answers {
			t.Fatalf("the client got %v", err)
		}
	}
	s.Close()
	if _, err := memo.Do(c.With(context.Background()), "other", func(context.Context) (int, error) { return 0, nil }); err != nil {
		t.Fatal(err) // it took the process tier's only place
	}
	if all.Visits() < requests { // a client may ask again for what was broken off
		t.Fatalf("%d requests were served, want %d", all.Visits(), requests)
	}
	if scopes, values := all.Left(int64(len(held)), 0, patience); scopes != int64(len(held)) || values != 0 {
		t.Errorf("after %d requests, %d scopes and %d values are left, want the %d that are held and no value", all.Visits(), scopes, values, len(held))
	}
	runtime.KeepAlive(held)
	runtime.KeepAlive(c)
}

// Heap is the test that many requests leave the heap as they found it. It is not
// to run beside other tests: the heap is everybody's.
func Heap(t *testing.T, f Framework) {
	t.Helper()
	const requests, perRequest = 5_000, 32
	c := newCache(t)
	var all census.Census
	left := make(chan func(), 1) // what a handler leaves to a goroutine that outlives it
	h := f(c, nil, func(w http.ResponseWriter, r *http.Request) error {
		if err := all.Visit(r.Context()); err != nil {
			t.Error(err)
		}
		switch r.URL.Path {
		case "/outlives":
			left <- func() {
				if _, err := memo.Do(r.Context(), memo.Key("late", all.Visits()), func(context.Context) ([]byte, error) { return make([]byte, 1<<10), nil }); err != nil {
					t.Error(err)
				}
			}
			return nil
		default:
			return endings[r.URL.Path[1:]].end(w, r)
		}
	})
	paths := []string{"/returns", "/fails", "/panics", "/aborts", "/outlives"}
	drive := func(n int) {
		for i := range n {
			func() {
				defer func() { _ = recover() }()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", paths[i%len(paths)], nil))
			}()
			select {
			case outlive := <-left:
				outlive()
			default:
			}
		}
		if scopes, values := all.Left(0, 1, patience); scopes != 0 || values > 1 || all.Visits() < int64(n) {
			t.Errorf("after %d visits %d scopes and %d values are left", all.Visits(), scopes, values)
		}
	}
	drive(requests / 5)
	base := census.Heap()
	drive(requests)
	if heap := census.Heap(); heap > base+requests*perRequest {
		t.Errorf("%d requests have left %d bytes each", requests, (heap-base)/requests)
	}
	runtime.KeepAlive(c)
}
