package memcached_test

// pool_test.go: which connections outlive the news that the server was restarted,
// or vanished.

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// numbered dials a script that knows which connection it serves.
func numbered(dials *atomic.Int64, script func(connection int64, p *peer)) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		connection := dials.Add(1)
		return overPipe(func(p *peer) { script(connection, p) })(ctx, network, address)
	}
}

// twoPings run at the same time, so each has a connection of its own.
func twoPings(t *testing.T, n tier.Node) {
	t.Helper()
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			if err := n.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
	}
	group.Wait()
}

func answer(p *peer) bool {
	if _, ok := p.line(); !ok {
		return false
	}
	time.Sleep(10 * time.Millisecond)
	return p.say("VERSION 1.6\r\n")
}

// 1. two operations use pooled connections that are dead 2. one finds out, drops
// the idle ones and puts a new connection back 3. the other finds out.
func TestTheSecondToFindTheServerRestartedDropsNoNewConnection(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var dials atomic.Int64
		_, n := open(t, memcached.Config{DialContext: numbered(&dials, func(connection int64, p *peer) {
			if connection <= 2 {
				answer(p)
				p.line()
				time.Sleep(time.Duration(connection) * 100 * time.Millisecond) // and leave
				return
			}
			for answer(p) {
			}
		})})
		twoPings(t, n)
		twoPings(t, n)
		if got := dials.Load(); got != 4 {
			t.Fatalf("%d connections after both were replaced", got)
		}
		twoPings(t, n)
		if got := dials.Load(); got != 4 {
			t.Errorf("%d connections: a new one was dropped", got)
		}
	})
}

// 1. an operation has its answer 2. the server is restarted, and another operation
// drops the idle connections 3. the first puts its dead connection back.
func TestAConnectionFromBeforeTheRestartIsNotKept(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var dials atomic.Int64
		_, n := open(t, memcached.Config{DialContext: numbered(&dials, func(connection int64, p *peer) {
			answer(p)
			switch connection {
			case 1: // leaves at the second request
				p.line()
				time.Sleep(50 * time.Millisecond)
			case 2: // answers it, after the first has left
				p.line()
				time.Sleep(100 * time.Millisecond)
				p.say("VERSION 1.6\r\n")
				p.drain()
			default:
				for answer(p) {
				}
			}
		})})
		twoPings(t, n)
		twoPings(t, n)
		if got := dials.Load(); got != 3 {
			t.Fatalf("%d connections after one was replaced", got)
		}
		twoPings(t, n)
		if got := dials.Load(); got != 4 {
			t.Errorf("%d connections, want 4: one of the first two was kept", got)
		}
	})
}

// mute answers the first request of each of the first n connections and then
// nothing more, as a machine that lost its power; later connections reach another
// machine.
func mute(dials *atomic.Int64, n int64) dialFunc {
	return numbered(dials, func(connection int64, p *peer) {
		if connection <= n {
			answer(p)
			p.drain()
			return
		}
		for answer(p) {
		}
	})
}

func pings(t *testing.T, n tier.Node, count int) {
	t.Helper()
	var group sync.WaitGroup
	for range count {
		group.Go(func() {
			if err := n.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

// 1. the server's machine dies without a word 2. its name is given to another
// machine 3. every idle connection still leads to the first one.
func TestAServerThatVanishedCostsOneOperationAndNotOneForEachIdleConnection(t *testing.T) {
	t.Parallel()
	for name, ctx := range map[string]func(t *testing.T) (context.Context, context.CancelFunc){
		"the client's time-out": func(t *testing.T) (context.Context, context.CancelFunc) { return t.Context(), func() {} },
		"a context's deadline": func(t *testing.T) (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 100*time.Millisecond)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				var dials atomic.Int64
				_, n := open(t, memcached.Config{DialContext: mute(&dials, 20)})
				pings(t, n, 20)
				ctx, cancel := ctx(t)
				defer cancel()
				if err := n.Ping(ctx); err == nil || tier.IsAnswer(err) {
					t.Errorf("the first operation: %v", err)
				}
				pings(t, n, 20)
				if got := dials.Load(); got != 40 {
					t.Errorf("%d connections, want 40: idle ones outlived their server", got)
				}
			})
		})
	}
}

// A connection is not taken for one without a server because its caller was in a
// hurry, or left, or because others are answered and it is slow.
func TestAnImpatientCallerDropsNoIdleConnection(t *testing.T) {
	t.Parallel()
	for name, impatient := range map[string]func(t *testing.T, n tier.Node) error{
		"a short deadline": func(t *testing.T, n tier.Node) error {
			ctx, cancel := context.WithTimeout(t.Context(), 9*time.Millisecond)
			defer cancel()
			return n.Ping(ctx)
		},
		"one who leaves": func(t *testing.T, n tier.Node) error {
			ctx, leave := context.WithCancel(t.Context())
			time.AfterFunc(300*time.Millisecond, leave)
			return n.Ping(ctx)
		},
		"one beside others who are answered": func(t *testing.T, n tier.Node) error {
			time.AfterFunc(100*time.Millisecond, func() { pings(t, n, 1) })
			return n.Ping(t.Context())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				var dials atomic.Int64
				var stuck atomic.Bool
				_, n := open(t, memcached.Config{DialContext: numbered(&dials, func(_ int64, p *peer) {
					for {
						if _, ok := p.line(); !ok {
							return
						}
						time.Sleep(10 * time.Millisecond)
						if stuck.CompareAndSwap(true, false) {
							time.Sleep(time.Second)
						}
						if !p.say("VERSION 1.6\r\n") {
							return
						}
					}
				})})
				pings(t, n, 20)
				stuck.Store(true)
				if err := impatient(t, n); err == nil || tier.IsAnswer(err) {
					t.Errorf("the impatient one: %v", err)
				}
				stuck.Store(false)
				pings(t, n, 20)
				if got := dials.Load(); got != 21 {
					t.Errorf("%d connections, want 21: idle ones were dropped", got)
				}
			})
		})
	}
}

// The kernel found a connection dead while it was idle. That is not a time-out of
// the operation, which has all its time left.
func TestAConnectionThatItsKeepAlivesFoundDeadCostsNoOperation(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var dials atomic.Int64
		serve := numbered(&dials, func(_ int64, p *peer) {
			for answer(p) {
			}
		})
		var dead atomic.Bool
		_, n := open(t, memcached.Config{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := serve(ctx, network, address)
			if dials.Load() == 1 {
				nc = unanswered{nc, &dead}
			}
			return nc, err
		}})
		pings(t, n, 1)
		dead.Store(true)
		pings(t, n, 1)
		if got := dials.Load(); got != 2 {
			t.Errorf("%d connections", got)
		}
	})
}

type unanswered struct {
	net.Conn
	dead *atomic.Bool
}

func (c unanswered) Write(p []byte) (int, error) {
	if c.dead.Load() {
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.ETIMEDOUT)}
	}
	return c.Conn.Write(p)
}
