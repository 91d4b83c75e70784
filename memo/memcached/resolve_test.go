package memcached_test

// resolve_test.go: a list of servers that somebody else keeps.

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
)

// answering is a Config.Resolve that says the same each time.
func answering(servers ...string) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) { return servers, nil }
}

// directory is a Config.Resolve that says what the test has put there.
type directory struct {
	answer atomic.Pointer[func(context.Context) ([]string, error)]
}

func (d *directory) set(answer func(context.Context) ([]string, error)) { d.answer.Store(&answer) }

func (d *directory) resolve(ctx context.Context) ([]string, error) { return (*d.answer.Load())(ctx) }

// resolving is a Client in a bubble whose first answer is there.
func resolving(t *testing.T, cfg memcached.Config) *memcached.Client {
	t.Helper()
	c, err := memcached.NewFromConfig(cfg)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close()) })
	synctest.Wait()
	return c
}

func TestNewDoesNotWaitForResolve(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := resolving(t, memcached.Config{Resolve: func(context.Context) ([]string, error) {
			time.Sleep(2 * time.Second)
			return []string{"a:1"}, nil
		}})
		if err := c.ResolveError(); len(c.Nodes()) != 0 || err == nil || err.Error() != "memcached: Config.Resolve has not answered yet" {
			t.Errorf("before the first answer there are %q, and the error is %v", names(c.Nodes()), err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got, err := names(c.Nodes()), c.ResolveError(); !slices.Equal(got, []string{"a:1"}) || err != nil {
			t.Errorf("after the first answer there are %q, and the error is %v", got, err)
		}
	})
}

func TestWhenResolveIsAsked(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for _, tc := range []struct {
		every time.Duration
		bad   func(call int) bool
		want  []time.Duration // since the call before
	}{
		{0, func(int) bool { return false }, []time.Duration{30 * s, 30 * s, 30 * s}},
		{5 * s, func(int) bool { return false }, []time.Duration{5 * s, 5 * s, 5 * s}},
		{0, func(int) bool { return true }, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 30 * s, 30 * s}},
		{5 * s, func(int) bool { return true }, []time.Duration{s, 2 * s, 4 * s, 5 * s, 5 * s}},
		{s, func(int) bool { return true }, []time.Duration{s, s, s}},
		{0, func(call int) bool { return call != 3 && call != 5 }, []time.Duration{s, 2 * s, 4 * s, 30 * s, s, 30 * s, s, 2 * s}},
	} {
		bubble(t, func(t *testing.T) {
			var mu sync.Mutex
			var calls []time.Time
			resolving(t, memcached.Config{ResolveEvery: tc.every, Resolve: func(context.Context) ([]string, error) {
				mu.Lock()
				defer mu.Unlock()
				calls = append(calls, time.Now())
				if tc.bad(len(calls) - 1) {
					return nil, errors.New("no such host")
				}
				return []string{"a:1"}, nil
			}})
			time.Sleep(5 * time.Minute)
			mu.Lock()
			defer mu.Unlock()
			var got []time.Duration
			for i := range tc.want {
				got = append(got, calls[i+1].Sub(calls[i]))
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("every %v: asked after %v, want %v", tc.every, got, tc.want)
			}
		})
	}
}

// What is no good answer changes nothing, says why, and is asked again.
func TestABadAnswerLeavesTheList(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer func(context.Context) ([]string, error)
		want   string
	}{
		"an error":              {func(context.Context) ([]string, error) { return nil, io.ErrUnexpectedEOF }, "memcached: Config.Resolve: unexpected EOF"},
		"an error with servers": {func(context.Context) ([]string, error) { return []string{"c:1"}, io.EOF }, "memcached: Config.Resolve: EOF"},
		"nil":                   {answering(), "memcached: Config.Resolve: the answer has no server"},
		"one without a port":    {answering("a:1", "c", "d:1"), `memcached: Config.Resolve: server "c": want "host:port" or "/path/to/socket"`},
		"one that is empty":     {answering("a:1", ""), `memcached: Config.Resolve: server "": want "host:port"`},
		"a port by name":        {answering("c:memcache"), `server "c:memcache": the port must be a number`},
		"a socket under TLS":    {answering("a:1", "/run/mc.sock"), "memcached: Config.Resolve: Config.TLS over a Unix socket"},
		"a panic":               {func(context.Context) ([]string, error) { panic("index out of range") }, "memcached: Config.Resolve: panic: index out of range"},
		"a Goexit": {func(context.Context) ([]string, error) { runtime.Goexit(); return nil, nil },
			"memcached: Config.Resolve: the function ended its goroutine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				var d directory
				d.set(answering("a:1", "b:1"))
				c := resolving(t, memcached.Config{Resolve: d.resolve, TLS: &tls.Config{}})
				before := c.Nodes()
				if len(before) != 2 || c.ResolveError() != nil {
					t.Fatalf("at first there are %q, and the error is %v", names(before), c.ResolveError())
				}
				d.set(tc.answer)
				time.Sleep(40 * time.Second)
				synctest.Wait()
				if got := c.Nodes(); &got[0] != &before[0] || len(got) != 2 {
					t.Errorf("there are %q now", names(got))
				}
				if err := c.ResolveError(); err == nil || !strings.HasPrefix(err.Error(), "memcached: Config.Resolve: ") || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("the error is %v, want %s", err, tc.want)
				}
				d.set(answering("c:1"))
				time.Sleep(40 * time.Second)
				synctest.Wait()
				if got, err := names(c.Nodes()), c.ResolveError(); !slices.Equal(got, []string{"c:1"}) || err != nil {
					t.Errorf("after a good answer there are %q, and the error is %v", got, err)
				}
			})
		})
	}
}

