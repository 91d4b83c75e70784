// Command leak drives a service of echo v4 and one of echo v5 with wrk, by a
// hundred thousand requests that end in every way there is, and fails if
// anything is left of them: a request's memory, a value that it read, a
// goroutine, or more heap than before. Build it with -race (`make leak`), and it
// fails on a data race too.
//
// main.go is the survey, service.go what the handlers do, echov4.go and
// echov5.go the two services, wrk.go the load.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"time"

	"github.com/tiermemo/tiermemo/internal/census"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// The heap may grow by what a process grows by anyway, and by less for each
// request than the smallest thing that could be left of one.
const (
	growth     = 256 << 10
	perRequest = 16
)

// room is that of the process tier: what stays of all values.
const room = 8

func main() {
	requests := flag.Int64("requests", 100_000, "how many `requests` each service is to answer")
	flag.Parse()
	failed := false
	for _, s := range []struct {
		name  string
		serve func(*service) http.Handler
	}{{"echo v4", echov4}, {"echo v5", echov5}} {
		report, err := survey(s.serve, wrk, *requests, 30*time.Second)
		fmt.Printf("%s: %s\n", s.name, report)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", s.name, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// A load sends requests to the server at url for some seconds, and returns when
// all its connections are closed.
type load func(url string) error

// survey serves the requests of drive, and says what is left of them. It waits
// for things to go away for as long as patience.
func survey(serve func(*service) http.Handler, drive load, requests int64, patience time.Duration) (report string, err error) {
	cache, err := memo.New(memo.Config{Local: lru.New(room)})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, cache.Close(context.Background())) }()
	s := &service{cache: cache}
	server := httptest.NewUnstartedServer(serve(s))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // the panics that are served
	server.Start()
	defer server.Close()

	// The first round is not judged: pools and tables grow to their size.
	goroutines := runtime.NumGoroutine()
	if err := drive(server.URL); err != nil {
		return "", err
	}
	s.census.Left(0, room, patience)
	waitFor(math.MaxUint64, goroutines, patience)
	base := census.Heap()
	first := s.requests.Load()
	for s.requests.Load()-first < requests {
		if err := drive(server.URL); err != nil {
			return "", err
		}
	}

	scopes, values := s.census.Left(0, room, patience)
	served := s.requests.Load() - first
	limit := base + growth + uint64(served)*perRequest
	heap, running := waitFor(limit, goroutines, patience)
	report = fmt.Sprintf("%d requests; left: %d scopes, %d values (the process has room for %d), heap %d to %d KiB, goroutines %d to %d; %s",
		served, scopes, values, room, base>>10, heap>>10, goroutines, running, s)
	return report, errors.Join(
		s.err(),
		when(scopes > 0, "%d scopes of requests that have ended are not freed", scopes),
		when(values > room, "%d values are not freed, and the process has room for %d", values, room),
		when(heap > limit, "each request has left %d bytes", (heap-min(heap, base))/uint64(served)),
		when(running > goroutines, "%d goroutines run, and before were %d", running, goroutines),
	)
}

// waitFor waits for the heap and the number of goroutines to be no more.
func waitFor(heap uint64, goroutines int, patience time.Duration) (uint64, int) {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		h, n := census.Heap(), runtime.NumGoroutine()
		if h <= heap && n <= goroutines || time.Now().After(end) {
			return h, n
		}
	}
}

func when(failed bool, format string, args ...any) error {
	if !failed {
		return nil
	}
	return fmt.Errorf(format, args...)
}
