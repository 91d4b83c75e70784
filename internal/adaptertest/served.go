package adaptertest

// served.go is about what an adapter must leave as it is.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/census"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/reqcache"
)

func sameContext(t *testing.T, f Framework) {
	type user struct{}
	c := newCache(t)
	deadline := time.Now().Add(time.Hour)
	ctx, cancel := context.WithDeadline(context.WithValue(context.Background(), user{}, "alice"), deadline)
	defer cancel()
	served := false
	f(c, nil, func(_ http.ResponseWriter, r *http.Request) error {
		served = true
		if r.Context().Value(user{}) != "alice" || r.URL.Path != "/users/7" {
			t.Errorf("the handler sees the user %v at %s", r.Context().Value(user{}), r.URL.Path)
		}
		if d, ok := r.Context().Deadline(); !ok || !d.Equal(deadline) {
			t.Errorf("the deadline is %v, want %v", d, deadline)
		}
		cancel()
		if r.Context().Err() != context.Canceled {
			t.Errorf("after the client has left: %v", r.Context().Err())
		}
		return nil
	}).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/7", nil).WithContext(ctx))
	if !served {
		t.Error("the handler did not run")
	}
}

// panics reach the server with their own value, by which it knows
// http.ErrAbortHandler.
func panics(t *testing.T, f Framework) {
	c := newCache(t)
	for _, want := range []any{"text", errHandler, http.ErrAbortHandler} {
		for name, h := range map[string]Handler{
			"handler": func(http.ResponseWriter, *http.Request) error { panic(want) },
			"loader": func(_ http.ResponseWriter, r *http.Request) error {
				_, err := memo.Do(r.Context(), "k", func(context.Context) (int, error) { panic(want) })
				return err
			},
		} {
			if got := recovered(f(c, nil, h)); got != want {
				t.Errorf("a %s panicked with %v, and its server sees %v", name, want, got)
			}
		}
	}
}

// recovered runs h and returns what it panicked with.
func recovered(h http.Handler) (p any) {
	defer func() { p = recover() }()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	return nil
}

func writer(t *testing.T, f Framework) {
	c := newCache(t)
	s := serve(t, f(c, nil, func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.Path == "/flush" {
			fmt.Fprint(w, "a")
			w.(http.Flusher).Flush()
			return http.NewResponseController(w).Flush()
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return err
		}
		defer conn.Close()
		fmt.Fprint(conn, me(r.Context(), r), "\n") // until it returns, it is a request like any other
		return nil
	}))
	if body, err := get(s, "/flush"); body != "a" || err != nil {
		t.Errorf("flushed: %q, %v", body, err)
	}
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /raw HTTP/1.1\r\nHost: x\r\n\r\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); line != "/raw\n" || err != nil {
		t.Errorf("hijacked: %q, %v", line, err)
	}
}

// stream is server-sent events. Its request lasts as long as the client stays,
// and has one snapshot, until it asks for another.
func stream(t *testing.T, f Framework) {
	c := newCache(t)
	version, next, left := 1, make(chan struct{}), make(chan error, 1)
	s := serve(t, f(c, nil, func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			v, err := memo.Do(r.Context(), "version", func(context.Context) (int, error) { return version, nil })
			if err != nil {
				break
			}
			fmt.Fprintf(w, "data: %d\n", v)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-next:
			case <-r.Context().Done():
			}
			if version == 3 {
				reqcache.Reset(r.Context())
			}
		}
		left <- r.Context().Err()
		return nil
	}))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	events := bufio.NewReader(response.Body)
	for _, want := range []string{"data: 1\n", "data: 1\n", "data: 3\n"} {
		if got, err := events.ReadString('\n'); got != want || err != nil {
			t.Fatalf("with version %d the event is %q, %v; want %q", version, got, err, want)
		}
		if version < 3 {
			version++
			if err := c.Invalidate(context.Background(), "version"); err != nil {
				t.Fatal(err)
			}
			next <- struct{}{}
		}
	}
	cancel()
	if err := await(t, left, "the handler sees that its client has left"); !errors.Is(err, context.Canceled) {
		t.Errorf("when the client has left, the handler's ctx says %v", err)
	}
}

// timeoutHandler:
//  1. The client is answered 503, and its connection serves the next request.
//  2. The handler is still running, and reads and writes.
//  3. It returns, and its memory is freed.
func timeoutHandler(t *testing.T, f Framework) {
	c := newCache(t)
	var all census.Census
	answered, done := make(chan struct{}), make(chan error, 1)
	h := f(c, nil, func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.Path == "/next" {
			_, err := fmt.Fprint(w, me(r.Context(), r))
			return err
		}
		<-r.Context().Done()
		<-answered
		kept := me(r.Context(), r) // without error: it is a value that needs nobody
		if again := me(context.WithoutCancel(r.Context()), r); kept != "/late" || again != kept {
			t.Errorf("the handler that is late reads %q and %q", kept, again)
		}
		done <- all.Visit(context.WithoutCancel(r.Context()))
		return errHandler
	})
	mux := http.NewServeMux()
	mux.Handle("/late", http.TimeoutHandler(h, time.Millisecond, "too late"))
	mux.Handle("/next", h)
	s := serve(t, mux)
	if body, err := get(s, "/late"); body != "too late" || err != nil {
		t.Errorf("the client is answered %q, %v", body, err)
	}
	body, err := get(s, "/next")
	if body != "/next" {
		t.Errorf("the next request is answered %q", body)
	}
	close(answered)
	if err := errors.Join(err, await(t, done, "the handler that is late goes on")); err != nil {
		t.Error(err)
	}
	s.Close()
	if _, err := memo.Do(c.With(context.Background()), "other", func(context.Context) (int, error) { return 0, nil }); err != nil {
		t.Fatal(err)
	}
	if scopes, values := all.Left(0, 0, patience); scopes+values != 0 {
		t.Errorf("%d scopes and %d values are left", scopes, values)
	}
}