func TestTheErrorOfResolveIsInResolveError(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c := resolving(t, memcached.Config{Resolve: func(context.Context) ([]string, error) {
			return nil, &net.DNSError{Name: "mc.internal", IsNotFound: true}
		}})
		if dns, ok := errors.AsType[*net.DNSError](c.ResolveError()); !ok || !dns.IsNotFound {
			t.Errorf("ResolveError: %v", c.ResolveError())
		}
	})
}

// The order of an answer, and what it names twice, are no change.
func TestOneSetIsOneList(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var d directory
		said := []string{"b:1", "a:1"}
		d.set(answering(said...))
		c := resolving(t, memcached.Config{Resolve: d.resolve})
		before := c.Nodes()
		for _, again := range [][]string{{"a:1", "b:1"}, {"a:1", "b:1", "a:1"}, {"b:1", "b:1", "a:1"}} {
			d.set(answering(again...))
			time.Sleep(30 * time.Second)
			synctest.Wait()
			if got := c.Nodes(); len(got) != 2 || &got[0] != &before[0] || c.ResolveError() != nil {
				t.Errorf("%q is another list, or no good one: %v", again, c.ResolveError())
			}
		}
		if said[0] != "b:1" {
			t.Error("the answer was sorted, and it is the application's")
		}
	})
}

// A call that hangs has ten seconds, and Close ends it.
func TestAResolveThatHangs(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		hangs := func(ctx context.Context) ([]string, error) {
			<-ctx.Done()
			time.Sleep(time.Second) // to clean up
			return []string{"late:1"}, ctx.Err()
		}
		c, err := memcached.NewFromConfig(memcached.Config{Resolve: hangs})
		must(t, err)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if err := c.ResolveError(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after 11s: %v", err)
		}
		time.Sleep(2 * time.Second) // it is asked again
		start := time.Now()
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				must(t, c.Close())
				if took := time.Since(start); took != time.Second {
					t.Errorf("Close took %v, and the function ended after 1s", took)
				}
			})
		}
		group.Wait()
		if len(c.Nodes()) != 0 || !errors.Is(c.ResolveError(), context.DeadlineExceeded) {
			t.Errorf("after Close there are %q, and the error is %v", names(c.Nodes()), c.ResolveError())
		}
	})
}

// An answer that comes when the Client is closed opens nothing.
func TestAnAnswerAfterCloseIsNoChange(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		c, err := memcached.NewFromConfig(memcached.Config{Resolve: func(ctx context.Context) ([]string, error) {
			<-ctx.Done()
			return []string{"late:1"}, nil
		}})
		must(t, err)
		synctest.Wait()
		must(t, c.Close())
		if got := names(c.Nodes()); len(got) != 0 {
			t.Errorf("there are %q", got)
		}
	})
}

// What the application does with its tls.Config later is nothing to servers that
// come later.
func TestTheConfigOfTLSIsCopiedBeforeTheFirstAnswer(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		mine := &tls.Config{ServerName: "mc.internal"}
		var d directory
		d.set(answering("a:1"))
		c := resolving(t, memcached.Config{Resolve: d.resolve, TLS: mine})
		mine.ServerName = ""
		d.set(answering("/run/mc.sock")) // refused without a ServerName
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if got, err := names(c.Nodes()), c.ResolveError(); !slices.Equal(got, []string{"/run/mc.sock"}) || err != nil {
			t.Errorf("there are %q, and the error is %v", got, err)
		}
	})
}
