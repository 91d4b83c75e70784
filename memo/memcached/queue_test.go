package memcached_test

// queue_test.go: operations that find every connection of MaxConns in use.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// slow answers each get after a number of milliseconds, which is its key, or
// leaves after ten if it is none, and notes the keys in the order in which they
// came.
type slow struct {
	dials, open atomic.Int64

	mu   sync.Mutex
	came []string
}

func (s *slow) dial(ctx context.Context, network, address string) (net.Conn, error) {
	s.dials.Add(1)
	s.open.Add(1)
	nc, err := overPipe(s.serve)(ctx, network, address)
	return &counted{Conn: nc, open: &s.open}, err
}

func (s *slow) serve(p *peer) {
	for {
		request, ok := p.line()
		if !ok {
			return
		}
		key := strings.TrimPrefix(request, "gets ")
		s.mu.Lock()
		s.came = append(s.came, key)
		s.mu.Unlock()
		pause, _, _ := strings.Cut(key, "-")
		d, err := time.ParseDuration(pause + "ms")
		if err != nil {
			time.Sleep(10 * time.Millisecond)
			return
		}
		time.Sleep(d)
		p.say("END\r\n")
	}
}

func ask(ctx context.Context, n tier.Node, key string) error {
	return n.GetMulti(ctx, []string{key}, make([]tier.Item, 1))
}

func served(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

func TestNoMoreThanMaxConnsAreOpenAndWhoWaitsIsServedInTurn(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var server slow
		_, n := open(t, memcached.Config{DialContext: server.dial, MaxConns: 3})
		start := time.Now()
		var group sync.WaitGroup
		for i := range 30 {
			group.Go(func() { served(t, ask(t.Context(), n, fmt.Sprintf("10-%d", i))) })
			synctest.Wait() // they come one after the other
			if open := server.open.Load(); open > 3 {
				t.Fatalf("%d connections are open", open)
			}
		}
		group.Wait()
		if took := time.Since(start); took != 100*time.Millisecond {
			t.Errorf("30 operations of 10 ms over 3 connections took %v", took)
		}
		if dials := server.dials.Load(); dials != 3 {
			t.Errorf("%d connections were dialed", dials)
		}
		if len(server.came) != 30 {
			t.Fatalf("the server has seen %v", server.came)
		}
		for i := range 10 { // three at a time, so that among the three any order is right
			for _, key := range server.came[3*i : 3*i+3] {
				var at int
				if _, err := fmt.Sscanf(key, "10-%d", &at); err != nil || at/3 != i {
					t.Fatalf("the order was %v", server.came)
				}
			}
		}
	})
}

func TestWhoWaitsTooLongIsToldSo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ctx   func(context.Context) (context.Context, context.CancelFunc)
		after time.Duration
		want  error
	}{
		"Config.Timeout": {func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} }, 500 * time.Millisecond, os.ErrDeadlineExceeded},
		"a deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 120*time.Millisecond)
		}, 120 * time.Millisecond, context.DeadlineExceeded},
		"a deadline without a signal": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return deadlineOnly{ctx, time.Now().Add(80 * time.Millisecond)}, func() {}
		}, 80 * time.Millisecond, context.DeadlineExceeded},
		"a caller who leaves": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, leave := context.WithCancel(ctx)
			time.AfterFunc(70*time.Millisecond, leave)
			return ctx, leave
		}, 70 * time.Millisecond, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				var server slow
				_, n := open(t, memcached.Config{DialContext: server.dial, MaxConns: 1})
				for op, run := range operations(n) {
					if op == "Delete of many" {
						continue // joins what its parts say
					}
					var others sync.WaitGroup
					for range 2 { // the second has the connection until its time is over
						others.Go(func() { _ = ask(t.Context(), n, "450") })
						synctest.Wait()
					}
					ctx, cancel := tc.ctx(t.Context())
					start := time.Now()
					err := run(ctx, "secret")
					if took := time.Since(start); took != tc.after {
						t.Errorf("%s took %v", op, took)
					}
					if !errors.Is(err, tc.want) || tier.IsAnswer(err) || strings.Contains(err.Error(), "secret") ||
						!strings.Contains(err.Error(), "cache.internal:11211: all 1 connections of Config.MaxConns were in use") {
						t.Errorf("%s: %v", op, err)
					}
					cancel()
					others.Wait()
				}
			})
		})
	}
}

// undecided is a context that ends before its operation can look at its place in
// the queue, and at the moment at which it is given a connection.
type undecided struct {
	context.Context
	given <-chan struct{}
	ended chan struct{}
}

func (u *undecided) Done() <-chan struct{} {
	<-u.given
	if u.Err() == nil {
		close(u.ended)
	}
	return u.ended
}

func (u *undecided) Err() error {
	select {
	case <-u.ended:
		return context.Canceled
	default:
		return nil
	}
}

// 1. A waits, and B behind it 2. the time of A is over at the moment at which a
// connection is given to it 3. B must have it: nobody else will put one back.
func TestAConnectionGivenToOneWhoLeavesGoesToTheNext(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var server slow
		client, n := open(t, memcached.Config{DialContext: server.dial, MaxConns: 1})
		for range 50 { // in half of which A sees first that it has ended
			var group sync.WaitGroup
			given := make(chan struct{})
			group.Go(func() {
				served(t, ask(t.Context(), n, "20"))
				close(given)
			})
			synctest.Wait()
			group.Go(func() {
				if err := ask(&undecided{t.Context(), given, make(chan struct{})}, n, "0"); !errors.Is(err, context.Canceled) {
					t.Errorf("A: %v", err)
				}
			})
			synctest.Wait()
			group.Go(func() { served(t, ask(t.Context(), n, "1")) })
			group.Wait()
			if t.Failed() {
				return
			}
		}
		if dials := server.dials.Load(); dials != 1 {
			t.Errorf("%d connections", dials)
		}
		must(t, client.Close()) // which waits for lanes that are lost
	})
}

// What comes back late is passed on with its connection: an operation that began
// with no time left would fail on it, and cost it.
func TestAConnectionGivenTooLateIsNotSpent(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var server slow
		_, n := open(t, memcached.Config{DialContext: server.dial, MaxConns: 1})
		for range 100 {
			var group sync.WaitGroup
			group.Go(func() { served(t, ask(t.Context(), n, "20")) })
			synctest.Wait()
			for range 5 {
				group.Go(func() { _ = ask(deadlineOnly{t.Context(), time.Now().Add(20 * time.Millisecond)}, n, "50") })
			}
			group.Wait()
		}
		if dials := server.dials.Load(); dials != 1 {
			t.Errorf("%d connections", dials)
		}
	})
}
