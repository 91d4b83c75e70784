package memo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Bad input, and odd input that is not bad: each has one outcome that says what
// to do. Values that the shared tier cannot hold are in unstorable_test.go.

// verbs are the calls on one key.
var verbs = map[string]func(ctx context.Context, key string) error{
	"Do": func(ctx context.Context, key string) error {
		_, err := memo.Do(ctx, key, func(context.Context) (int, error) { return 1, nil })
		return err
	},
	"Get":        func(ctx context.Context, key string) error { _, err := memo.Get[int](ctx, key); return err },
	"Set":        func(ctx context.Context, key string) error { return memo.Set(ctx, key, 1) },
	"Invalidate": func(ctx context.Context, key string) error { return memo.Invalidate(ctx, "fine", key) },
}

// mistake fails unless err is a *UsageError of op whose text has all of parts.
func mistake(tb testing.TB, err error, op string, parts ...string) {
	tb.Helper()
	var u *memo.UsageError
	if !errors.As(err, &u) || u.Op != op || u.Problem == "" || u.Fix == "" {
		tb.Errorf("%s: %v, want a *UsageError of %s with a problem and a fix", op, err, op)
		return
	}
	for _, part := range append(parts, "memo: "+op) {
		if !strings.Contains(err.Error(), part) {
			tb.Errorf("%s: %q, want it to say %q", op, err, part)
		}
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	request, end := c.Begin(context.Background())
	defer end()
	for name, test := range map[string]struct{ key, says string }{
		"empty":             {"", `give it a name, as in memo.Key("user", id)`},
		"of 70 KB":          {"user:secret" + strings.Repeat("x", 70<<10), "use an identifier or a hash"},
		"made of a channel": {memo.Key("user", make(chan int)), "part 2 (chan int) has no value to make a key of"},
		"made of nothing":   {memo.Key(), "no parts"},
	} {
		for verb, call := range verbs {
			for _, ctx := range []context.Context{request, c.With(context.Background()), context.Background()} {
				err := call(ctx, test.key)
				mistake(t, err, verb, test.says)
				if err != nil && (strings.Contains(err.Error(), "secret") || len(err.Error()) > 300) {
					t.Errorf("%s of a key %s: the error shows the key: %.400q", verb, name, err)
				}
			}
		}
	}
	if s := c.Snapshot().Total; s.Entries != 0 || s.Invalidations.Keys != 0 || s.Runs != 0 {
		t.Errorf("refused calls did something: %+v", s)
	}
}

func TestCallsWithoutWhatTheyNeed(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	var none context.Context
	for verb, call := range verbs {
		mistake(t, call(none, "k"), verb, "ctx is nil")
	}
	mistake(t, memo.InvalidateAll(none), "InvalidateAll", "ctx is nil")
	mistake(t, c.Invalidate(none, "k"), "Invalidate", "ctx is nil")
	_, err := memo.Do[int](c.With(context.Background()), "user:7", nil)
	mistake(t, err, "Do", "memo: Do user: ", "pass the function that loads the value")
	_, err = memo.Do[int](context.Background(), "user:7", nil)
	mistake(t, err, "Do", "memo: Do user: ", "pass the function that loads the value")
	if c.With(none) == nil || memo.From(none) != nil {
		t.Error("With(nil) has no ctx, or From(nil) has a cache")
	}
	ctx, end := c.Begin(none)
	defer end()
	must(t, verbs["Do"](ctx, "k"))
}

func TestCallsWithoutACache(t *testing.T) {
	t.Parallel()
	ctx, runs := context.Background(), 0
	for range 2 {
		v, err := memo.Do(ctx, "TestCallsWithoutACache", func(got context.Context) (int, error) {
			if got != ctx {
				t.Error("fn did not get its caller's ctx")
			}
			runs++
			return runs, nil
		})
		if v != runs || err != nil {
			t.Errorf("run %d: got %d, %v", runs, v, err)
		}
	}
	if runs != 2 {
		t.Errorf("fn ran %d times for two calls, want 2", runs)
	}
	for verb, want := range map[string]error{"Get": memo.ErrMiss, "Set": memo.ErrNoCache, "Invalidate": memo.ErrNoCache} {
		if err := verbs[verb](ctx, "k"); !errors.Is(err, want) {
			t.Errorf("%s without a cache: %v, want %v", verb, err, want)
		}
	}
	if err := memo.InvalidateAll(ctx); !errors.Is(err, memo.ErrNoCache) {
		t.Errorf("InvalidateAll without a cache: %v", err)
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx, end := c.Begin(context.Background())
	defer end()
	load := func(context.Context) (int, error) { return 1, nil }
	for range 2 { // a miss, and a hit: a mistake shows in both
		for name, test := range map[string]struct {
			opt  memo.Option
			says string
		}{
			"TTL of nothing":           {memo.TTL(0), "TTL of 0s; give a duration above 0"},
			"negative TTL":             {memo.TTL(-time.Second), "TTL of -1s"},
			"LoadTimeout of nothing":   {memo.LoadTimeout(0), "LoadTimeout of 0s"},
			"negative LoadTimeout":     {memo.LoadTimeout(-1), "give a duration above 0"},
			"Clone of nothing":         {memo.Clone[int](nil), "Clone has no function; give it one"},
			"Clone of another type":    {memo.Clone(strings.Clone), "Clone has a func(string) string for a value of type int; give a function of the value's own type"},
			"the last one is the sane": {memo.TTL(-1), "TTL of -1ns"},
		} {
			v, err := memo.Do(ctx, "user:7", load, test.opt, memo.TTL(time.Hour))
			mistake(t, err, "Do", "memo: Do user: ", test.says)
			if v != 0 {
				t.Errorf("%s: a value beside the error: %d", name, v)
			}
			mistake(t, memo.Set(ctx, "user:7", 1, test.opt), "Set", "memo: Set user: ", test.says)
		}
		if v, err := memo.Do(ctx, "user:7", load, memo.Option{}); v != 1 || err != nil {
			t.Errorf("with the zero Option: %d, %v", v, err)
		}
	}
}

func TestCloneGivesEveryCallerACopy(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx, end := c.Begin(context.Background())
	defer end()
	for _, ctx := range []context.Context{ctx, ctx, c.With(context.Background())} {
		v, err := memo.Do(ctx, "k", func(context.Context) ([]int, error) { return []int{1}, nil }, memo.Clone(func(v []int) []int { return append([]int(nil), v...) }))
		must(t, err)
		if v[0] != 1 {
			t.Fatal("a caller wrote to another one's value")
		}
		v[0] = 2
	}
}

// unnamed is a codec without a name.
type unnamed struct{ codec.JSON }

func (unnamed) Name() string { return "" }

func TestConfigsThatAreRefused(t *testing.T) {
	t.Parallel()
	memory := tiertest.NewMemory()
	for says, cfg := range map[string]memo.Config{
		`set Config.Prefix to the name of the application, for example "shop"`: {Shared: memory},
		"shorten it to 64": {Shared: memory, Prefix: strings.Repeat("p", 65)},
		"raise StaleBound to 2s or more, or poll more often":            {PollInterval: time.Second},
		"raise StaleBound to 200ms or more":                             {PollInterval: time.Millisecond, StaleBound: 100 * time.Millisecond},
		"OutageBound of 100ms below StaleBound of 1s; leave":            {OutageBound: 100 * time.Millisecond},
		"PollInterval of -1ns; give a duration above 0, or 0":           {PollInterval: -1},
		"StaleBound of -1ns":                                            {StaleBound: -1},
		"OutageBound of -1ns; give":                                     {OutageBound: -1},
		"ReadTimeout of -1ns":                                           {ReadTimeout: -1},
		"WriteTimeout of -1ns":                                          {WriteTimeout: -1},
		"MaxRequestEntries of -1; give a number above 0":                {MaxRequestEntries: -1},
		"2 Nodes, and this version uses one; give a Shared of one Node": {Prefix: "t", Shared: tiertest.NewMemory("a", "b")},
		`Codec name ""; give the Codec a name of 1 to 16 bytes`:         {Codec: unnamed{}},
	} {
		cfg.Name = "shop"
		c, err := memo.New(cfg)
		mistake(t, err, "New", says, "memo: New shop: ")
		if c != nil {
			t.Errorf("%s: a cache beside the error", says)
		}
	}
	for says, opt := range map[string]memo.Option{
		"TTL of 0s; give a duration":              memo.TTL(0),
		"LoadTimeout of -1ns":                     memo.LoadTimeout(-1),
		"give it to the calls that need it":       memo.Clone(strings.Clone),
		"Clone has no function; give it one, or ": memo.Clone[int](nil),
	} {
		_, err := memo.New(memo.Config{}, opt)
		mistake(t, err, "New", says)
	}
}

// oddKeys are not nice, and are keys.
func oddKeys() map[string]string {
	return map[string]string{
		"10 KB":           strings.Repeat("long:", 2<<10),
		"a NUL":           "a\x00b",
		"CRLF":            "a\r\nset x 0 0 1\r\n1\r\n",
		"a space":         "a b",
		"unicode":         "straße/東京/🍣",
		"invalid UTF-8":   "a\xff\xfeb",
		"a percent":       "a%20b",
		"a lone NUL":      "\x00",
		"of memo.Key":     memo.Key("a b", 7, "c:d", []byte{0}, true),
		"as the counter":  "seq",
		"250 bytes":       strings.Repeat("k", 250),
		"64 KB":           strings.Repeat("k", 64<<10),
		"200 odd bytes":   strings.Repeat("\xff", 200),
		"a long, 1 apart": strings.Repeat("long:", 2<<10) + "x",
	}
}

func TestOddKeysWorkInEveryTier(t *testing.T) {
	t.Parallel()
	memory, server := tiertest.NewMemory(), mcserver.ForTest(t)
	for name, shared := range map[string]func() tier.Shared{
		"memory": func() tier.Shared { return memory },
		"memcached": func() tier.Shared {
			c, err := memcached.New(server.Addr())
			must(t, err)
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := func() *memo.Cache { return newCache(t, memo.Config{Prefix: "odd", Shared: shared()}) }
			a, b := open(), open()
			for name, key := range oddKeys() {
				t.Run(name, func(t *testing.T) { worksInEveryTier(t, a, b, key, name) })
			}
			c := open() // nothing of one key is under another
			for name, key := range oddKeys() {
				if v, err := memo.Get[string](c.With(context.Background()), key); v != "new "+name || err != nil {
					t.Errorf("%s: a third process reads %q, %v", name, v, err)
				}
			}
		})
	}
}

func worksInEveryTier(t *testing.T, a, b *memo.Cache, key, name string) {
	ctx, end := a.Begin(context.Background())
	defer end()
	load := func(context.Context) (string, error) { return name, nil }
	before := a.Snapshot().Total
	for _, ctx := range []context.Context{ctx, ctx, a.With(context.Background())} {
		if v, err := memo.Do(ctx, key, load); v != name || err != nil {
			t.Fatalf("Do: %q, %v", v, err)
		}
	}
	after := a.Snapshot().Total
	if loads, l1, l2 := after.Loads-before.Loads, after.L1-before.L1, after.L2-before.L2; loads != 1 || l1 != 1 || l2 != 1 {
		t.Errorf("%d loads, %d hits in L1 and %d in L2, want 1 of each", loads, l1, l2)
	}
	l3 := b.Snapshot().Total.L3
	if v, err := memo.Get[string](b.With(context.Background()), key); v != name || err != nil || b.Snapshot().Total.L3 != l3+1 {
		t.Errorf("another process gets %q, %v", v, err)
	}
	must(t, memo.Invalidate(ctx, key))
	if _, err := memo.Get[string](ctx, key); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("after Invalidate: %v, want ErrMiss", err)
	}
	must(t, memo.Set(ctx, key, "new "+name))
	if v, err := memo.Get[string](a.With(context.Background()), key); v != "new "+name || err != nil {
		t.Errorf("after Set: %q, %v", v, err)
	}
}

