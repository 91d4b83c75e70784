package memcached_test

// pool_test.go: which connections outlive the news that the server was restarted.

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
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
