package events

// first.go has what surrounds the hits of a request: its first call, and two goroutines of it.

import (
	"context"
	"time"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
	"github.com/tiermemo/tiermemo/memo"
)

// FirstCall is a request with one call that the process answers.
const FirstCall = "request with one call, answered by the process"

// Contenders of FirstCall.
const (
	FirstOfOurs = "tiermemo Begin, Do, end"
	FirstOfHand = "context map over golang-lru + singleflight"
)

func firstCall() lab.Event {
	return lab.Event{Group: RequestGroup, Name: FirstCall, Contenders: []lab.Contender{
		{Name: FirstOfOurs, New: func(lab.Env) (lab.Bench, error) {
			c, err := newMemo(10_000)
			return lab.Bench{Loop: func(n int) { oneCall(c, n) }, Close: func() { _ = c.Close(context.Background()) }}, err
		}},
		{Name: FirstOfHand, New: func(lab.Env) (lab.Bench, error) {
			p, err := peer.NewByHand(peer.Options[string, data.Small]{Size: 10_000, TTL: time.Hour,
				Load: func(context.Context, string) (data.Small, error) { return data.NewSmall(7), nil }})
			return lab.Bench{Loop: func(n int) {
				for range n {
					ctx := peer.WithRequestMap(context.Background())
					_, _ = peer.RequestDo(ctx, "user:7", func(ctx context.Context) (data.Small, error) { return p.Get(ctx, "user:7") })
				}
			}}, err
		}},
	}}
}

// oneCall is no literal in firstCall: the compiler copies that into whoever firstCall becomes
// a part of, and Begin does not become a part of the copy, which costs an allocation. Nobody
// serves a request in such a function.
func oneCall(c *memo.Cache, n int) {
	for range n {
		ctx, end := c.Begin(context.Background())
		_, _ = memo.Do(ctx, "user:7", loadSmall)
		end()
	}
}

func requestPair() lab.Event {
	both := func(do func(n int)) func(n int) {
		return func(n int) { lab.Parallel(2, n, func(_, n int) { do(n) }) }
	}
	return lab.Event{Group: RequestGroup, Name: RequestPair, Contenders: []lab.Contender{
		inRequest(DoOnce, 0, func(ctx context.Context, n int) {
			both(func(n int) {
				for range n {
					_, _ = memo.Do(ctx, "user:7", loadSmall)
				}
			})(n)
		}),
		onMap(MapOnce, "", 0, func(ctx context.Context, n int) {
			both(func(n int) {
				for range n {
					_, _ = peer.RequestDo(ctx, "user:7", loadSmall)
				}
			})(n)
		}),
	}}
}
