package features_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What the tests of cacheme, of its later designs and of keyedcache are after, where no
// row of the features has it.

func TestPortAnotherLoaderForOneCall(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	fn := memo.NewFunc(c, "get", func(_ context.Context, id int) (string, error) { return fmt.Sprint("declared ", id), nil })
	v, err := memo.Do(ctx, fn.Key(1), func(context.Context) (string, error) { return "of the call", nil })
	must(t, err)
	same(t, "the call's own", v, "of the call")
	v, err = fn.Do(ctx, 1)
	must(t, err)
	same(t, "the same slot", v, "of the call")
	v, err = fn.Do(ctx, 2)
	must(t, err)
	same(t, "the declared one", v, "declared 2")
}

func TestPortTwoHundredCallersOfTwoKeysRunTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx := bound(t, memo.Config{Shared: tiertest.NewMemory()})
		n := &counter{}
		fn := memo.NewFunc(c, "slow", func(_ context.Context, k int) (int, error) {
			time.Sleep(500 * time.Millisecond)
			return n.run(memo.Key(k)), nil
		})
		together(200, func(i int) {
			v, err := fn.Do(ctx, i%2)
			must(t, err)
			same(t, "value", v, 1)
		})
		same(t, "runs for the one", n.runs("0"), 1)
		same(t, "runs for the other", n.runs("1"), 1)
		same(t, "loads that are left", c.Snapshot().Total.InFlight, 0)
	})
}

// Two hundred callers who find a value in the shared tier ask for it once.
func TestPortTwoHundredHitsInTheSharedTierAreOneQuestion(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		_, other, _ := wired(t, store)
		_, ctx, wire := wired(t, store)
		n := &counter{}
		n.do(t, other, "k")
		betweenPolls()
		since := spending(wire)
		together(200, func(int) { n.do(t, ctx, "k") })
		same(t, "questions", since(), 1)
	})
}

func TestPortStatisticsOfFiveCalls(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	n := &counter{}
	for _, key := range []string{"a", "b", "a", "c", "d"} {
		n.do(t, ctx, key)
	}
	got := c.Snapshot().Total
	same(t, "calls", got.Calls, 5)
	same(t, "hits", got.L2, 1)
	same(t, "loads", got.Loads, 4)
}

// What the first tier has lost the second one fills again, without a load.
func TestPortTheSecondTierFillsTheFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		_, a, _ := wired(t, store)
		c, b, _ := wired(t, store)
		n := &counter{}
		same(t, "filled", n.do(t, a, "k"), 1)
		same(t, "from the second", n.do(t, b, "k"), 1)
		store.Flush()
		same(t, "from the first", n.do(t, b, "k"), 1)
		same(t, "hits of L3 and L2", fmt.Sprint(c.Snapshot().Total.L3, c.Snapshot().Total.L2), "1 1")
	})
}

// profile is a value with what is often lost on the way: a nil, a zero, a nested thing.
type profile struct {
	Name string
	Next *profile
	Tags map[string][]int
	At   time.Time
	None []int
}

func TestPortValuesOfAllKindsComeBackAsTheyWere(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
	t.Run("a string", func(t *testing.T) { survives(t, "v", "") })
	t.Run("a number", func(t *testing.T) { survives(t, 1.5, 0) })
	t.Run("a bool", func(t *testing.T) { survives(t, true, false) })
	t.Run("a struct", func(t *testing.T) {
		survives(t, profile{"a", &profile{Name: "b"}, map[string][]int{"x": {1}, "y": nil}, at, nil}, profile{})
	})
	t.Run("a pointer", func(t *testing.T) { survives(t, &profile{Name: "a"}, nil) })
	t.Run("a map", func(t *testing.T) { survives(t, map[string]int{"a": 1}, nil, map[string]int{}) })
	t.Run("a slice", func(t *testing.T) { survives(t, []int{1, 2}, nil, []int{}) })
	t.Run("pointers", func(t *testing.T) { survives(t, []*profile{{Name: "a"}, nil}) })
	t.Run("times", func(t *testing.T) { survives(t, []time.Time{at, {}}) })
	t.Run("a duration", func(t *testing.T) { survives(t, time.Minute, -1) })
}

