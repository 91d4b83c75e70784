package memo_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Several caches in one program, on one server or on none: what one does is nothing to
// the others.

// console is somebody who types commands at a memcached.
type console struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func openConsole(t *testing.T, s *mcserver.Server) console {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	return console{t, conn, bufio.NewReader(conn)}
}

// say types a command, and returns the lines of the answer up to one of ends.
func (c console) say(command string, ends ...string) (lines []string) {
	c.t.Helper()
	_, err := fmt.Fprintf(c.conn, "%s\r\n", command)
	must(c.t, err)
	for {
		line, err := c.in.ReadString('\n')
		must(c.t, err)
		if line = strings.TrimSpace(line); slices.Contains(ends, line) {
			return lines
		}
		lines = append(lines, line)
	}
}

// keys are all that the server has.
func (c console) keys() (all []string) {
	c.t.Helper()
	for _, line := range c.say("lru_crawler metadump all", "END") {
		key, _, _ := strings.Cut(strings.TrimPrefix(line, "key="), " ")
		key, err := url.QueryUnescape(key)
		must(c.t, err)
		all = append(all, key)
	}
	return all
}

// Every item of a cache begins with its prefix, markers, records and counters too, and no
// InvalidateAll empties the server: it is not ours alone.
func TestCachesOnOneServerLeaveEachOtherAlone(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	typed := openConsole(t, server)
	typed.say("set theirs:k 0 0 1\r\n1", "STORED")
	open := func(prefix string, local tier.Local) *memo.Cache {
		return newCache(t, patient(memo.Config{Prefix: prefix, Shared: dial(t, server), Local: local}))
	}
	caches := map[string]*memo.Cache{"shop": open("shop", nil), "shop-v2": open("shop-v2", lru.New(10)), "mail": open("mail", sieve{})}
	ctx := context.Background()
	read := func(prefix, tenant string, c *memo.Cache) (loads int) {
		for _, key := range []string{"user:7", "user:7:orders", strings.Repeat("long", 100), "a space"} {
			v, err := memo.Do(of(c.With(ctx), tenant), key, func(ctx context.Context) (string, error) {
				loads++
				memo.Amend(ctx, memo.Tags("amended"))
				return prefix + tenant, nil
			}, memo.Tags("tag"))
			if v != prefix+tenant || err != nil {
				t.Errorf("%s reads %q, %v for %q", prefix, v, err, tenant)
			}
		}
		return loads
	}
	all := func() (loads int) {
		for prefix, c := range caches {
			loads += read(prefix, noTenant, c) + read(prefix, "a", c)
		}
		return loads
	}
	if n := all(); n != 24 {
		t.Errorf("%d loads at first, want 24", n)
	}
	for what, step := range map[string]struct {
		invalidate func(c *memo.Cache) error
		loads      int
	}{
		"tags":     {func(c *memo.Cache) error { return c.InvalidateTags(ctx, "tag", "amended") }, 4},
		"a tree":   {func(c *memo.Cache) error { return c.InvalidateTree(ctx, "user") }, 2},
		"a tenant": {func(c *memo.Cache) error { return c.InvalidateAll(of(ctx, "a")) }, 4},
		"all":      {func(c *memo.Cache) error { return c.InvalidateAll(ctx) }, 8},
	} {
		for prefix, c := range caches {
			must(t, step.invalidate(c))
			for other, there := range caches {
				want := 0
				if other == prefix {
					want = step.loads
				}
				next := newCache(t, patient(memo.Config{Prefix: other, Shared: dial(t, server)})) // has nothing in memory
				if n := read(other, noTenant, next) + read(other, "a", next); n != want {
					t.Errorf("%s of %s: %d loads for %s, want %d", what, prefix, n, other, want)
				}
				read(other, noTenant, there)
				read(other, "a", there)
			}
		}
	}
	for _, key := range typed.keys() {
		prefix, _, _ := strings.Cut(key, ":")
		if _, ours := caches[prefix]; !ours && key != "theirs:k" {
			t.Errorf("the server has %q", key)
		}
	}
	if lines := typed.say("get theirs:k", "END"); len(lines) != 2 || lines[1] != "1" {
		t.Errorf("somebody else's item: %q", lines)
	}
}

