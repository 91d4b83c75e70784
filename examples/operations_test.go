package examples_test

// operations_test.go is the code of docs/operations.md: how a program opens its cache,
// shows what it does, and stops.

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"expvar"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memotest"
)

func open(address string) (*memo.Cache, error) {
	shared, err := memcached.New(address) // does not dial: a memcached that is down is no reason not to start
	if err != nil {
		return nil, err
	}
	return memo.New(memo.Config{
		Name:   "shop",
		Prefix: "shop",
		Shared: shared,
		Local:  lru.New(50_000), // entries
	}, memo.TTL(time.Minute))
}

func run(ctx context.Context, cache *memo.Cache, server *http.Server, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	var err error
	select {
	case <-ctx.Done(): // SIGTERM, by signal.NotifyContext
	case err = <-failed:
	}
	within, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err = errors.Join(err, server.Shutdown(within)) // 1. the open requests end, and still use the cache
	return errors.Join(err, cache.Close(within))    // 2. loads end, what was deferred is delivered, connections are closed
}

func publish(cache *memo.Cache) {
	expvar.Publish(cache.Snapshot().Name, expvar.Func(func() any { return cache.Snapshot() }))
}

func export(s memo.Stats, counter, gauge func(name string, value float64)) {
	for result, calls := range map[string]uint64{
		"l1": s.Total.L1, "l2": s.Total.L2, "l3": s.Total.L3, "load": s.Total.Loads,
		"joined": s.Total.Joined, "stale": s.Total.Stale, "negative": s.Total.Negative,
		"bypass": s.Total.Bypass, "miss": s.Total.Miss, "error": s.Total.Errors,
	} {
		counter(`memo_requests_total{result="`+result+`"}`, float64(calls))
	}
	counter("memo_load_errors_total", float64(s.Total.RunErrors+s.Total.RunPanics))
	counter("memo_load_seconds_total", s.Total.RunTime.Seconds())
	counter("memo_refreshes_total", float64(s.Total.Refreshes))
	counter("memo_evictions_total", float64(s.Total.Evictions))
	counter("memo_invalidations_deferred_total", float64(s.Total.Invalidations.Deferred))
	gauge("memo_loads_in_flight", float64(s.Total.InFlight))
	gauge("memo_entries", float64(s.Total.Entries))
	gauge("memo_shared_nodes", float64(len(s.Nodes)))
	is := map[bool]float64{true: 1}
	for _, node := range s.Nodes {
		label := `{node="` + node.Name + `"}`
		gauge("memo_shared_up"+label, is[node.Up])
		gauge("memo_shared_used"+label, is[node.Used])
		gauge("memo_shared_pending"+label, float64(node.Pending))
		gauge("memo_shared_lag_seconds"+label, node.Lag.Seconds())
		counter("memo_shared_operations_total"+label, float64(node.Ops))
		counter("memo_shared_errors_total"+label, float64(node.Errors))
		counter("memo_shared_seconds_total"+label, node.Time.Seconds())
		counter("memo_shared_epochs_total"+label, float64(node.Epochs))
		counter("memo_shared_purges_total"+label, float64(node.Purges))
	}
}

func TestOperationsPagesCacheOpensWithoutMemcached(t *testing.T) {
	t.Parallel()
	cache, err := open("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Close(t.Context()); err != nil {
		t.Errorf("nothing was deferred: %v", err)
	}
}

// An open request still has its cache while the server shuts down.
func TestOperationsPagesShutdown(t *testing.T) {
	t.Parallel()
	cache := memotest.New(t)
	s := newShop(newTable())
	stop, sigterm := context.WithCancel(t.Context())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		sigterm()
		user, err := s.User(r.Context(), 7)
		respond(w, user.Name, err)
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- run(stop, cache.Cache, &http.Server{Handler: nethttp.Middleware(cache.Cache)(mux)}, l)
	}()

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if string(body) != "Ada" {
		t.Errorf("the last request got %q", body)
	}
	if err := <-ended; err != nil {
		t.Errorf("the program ended with %v", err)
	}
	if n := cache.Snapshot().Total; n.Loads != 1 || n.Bypass != 0 {
		t.Errorf("the last request went around the cache: %+v", n)
	}
}

func TestOperationsPagesFigures(t *testing.T) {
	t.Parallel()
	cache := memotest.NewFromConfig(t, memo.Config{Name: "shop " + rand.Text()}) // expvar knows each name once
	s := newShop(newTable())
	for range 2 {
		if _, err := s.User(cache.With(t.Context()), 7); err != nil {
			t.Fatal(err)
		}
	}
	publish(cache.Cache)
	var shown memo.Stats
	if err := json.Unmarshal([]byte(expvar.Get(cache.Snapshot().Name).String()), &shown); err != nil || shown.Total.L2 != 1 {
		t.Errorf("expvar shows %+v, %v", shown.Total, err)
	}

	figures := map[string]float64{}
	note := func(name string, value float64) { figures[name] = value }
	export(cache.Snapshot(), note, note)
	node := cache.Snapshot().Nodes[0].Name
	for name, want := range map[string]float64{
		`memo_requests_total{result="l2"}`: 1, `memo_requests_total{result="load"}`: 1, "memo_entries": 1, "memo_shared_nodes": 1,
		`memo_shared_up{node="` + node + `"}`: 1, `memo_shared_used{node="` + node + `"}`: 1,
	} {
		if figures[name] != want {
			t.Errorf("%s is %v, want %v", name, figures[name], want)
		}
	}
}

// An operator who looks for a line of the log finds it, and none that is never
// written.
func TestOperationsPageHasTheLinesOfTheLog(t *testing.T) {
	t.Parallel()
	page := read(t, "../docs/operations.md")
	lines := regexp.MustCompile(`"memo: [^"]+"`)
	written := lines.FindAllString(read(t, "../memo/log.go"), -1)
	if len(written) < 5 {
		t.Fatalf("memo/log.go has %d lines", len(written))
	}
	for _, line := range written {
		if !strings.Contains(page, strings.Trim(line, `"`)) {
			t.Errorf("docs/operations.md does not explain %s", line)
		}
	}
	for _, m := range regexp.MustCompile("`(memo: [^`]+)`").FindAllStringSubmatch(page, -1) {
		if !strings.Contains(strings.Join(written, "\n"), `"`+m[1]+`"`) {
			t.Errorf("docs/operations.md explains %q, and nobody writes it", m[1])
		}
	}
}
