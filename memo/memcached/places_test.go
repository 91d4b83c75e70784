package memcached_test

// places_test.go: the places of MaxConns, whatever becomes of those who had them.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
)

// The place of a connection that is lost goes to the next as well.
func TestAnOperationThatFailsLeavesItsPlaceToTheNext(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var server slow
		_, n := open(t, memcached.Config{DialContext: server.dial, MaxConns: 1})
		var group sync.WaitGroup
		start := time.Now()
		for range 5 {
			group.Go(func() {
				if err := ask(t.Context(), n, "leave"); err == nil {
					t.Error("an answer of a server that left")
				}
			})
		}
		synctest.Wait()
		group.Go(func() {
			served(t, ask(t.Context(), n, "1"))
			if took := time.Since(start); took != 51*time.Millisecond {
				t.Errorf("the last one was served after %v", took)
			}
		})
		group.Wait()
	})
}

func TestCloseSendsThoseWhoWaitHome(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var server slow
		client, n := open(t, memcached.Config{DialContext: server.dial, MaxConns: 2})
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() { served(t, ask(t.Context(), n, "300")) })
		}
		synctest.Wait()
		for range 20 {
			group.Go(func() {
				start := time.Now()
				err := ask(t.Context(), n, "1")
				if took := time.Since(start); err == nil || err.Error() != "memcached: the client is closed, as by the Close of a cache that had it" || took != 50*time.Millisecond {
					t.Errorf("after %v: %v", took, err)
				}
			})
		}
		time.Sleep(50 * time.Millisecond)
		start := time.Now()
		must(t, client.Close())
		if took := time.Since(start); took != 250*time.Millisecond {
			t.Errorf("Close returned after %v, and the operations that run have 250ms to go", took)
		}
		group.Wait()
		if open := server.open.Load(); open != 0 {
			t.Errorf("%d connections outlived Close", open)
		}
	})
}

// A panic of the application's dialer reaches the caller, also from an operation
// that runs on several connections, and takes no connection out of the budget.
func TestAPanicInDialContextReachesTheCallerAndCostsNoPlace(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var server slow
		panics := true
		client, n := open(t, memcached.Config{MaxConns: 2, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if panics {
				panic("dialer")
			}
			return server.dial(ctx, network, address)
		}})
		for op, run := range operations(n) {
			for range 5 {
				func() {
					defer func() {
						if recover() != "dialer" {
							t.Errorf("%s: the panic did not reach the caller", op)
						}
					}()
					_ = run(t.Context(), "k")
				}()
			}
		}
		panics = false
		start := time.Now()
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() { served(t, ask(t.Context(), n, "100")) })
		}
		group.Wait()
		if took := time.Since(start); took != 200*time.Millisecond {
			t.Errorf("4 operations over 2 connections took %v", took)
		}
		must(t, client.Close())
	})
}

// 1. A waits for most of its time and has a connection for the rest, which is too
// short for the server 2. that says nothing about the connections: B's, which is
// in use meanwhile, is kept.
func TestTimeSpentWaitingIsNoEvidenceAgainstConnections(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var server slow
		_, n := open(t, memcached.Config{DialContext: server.dial, MaxConns: 2})
		var group sync.WaitGroup
		group.Go(func() { served(t, ask(t.Context(), n, "470")) })
		time.Sleep(time.Millisecond)
		group.Go(func() {
			time.Sleep(200 * time.Millisecond)
			served(t, ask(t.Context(), n, "400")) // B
		})
		time.Sleep(199*time.Millisecond + time.Millisecond/2)
		hurry, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond) // of which 269 are spent waiting
		defer cancel()
		time.Sleep(time.Millisecond)
		if err := ask(hurry, n, "100"); !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "MaxConns") {
			t.Errorf("A: %v", err)
		}
		group.Wait()
		for range 2 {
			group.Go(func() { served(t, ask(t.Context(), n, "10")) })
		}
		group.Wait()
		if dials := server.dials.Load(); dials != 3 {
			t.Errorf("%d connections, want 3: the two, and one in place of A's", dials)
		}
	})
}

// 1. one operation finds that the server was restarted, and begins to close the
// idle connections 2. others dial meanwhile: what is not closed yet is open.
func TestConnectionsThatAreDroppedTogetherHaveTheirPlacesUntilTheyAreClosed(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var dials, connections atomic.Int64
		serve := numbered(&dials, func(connection int64, p *peer) {
			answer(p)
			if connection <= 4 {
				p.line()
				return // and leave
			}
			for answer(p) {
			}
		})
		client, n := open(t, memcached.Config{MaxConns: 4, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := serve(ctx, network, address)
			if now := connections.Add(1); now > 4 {
				t.Errorf("%d connections are open", now)
			}
			return &reluctant{counted{Conn: nc, open: &connections}}, err
		}})
		pings(t, n, 4)
		var group sync.WaitGroup
		group.Go(func() { served(t, n.Ping(t.Context())) })
		time.Sleep(15 * time.Millisecond) // it has closed its own, and closes the others
		pings(t, n, 8)
		group.Wait()
		start := time.Now()
		pings(t, n, 8)
		if took := time.Since(start); took != 20*time.Millisecond {
			t.Errorf("8 operations of 10 ms over 4 connections took %v", took)
		}
		must(t, client.Close())
		if now := connections.Load(); now != 0 {
			t.Errorf("%d connections outlived Close", now)
		}
	})
}

// reluctant takes its time to close.
type reluctant struct{ counted }

func (r *reluctant) Close() error {
	time.Sleep(10 * time.Millisecond)
	return r.counted.Close()
}

// The protocol has no command that deletes several keys, and the requests do not wait for
// each other's answers.
func TestDeleteOfManyKeysIsARoundTripForEachFiveHundred(t *testing.T) {
	t.Parallel()
	for keys, want := range map[int]time.Duration{1: 1, 2: 1, 100: 1, 500: 1, 501: 2, 1000: 2} {
		bubble(t, func(t *testing.T) {
			_, n := open(t, memcached.Config{DialContext: overPipe(func(p *peer) {
				lines := bufio.NewReaderSize(p, 1<<20)
				for asked := 1; ; asked++ {
					if _, err := lines.ReadString('\n'); err != nil {
						return
					}
					if lines.Buffered() == 0 {
						time.Sleep(time.Millisecond)
						p.say("%s", strings.Repeat("DELETED\r\n", asked))
						asked = 0
					}
				}
			})})
			names := make([]string, keys)
			for i := range names {
				names[i] = fmt.Sprint("k", i)
			}
			began := time.Now()
			must(t, n.Delete(t.Context(), names...))
			if got := time.Since(began); got != want*time.Millisecond {
				t.Errorf("%d keys took %v, want %d round trips", keys, got, want)
			}
		})
	}
}