func TestLifetimes(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, test := range []struct {
		ttl, still, gone time.Duration // gone 0: never
	}{
		{300 * time.Millisecond, 299 * time.Millisecond, 320 * time.Millisecond},
		{time.Nanosecond, 0, 20 * time.Millisecond},
		{45 * day, 44 * day, 45*day + 20*time.Millisecond},
		{memo.NoExpiry, 400 * day, 0},
		{math.MaxInt64 - 1, 400 * day, 0},
	} {
		for _, ahead := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, clock ahead %t", test.ttl, ahead), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					writer, _ := f.process(t, slowPoll)
					reader, _ := f.process(t, slowPoll)
					begin := time.Now()
					_, err := memo.Do(writer.With(context.Background()), "k", func(context.Context) (int, error) { return 1, nil }, memo.TTL(test.ttl))
					must(t, err)
					if ahead {
						f.shift(t, "t:v:k", time.Hour, test.ttl)
						for range 2 {
							_, _ = memo.Get[int](reader.With(context.Background()), "k")
						}
						if s := reader.Snapshot().Total; test.ttl > time.Millisecond && s.L2 != 1 {
							t.Errorf("of two reads by another process %d were hits in L2, want the second", s.L2)
						}
					}
					until := func(d time.Duration) { time.Sleep(d - time.Since(begin)) }
					until(test.still)
					for name, c := range map[string]*memo.Cache{"its process": writer, "another process": reader} {
						if test.ttl < time.Millisecond {
							continue
						}
						if v, err := memo.Get[int](c.With(context.Background()), "k"); v != 1 || err != nil {
							t.Errorf("after %v %s has %d, %v", test.still, name, v, err)
						}
					}
					if test.gone == 0 {
						return
					}
					for time.Since(begin) < test.gone && test.gone < time.Second { // what is read all the time ends as well
						_, _ = memo.Get[int](writer.With(context.Background()), "k")
						time.Sleep(time.Millisecond)
					}
					until(test.gone)
					third, _ := f.process(t, slowPoll)
					for name, c := range map[string]*memo.Cache{"its process": writer, "one that has read it": reader, "a third": third} {
						if c != writer && ahead {
							continue // its time began when it was read
						}
						if v, err := memo.Get[int](c.With(context.Background()), "k"); !errors.Is(err, memo.ErrMiss) {
							t.Errorf("after %v %s has %d, %v, want ErrMiss", test.gone, name, v, err)
						}
					}
				})
			})
		}
	}
}

func TestLifetimesOnMemcached(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	open := func() context.Context {
		shared, err := memcached.New(server.Addr())
		must(t, err)
		return newCache(t, memo.Config{Prefix: "t", Shared: shared}).With(context.Background())
	}
	a, b := open(), open()
	for _, ttl := range []time.Duration{time.Minute, 45 * 24 * time.Hour, 150 * 365 * 24 * time.Hour, memo.NoExpiry} {
		key := memo.Key("ttl", int64(ttl))
		_, err := memo.Do(a, key, func(context.Context) (int, error) { return 1, nil }, memo.TTL(ttl))
		must(t, err)
		if v, err := memo.Get[int](b, key); v != 1 || err != nil {
			t.Errorf("TTL of %v: another process gets %d, %v", ttl, v, err)
		}
	}
}

func TestTypeErrorNamesTheKeyAndTheTypes(t *testing.T) {
	t.Parallel()
	err := &memo.TypeError{Key: "user:7", Have: reflect.TypeFor[int](), Want: reflect.TypeFor[json.Number]()}
	if got := err.Error(); got != `memo: key "user:7" holds a int, not a json.Number; give the two their own keys` {
		t.Error(got)
	}
}