// In one request there are several caches, each with tiers of its own: who binds one does
// not hide the others from those who have them at hand.
func TestCachesOfOneRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := tiertest.NewMemory()
		small := newCache(t, memo.Config{Local: lru.New(1)})
		fleet := newCache(t, memo.Config{Prefix: "t", Shared: memory})
		outer, end := fleet.Begin(context.Background())
		defer end()
		inner, endInner := small.Begin(outer)
		defer endInner()
		back := fleet.With(inner)
		for ctx, c := range map[context.Context]*memo.Cache{outer: fleet, inner: small, back: fleet} {
			if memo.From(ctx) != c {
				t.Error("a ctx has another cache than the one that was bound last")
			}
		}
		must(t, memo.Set(outer, "k", 1))
		must(t, memo.Set(inner, "k", 2))
		for i, invalidate := range []func() error{
			func() error { return memo.Invalidate(inner, "k") },
			func() error { return memo.InvalidateAll(inner) },
			func() error { return small.InvalidateAll(outer) },
			func() error { return small.InvalidateTree(back, "k") },
		} {
			must(t, invalidate())
			if _, err := memo.Get[int](inner, "k"); !errors.Is(err, memo.ErrMiss) {
				t.Errorf("%d: the cache still has its key: %v", i, err)
			}
			for _, ctx := range []context.Context{outer, back} {
				hit(t, 1)(memo.Get[int](ctx, "k"))
			}
			must(t, memo.Set(inner, "k", 2))
		}
		small.SetEnabled(false)
		if _, err := memo.Get[int](inner, "k"); !errors.Is(err, memo.ErrMiss) || !fleet.Enabled() {
			t.Errorf("the cache that is off: %v; the other one is on: %v", err, fleet.Enabled())
		}
		hit(t, 1)(memo.Get[int](outer, "k"))
		small.SetEnabled(true)
		must(t, memo.InvalidateAll(outer))
		hit(t, 2)(memo.Get[int](inner, "k"))
		// A loader of the one asks the other, by its own ctx.
		hit(t, 3)(memo.Do(outer, "sum", func(ctx context.Context) (int, error) {
			v, err := memo.Get[int](small.With(ctx), "k")
			return v + 1, err
		}))
	})
}

// spied counts what a process tier is asked.
type spied struct {
	tier.Local
	asked *int
}

func (s spied) Get(key string) *tier.Entry           { *s.asked++; return s.Local.Get(key) }
func (s spied) Peek(key string) *tier.Entry          { *s.asked++; return s.Local.Peek(key) }
func (s spied) Set(key string, e *tier.Entry)        { *s.asked++; s.Local.Set(key, e) }
func (s spied) OnEvict(fn func(string, *tier.Entry)) { s.Local.OnEvict(fn) }

// A cache that is off is neither read nor written; what it had from before is there again
// when it is on, but for the keys that somebody wrote meanwhile.
func TestCacheThatIsOffIsNeitherReadNorWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, asked := newFleet(), 0
		c, _ := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.Local = spied{lru.New(10), &asked} })
		request, end := c.Begin(context.Background())
		defer end()
		for _, ctx := range []context.Context{request, c.With(context.Background()), of(c.With(context.Background()), "a")} {
			for _, key := range []string{"old", "written"} {
				f.db.do(t, ctx, key)
			}
			loads, had := f.db.queries("old"), f.memory().Keys()
			c.SetEnabled(false)
			asked = 0
			for _, key := range []string{"old", "new"} {
				f.db.do(t, ctx, key)
				if _, err := f.db.refresh(ctx, key); err != nil {
					t.Error(err)
				}
				if _, err := memo.Get[int](ctx, key); !errors.Is(err, memo.ErrMiss) {
					t.Errorf("Get while it is off: %v", err)
				}
				if _, ok := memo.Peek[int](ctx, key); ok {
					t.Error("Peek finds something while it is off")
				}
			}
			if now := f.memory().Keys(); asked != 0 || !slices.Equal(now, had) {
				t.Errorf("the process tier was asked %d times, and the shared one has %q, before %q", asked, now, had)
			}
			must(t, memo.Set(ctx, "written", 1000))
			if added, err := memo.Add(ctx, "added", 1000); added || err != nil {
				t.Errorf("Add while it is off: %v, %v", added, err)
			}
			c.SetEnabled(true)
			if f.db.do(t, ctx, "old"); f.db.queries("old") != loads+2 { // Do and Refresh, while it was off
				t.Errorf("%d loads of what it had before, want %d", f.db.queries("old"), loads+2)
			}
			for _, key := range []string{"new", "written", "added"} {
				if _, err := memo.Get[int](ctx, key); !errors.Is(err, memo.ErrMiss) {
					t.Errorf("Get(%q) when it is on again: %v, want a miss", key, err)
				}
			}
		}
	})
}
