package memo_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Mistakes of the program: each is a *UsageError that says what to do. Odd input
// that is not bad is in oddkeys_test.go, lifetime_test.go and unstorable_test.go.

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
	if s := c.Snapshot().Total; s.Entries != 0 || s.Invalidations.Keys != 8 || s.Runs != 0 { // "fine", beside the refused one
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
			"negative Stale":           {memo.Stale(-1), "Stale of -1ns; give a duration above 0, or 0 for none"},
			"negative StaleIfError":    {memo.StaleIfError(-time.Second), "StaleIfError of -1s; give a duration above 0, or 0 for none"},
			"negative NegativeTTL":     {memo.NegativeTTL(-time.Hour), "NegativeTTL of -1h0m0s; give a duration above 0, or 0 for none"},
			"Jitter in percent":        {memo.Jitter(10), "Jitter of 10; give the part of a TTL that chance may take off it, from 0 to 1, as 0.1"},
			"Jitter of nothing":        {memo.Jitter(math.NaN()), "Jitter of NaN"},
			"EarlyRefresh of a second": {memo.EarlyRefresh(float64(time.Second)), "EarlyRefresh of 1e+09; give 1, or another number from 0 (off) to 100"},
			"EarlyRefresh of nothing":  {memo.EarlyRefresh(math.NaN()), "EarlyRefresh of NaN"},
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

// What a loader amends is about its value, and its mistakes are those of the calls that
// wait for it.
func TestAmendmentsThatAreRefused(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	for says, opt := range map[string]memo.Option{
		"Stale of -1ns; give a duration above 0, or 0 for none":        memo.Stale(-1),
		"StaleIfError of -1ns; give":                                   memo.StaleIfError(-1),
		"NegativeTTL of -1ns; give":                                    memo.NegativeTTL(-1),
		"an option that is not about the value; give Amend a TTL":      memo.Jitter(0.1),
		"not about the value; give Amend a TTL, Stale, StaleIfError, ": memo.EarlyRefresh(1),
	} {
		_, err := memo.Do(c.With(context.Background()), "user:7", func(ctx context.Context) (int, error) {
			memo.Amend(ctx, opt)
			return 1, nil
		})
		mistake(t, err, "Amend", "memo: Amend user: ", says)
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

// named is a codec with a name of its own.
type named struct {
	codec.JSON
	name string
}

func (n named) Name() string { return n.name }

// members is a shared tier of any number of Nodes.
type members []tier.Node

func (m members) Nodes() []tier.Node { return m }
func (m members) Fixed() bool        { return true }

func TestConfigsThatAreRefused(t *testing.T) {
	t.Parallel()
	memory := tiertest.NewMemory()
	for says, cfg := range map[string]memo.Config{
		`Prefix is empty, and there is a Shared; set it to the name of the application, for example "shop": caches of another`: {Shared: memory},
		"Prefix has 65 bytes; shorten it to 64":                     {Shared: memory, Prefix: strings.Repeat("p", 65)},
		"Local is a nil *lru.Cache; leave it out":                   {Local: (*lru.Cache)(nil)},
		"ReadTimeout of 999.999µs; give 1ms or more, or 0":          {ReadTimeout: time.Millisecond - 1},
		"WriteTimeout of 500ns; give 1ms or more, or 0":             {WriteTimeout: 500},
		"raise StaleBound to 2s or more, or poll more often":        {PollInterval: time.Second},
		"raise StaleBound to 200ms or more":                         {PollInterval: time.Millisecond, StaleBound: 100 * time.Millisecond},
		"OutageBound of 100ms below StaleBound of 1s; leave":        {OutageBound: 100 * time.Millisecond},
		"PollInterval of -1ns; give a duration above 0 and":         {PollInterval: -1},
		"StaleBound of -1ns":                                        {StaleBound: -1},
		"OutageBound of -1ns; give":                                 {OutageBound: -1},
		"ReadTimeout of -1ns":                                       {ReadTimeout: -1},
		"WriteTimeout of -1ns":                                      {WriteTimeout: -1},
		"PollInterval of 2562047h47m16.854775807s; give a":          {PollInterval: math.MaxInt64, StaleBound: math.MaxInt64},
		"are more than a day":                                       {StaleBound: 24 * time.Hour, Prefix: "t", Shared: tiertest.NewMemory("a", "b").List("a", "b")},
		"StaleBound of 87600h0m0.000000001s":                        {StaleBound: 3650*24*time.Hour + 1},
		"Shared is a nil *tiertest.Memory; look at the error":       {Prefix: "t", Shared: (*tiertest.Memory)(nil)},
		"MaxRequestEntries of -1; give a number above 0":            {MaxRequestEntries: -1},
		"a Shared that has no Node, and never will; give it a Node": {Prefix: "t", Shared: members{}},
		`Codec name ""; give the Codec a name of 1 to 16 bytes`:     {Codec: named{name: ""}},
		`Codec name "seventeen-letters"`:                            {Codec: named{name: "seventeen-letters"}},
	} {
		cfg.Name = "shop"
		c, err := memo.New(cfg)
		mistake(t, err, "New", says, "memo: New shop: ")
		if c != nil {
			t.Errorf("%s: a cache beside the error", says)
		}
	}
	for says, opt := range map[string]memo.Option{
		"memo: New shop: TTL of 0s; give a duration above 0 (memo.NoExpiry for a value that does not end)": memo.TTL(0),
		"memo: New shop: LoadTimeout of 0s; give a duration above 0":                                       memo.LoadTimeout(0),
		"LoadTimeout of -1ns":                     memo.LoadTimeout(-1),
		"give it to the calls that need it":       memo.Clone(strings.Clone),
		"Clone has no function; give it one, or ": memo.Clone[int](nil),
		"Stale of -1ns; give":                     memo.Stale(-1),
		"StaleIfError of -1ns; give":              memo.StaleIfError(-1),
		"NegativeTTL of -1ns; give":               memo.NegativeTTL(-1),
		"Jitter of -0.5; give":                    memo.Jitter(-0.5),
		"EarlyRefresh of -1; give":                memo.EarlyRefresh(-1),
	} {
		_, err := memo.New(memo.Config{Name: "shop"}, opt)
		mistake(t, err, "New", says)
		if strings.Contains(says, "LoadTimeout") && strings.Contains(err.Error(), "NoExpiry") {
			t.Errorf("%v: a load that does not end is no load", err)
		}
	}
}

// A name that nobody has given helps nobody to find the call.
func TestMistakesInNewNameTheCacheThatHasAName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"": "memo: New: ", "shop": "memo: New shop: "} {
		for _, opt := range []memo.Option{memo.TTL(0), memo.Clone(strings.Clone)} {
			_, err := memo.New(memo.Config{Name: name}, opt)
			mistake(t, err, "New", want)
		}
		_, err := memo.New(memo.Config{Name: name, MaxRequestEntries: -1})
		mistake(t, err, "New", want)
	}
}

func TestPrefixErrorsHaveOneProblemAndOneFix(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", strings.Repeat("p", 65)} {
		_, err := memo.New(memo.Config{Prefix: prefix, Shared: tiertest.NewMemory()})
		if text := err.Error(); strings.Contains(text, "keys:") || strings.Count(text, ";") != 1 || strings.Contains(text, "ppp") {
			t.Errorf("%s", text)
		}
	}
}

