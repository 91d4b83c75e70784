package memcached_test

// budget_test.go: how long an operation may take, to the nanosecond of virtual time.

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

const budget = 500 * time.Millisecond

// drip answers with one byte every 100 ms of a reply that never ends, so that
// every read succeeds in time.
func drip(p *peer) {
	p.line()
	reply := "VALUE k 0 1000000 1\r\n" + strings.Repeat("x", 1000)
	for i := range reply {
		time.Sleep(100 * time.Millisecond)
		if !p.say("%s", reply[i:i+1]) {
			return
		}
	}
}

// dripItems answers a get with the items it asks for, each in time.
func dripItems(p *peer) {
	request, _ := p.line()
	keys, isGet := strings.CutPrefix(request, "gets ")
	if !isGet {
		p.drain()
	}
	for key := range strings.FieldsSeq(keys) {
		time.Sleep(300 * time.Millisecond)
		p.say("VALUE %s 0 1 1\r\nx\r\n", key)
	}
	time.Sleep(300 * time.Millisecond)
	p.say("END\r\n")
}

func TestAnOperationEndsWithItsBudget(t *testing.T) {
	t.Parallel()
	never := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for name, dial := range map[string]dialFunc{
		"server that never answers":       overPipe((*peer).drain),
		"server that never reads":         overPipe(func(*peer) { time.Sleep(time.Hour) }),
		"server that drips bytes":         overPipe(drip),
		"server that drips items":         overPipe(dripItems),
		"server that cannot be connected": never,
		"connection that comes late": func(ctx context.Context, network, address string) (net.Conn, error) {
			time.Sleep(300 * time.Millisecond)
			return overPipe((*peer).drain)(ctx, network, address)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				_, n := open(t, memcached.Config{DialContext: dial})
				for op, run := range operations(n) {
					err := takesItsBudget(t, op, run)
					if dialing := strings.Contains(name, "cannot be connected"); strings.Contains(err.Error(), "no connection within 500ms") != dialing {
						t.Errorf("%s: %v", op, err)
					}
				}
			})
		})
	}
}

func TestARetrySharesTheBudget(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		for op := range operations(nil) {
			_, n := open(t, memcached.Config{DialContext: twoConnections(func(p *peer) {
				p.line()
				p.say("END\r\n")
				p.line()
				time.Sleep(300 * time.Millisecond) // and leave
			}, (*peer).drain)})
			get(t, n, "k") // its connection is a pooled one now
			takesItsBudget(t, op, operations(n)[op])
		}
	})
}

func takesItsBudget(t *testing.T, op string, run func(context.Context, string) error) error {
	t.Helper()
	start := time.Now()
	err := run(t.Context(), "k")
	if got := time.Since(start); got != budget {
		t.Errorf("%s took %v, want %v", op, got, budget)
	}
	if !errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%s: %v, want a time-out that is not the context's", op, err)
	}
	return err
}

// twoConnections serves the first connection with one script and later ones with another.
func twoConnections(first, later func(*peer)) dialFunc {
	var dials atomic.Int64
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if dials.Add(1) == 1 {
			return overPipe(first)(ctx, network, address)
		}
		return overPipe(later)(ctx, network, address)
	}
}

func TestAnOperationEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, dial := range map[string]dialFunc{
		"waiting for an answer": overPipe((*peer).drain),
		"dripping":              overPipe(drip),
		"dialing": func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
		"dialed in spite of it": func(ctx context.Context, network, address string) (net.Conn, error) {
			<-ctx.Done()
			return overPipe((*peer).drain)(ctx, network, address)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				_, n := open(t, memcached.Config{DialContext: dial})
				for op, run := range operations(n) {
					late, cancel := context.WithTimeout(t.Context(), 120*time.Millisecond)
					start := time.Now()
					err := run(late, "k")
					if got := time.Since(start); got != 120*time.Millisecond || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s with a deadline: %v after %v", op, err, got)
					}
					cancel()

					left, leave := context.WithCancel(t.Context())
					time.AfterFunc(70*time.Millisecond, leave)
					start = time.Now()
					err = run(left, "k")
					if got := time.Since(start); got != 70*time.Millisecond || !errors.Is(err, context.Canceled) {
						t.Errorf("%s cancelled: %v after %v", op, err, got)
					}

					start = time.Now()
					if err := run(left, "k"); time.Since(start) != 0 || !errors.Is(err, context.Canceled) {
						t.Errorf("%s with a context that had ended: %v after %v", op, err, time.Since(start))
					}
				}
			})
		})
	}
}

func TestAContextThatHadEndedReachesNoServer(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		dials := 0
		_, n := open(t, memcached.Config{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			dials++
			return overPipe((*peer).drain)(ctx, network, address)
		}})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for op, run := range operations(n) {
			if err := run(ctx, "k"); !errors.Is(err, context.Canceled) || dials != 0 {
				t.Errorf("%s: %v after %d dials", op, err, dials)
			}
		}
	})
}

// deadlineOnly is a context that says when it ends and does not signal it.
type deadlineOnly struct {
	context.Context
	at time.Time
}

func (c deadlineOnly) Deadline() (time.Time, bool) { return c.at, true }

func TestADeadlineWithoutASignalIsObeyed(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		_, n := open(t, memcached.Config{DialContext: overPipe((*peer).drain)})
		for op, run := range operations(n) {
			start := time.Now()
			err := run(deadlineOnly{context.Background(), start.Add(80 * time.Millisecond)}, "k")
			if got := time.Since(start); got != 80*time.Millisecond || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v after %v", op, err, got)
			}
		}
	})
}

// 1. an operation has its answer 2. its context ends 3. the connection is used by
// the next operation, which must not feel the end of the first one's context.
func TestACancelledContextDoesNotReachTheNextOperation(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var dials atomic.Int64
		leave := func() {}
		serve := numbered(&dials, func(_ int64, p *peer) {
			for {
				if _, ok := p.line(); !ok {
					return
				}
				time.Sleep(time.Millisecond)
				p.say("END\r\n")
			}
		})
		_, n := open(t, memcached.Config{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := serve(ctx, network, address)
			return leaving{nc, &leave}, err
		}})
		for range 200 {
			ctx, cancel := context.WithCancel(t.Context())
			leave = cancel
			must(t, n.GetMulti(ctx, []string{"k"}, make([]tier.Item, 1)))
			get(t, n, "k")
			cancel()
		}
		if got := dials.Load(); got != 1 {
			t.Errorf("%d connections: an answered operation cost its connection", got)
		}
	})
}

// leaving ends a context at the moment at which the answer is there.
type leaving struct {
	net.Conn
	leave *func()
}

func (c leaving) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	(*c.leave)()
	return n, err
}

func TestCloseWaitsForWhatRuns(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		left := false
		c, n := open(t, memcached.Config{DialContext: overPipe(func(p *peer) {
			p.line()
			time.Sleep(200 * time.Millisecond)
			p.say("END\r\n")
			p.drain()
			left = true
		})})
		var err error
		go func() { err = operations(n)["GetMulti of one"](t.Context(), "k") }()
		synctest.Wait()

		start := time.Now()
		must(t, c.Close())
		if got := time.Since(start); got != 200*time.Millisecond {
			t.Errorf("Close returned after %v", got)
		}
		synctest.Wait()
		must(t, err)
		if !left {
			t.Error("the connection of the operation outlived Close")
		}
		for op, run := range operations(n) {
			if err := run(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "memcached: the client is closed") {
				t.Errorf("%s after Close: %v", op, err)
			}
		}
		must(t, c.Close())
	})
}
