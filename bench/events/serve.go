package events

// serve.go is the server of endtoend.go: this program again, as a child, with an
// environment that tells it to serve.

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/memo"
)

// asServer is the variable that makes a child of this program serve; its value is which of
// serverModes.
const asServer = "TIERMEMO_BENCH_SERVE"

// serverModes are what is between the server and its handler, and what the handler does.
func serverModes() map[string]func() (http.Handler, error) {
	ours := func(calls int) func() (http.Handler, error) {
		return func() (http.Handler, error) {
			c, err := newMemo(1000)
			if err != nil {
				return nil, err
			}
			return nethttp.Middleware(c)(answer(calls, func(ctx context.Context) { _, _ = memo.Do(ctx, "user:7", loadSmall) })), nil
		}
	}
	return map[string]func() (http.Handler, error){
		NoMiddleware:       func() (http.Handler, error) { return answer(0, nil), nil },
		UnusedByHand:       func() (http.Handler, error) { return byHandMiddleware(answer(0, nil)), nil },
		HundredByHand:      func() (http.Handler, error) { return byHandMiddleware(answer(100, onMapAlone)), nil },
		Unused:             ours(0),
		"tiermemo, 1 call": ours(1), "tiermemo, 10 calls": ours(10), Hundred: ours(100),
	}
}

// Contenders of the event of endtoend.go.
const (
	Unused        = "tiermemo, unused"
	Hundred       = "tiermemo, 100 calls"
	UnusedByHand  = "by hand: a context map, unused"
	HundredByHand = "by hand: a context map, 100 calls"
)

// answer is a handler behind a route, as that of examples/hello is, which answers a line of text.
// It differs: what it calls has one key and a loader of its own, whatever the id of the request,
// and does not decide what is answered, so that all modes answer the same bytes.
func answer(calls int, do func(context.Context)) http.Handler {
	mux := http.NewServeMux()
	inner := handler(calls, do)
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		inner.ServeHTTP(w, r)
		fmt.Fprintln(w, "user", r.PathValue("id"))
	})
	return mux
}

// ServeIfAsked serves until its parent closes its standard input, if this is such a child.
// main and TestMain call it first. The address, and at /spent its processor time, are what
// it tells.
func ServeIfAsked() {
	mode := os.Getenv(asServer)
	if mode == "" {
		return
	}
	if err := serve(mode); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(mode string) error {
	make, ok := serverModes()[mode]
	if !ok {
		return fmt.Errorf("no server is called %q", mode)
	}
	h, err := make()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	outer := http.NewServeMux()
	outer.Handle("/", h)
	outer.HandleFunc("/spent", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, int64(lab.Spent())) })
	fmt.Println(l.Addr())
	go func() { _ = http.Serve(l, outer) }()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