// The last value of each field that is not refused.
func TestConfigsAtTheirLimits(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]memo.Config{
		"nothing":           {},
		"a prefix, alone":   {Prefix: "shop"},
		"64 bytes":          {Prefix: strings.Repeat("\xff", 64), Shared: tiertest.NewMemory()},
		"least bound":       {PollInterval: 100 * time.Millisecond, StaleBound: 200 * time.Millisecond, Prefix: "t", Shared: tiertest.NewMemory()},
		"twice the poll":    {PollInterval: time.Minute, StaleBound: 2 * time.Minute},
		"longest":           {PollInterval: 3650 * 12 * time.Hour, StaleBound: 3650 * 24 * time.Hour, WriteTimeout: 3650 * 24 * time.Hour, Prefix: "t", Shared: tiertest.NewMemory()},
		"outage as stale":   {StaleBound: time.Minute, OutageBound: time.Minute},
		"1 ns":              {PollInterval: 1},
		"1 ms":              {ReadTimeout: time.Millisecond, WriteTimeout: time.Millisecond, Prefix: "t", Shared: tiertest.NewMemory()},
		"one entry":         {MaxRequestEntries: 1, Local: lru.New(1)},
		"a name of 16":      {Codec: named{name: "sixteen-letters!"}},
		"one of many names": {Prefix: "t", Shared: tiertest.NewMemory("a")},
	} {
		cfg.Logger = quiet
		c, err := memo.New(cfg)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		hit(t, 1<<30)(memo.Do(c.With(context.Background()), "k", loadNumber))
		must(t, c.Close(context.Background()))
	}
}

func TestTypeErrorNamesTheTypes(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"user:7":   `memo: a key of "user" holds int, not json.Number; give the two their own keys`,
		"0a1b2c3d": `memo: a key holds int, not json.Number; give the two their own keys`, // a session's token, say
	} {
		err := &memo.TypeError{Key: key, Have: reflect.TypeFor[int](), Want: reflect.TypeFor[json.Number]()}
		if got := err.Error(); got != want {
			t.Error(got)
		}
	}
}
