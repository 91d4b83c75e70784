package events

// middleware.go has what a request pays in ServeHTTP, with nothing of a server around it.

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
	"github.com/tiermemo/tiermemo/memo"
)

// Contenders of these events.
const (
	MiddlewareGroup = "Middleware"
	OursInside      = "tiermemo"
	NoMiddleware    = "no middleware"
	TwoLines        = "by hand: a context map, made when it is needed"
	CopyAlone       = "a request with a context of that size, alone"
	TwoTiers        = "by hand: the same over golang-lru + singleflight"
)

// Middleware is the name of a request that makes so many calls for one key.
func Middleware(calls int) string {
	if calls == 0 {
		return "a request in ServeHTTP that makes no call"
	}
	return fmt.Sprintf("a request in ServeHTTP, %d calls for one key", calls)
}

// discard is a ResponseWriter that costs nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header            { return d.header }
func (d discard) Write(text []byte) (int, error) { return len(text), nil }
func (d discard) WriteHeader(int)                {}

// byHand is the middleware that one writes: two lines.
func byHandMiddleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(peer.WithRequestMap(r.Context())))
	})
}

// copied gives each request a context of the size of ours, and does nothing with it.
func copied(next http.Handler) http.Handler {
	type scope struct {
		context.Context
		_ [144 - 16]byte
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(&scope{Context: r.Context()}))
	})
}

func served(name string, floor bool, make func() (http.Handler, func(), error)) lab.Contender {
	return lab.Contender{Name: name, Floor: floor, New: func(lab.Env) (lab.Bench, error) {
		h, end, err := make()
		if err != nil {
			return lab.Bench{}, err
		}
		w, r := discard{http.Header{}}, httptest.NewRequest(http.MethodGet, "/users/7", nil)
		return lab.Bench{Loop: func(n int) {
			for range n {
				h.ServeHTTP(w, r)
			}
		}, Close: end}, nil
	}}
}

func none() {}

func middlewares() (all []lab.Event) {
	for _, calls := range []int{0, 1, 10, 100} {
		all = append(all, middlewareOf(calls))
	}
	return all
}

// handler makes so many calls of do.
func handler(calls int, do func(context.Context)) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		for range calls {
			do(ctx)
		}
	})
}

func onMapAlone(ctx context.Context) { _, _ = peer.RequestDo(ctx, "user:7", loadSmall) }

func middlewareOf(calls int) lab.Event {
	e := lab.Event{Group: MiddlewareGroup, Name: Middleware(calls), Contenders: []lab.Contender{
		served(OursInside, false, func() (http.Handler, func(), error) {
			c, err := newMemo(1000)
			if err != nil {
				return nil, nil, err
			}
			h := handler(calls, func(ctx context.Context) { _, _ = memo.Do(ctx, "user:7", loadSmall) })
			return nethttp.Middleware(c)(h), func() { _ = c.Close(context.Background()) }, nil
		}),
		// Its loader costs nothing, where ours asks the process: it has one tier to ours two.
		served(TwoLines, false, func() (http.Handler, func(), error) { return byHandMiddleware(handler(calls, onMapAlone)), none, nil }),
	}}
	if calls == 0 {
		e.Contenders = append(e.Contenders,
			served(NoMiddleware, true, func() (http.Handler, func(), error) { return handler(0, nil), none, nil }),
			served(CopyAlone, true, func() (http.Handler, func(), error) { return copied(handler(0, nil)), none, nil }))
		return e
	}
	e.Contenders = append(e.Contenders, served(TwoTiers, false, func() (http.Handler, func(), error) {
		p, err := peer.NewByHand(peer.Options[string, data.Small]{Size: 1000, TTL: time.Hour,
			Load: func(context.Context, string) (data.Small, error) { return data.NewSmall(7), nil }})
		return byHandMiddleware(handler(calls, func(ctx context.Context) {
			_, _ = peer.RequestDo(ctx, "user:7", func(ctx context.Context) (data.Small, error) { return p.Get(ctx, "user:7") })
		})), none, err
	}))
	return e
}