// survives says that a process that has not loaded them has the same values.
func survives[V any](t *testing.T, values ...V) {
	bubble(t, func(t *testing.T) {
		_, a, b := two(t)
		n := &counter{}
		for i, want := range values {
			for _, ctx := range []context.Context{a, a, b} {
				v, err := memo.Do(ctx, memo.Key("k", i), func(context.Context) (V, error) { n.run("k"); return want, nil })
				must(t, err)
				same(t, "value", show(v), show(want))
			}
			same(t, "runs", n.runs("k"), i+1)
		}
	})
}

// show tells nil from empty, and looks behind pointers as far as a profile has any.
func show(v any) string {
	switch v := v.(type) {
	case *profile:
		if v == nil {
			return "nil"
		}
		return "&" + show(*v)
	case profile:
		return fmt.Sprintf("{%q %s %#v %v %#v}", v.Name, show(v.Next), v.Tags, v.At, v.None)
	case []*profile:
		text := ""
		for _, p := range v {
			text += show(p) + " "
		}
		return text
	}
	return fmt.Sprintf("%#v", v)
}

// trip has several parts.
type trip struct {
	From, To string
	Day      int
}

func TestPortKeysAreAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	c, _ := bound(t, memo.Config{})
	byTrip := memo.NewFunc(c, "trip", func(context.Context, trip) (int, error) { return 0, nil })
	byName := memo.NewFunc(c, "simple", func(context.Context, string) (int, error) { return 0, nil })
	for _, k := range []struct{ got, want string }{
		{byTrip.Key(trip{"a", "b", 1}), "trip:a:b:1"}, {byTrip.Key(trip{"a", "", 1}), "trip:a:':1"}, {byName.Key("x"), "simple:x"}, {byName.Key("1"), "simple:'1"}, {byName.Key("a:b"), "simple:a%3Ab"},
	} {
		same(t, "key", k.got, k.want)
	}
}

func TestPortAThousandAndMoreAreForgottenAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		c, ctx := bound(t, memo.Config{Shared: store})
		_, other := bound(t, memo.Config{Shared: store})
		fn := memo.NewFunc(c, "many", func(_ context.Context, k int) (int, error) { return k, nil })
		const keys = 1275
		for k := range keys {
			must(t, fn.Set(ctx, k, k))
		}
		must(t, fn.InvalidateAll(ctx))
		time.Sleep(aPoll)
		for k := range keys {
			if got(t, ctx, fn.Key(k)) || got(t, other, fn.Key(k)) {
				t.Fatalf("%d is still there", k)
			}
		}
	})
}

// A cache has each name once, and a mistake in a declaration is found at the start.
func TestPortANameThatIsTakenIsRefused(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	load := func(context.Context, int) (int, error) { return 1, nil }
	first := memo.NewFunc(c, "user", load)
	for what, declare := range map[string]func(){
		"a name that is taken": func() { memo.NewFunc(c, "user", load) },
		"an empty name":        func() { memo.NewFunc(c, "", load) },
		"no loader":            func() { memo.NewFunc[int, int](c, "none", nil) },
		"a TTL below zero":     func() { memo.NewFunc(c, "ttl", load, memo.TTL(-1)) },
	} {
		func() {
			defer func() {
				if _, ok := recover().(*memo.UsageError); !ok {
					t.Errorf("%s is declared", what)
				}
			}()
			declare()
		}()
	}
	v, err := first.Do(ctx, 1)
	must(t, err)
	same(t, "the first", v, 1)
}

// What is refreshed is the new value for everybody; a refresh that fails leaves the old one.
func TestPortRefresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		c, ctx := bound(t, memo.Config{Shared: store})
		_, other := bound(t, memo.Config{Shared: store})
		n, fail := &counter{}, errors.New("no")
		fn := memo.NewFunc(c, "f", func(context.Context, int) (int, error) {
			if v := n.run("k"); v < 3 {
				return v, nil
			}
			return 0, fail
		})
		for i, want := range []error{nil, fail} {
			v, err := fn.Do(ctx, 1)
			must(t, err)
			same(t, "before", v, i+1)
			_, err = fn.Refresh(ctx, 1)
			is(t, "Refresh", err, want)
		}
		time.Sleep(aPoll)
		v, err := memo.Get[int](other, fn.Key(1))
		must(t, err)
		same(t, "elsewhere", v, 2)
	})
}
