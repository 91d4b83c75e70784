package memo_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo"
)

// How long a value lives, in the process tier and in the shared one, whatever
// the clocks of the others say.

const (
	day  = 24 * time.Hour
	late = 20 * time.Millisecond // at most, in the process tier
)

// yearlyPoll keeps the poller away for as long as the longest lifetime here.
func yearlyPoll(cfg *memo.Config) {
	cfg.PollInterval, cfg.StaleBound = 400*day, 1000*day
}

// shift makes a stored value, which has ttl left, that of a process whose clock
// is ahead by d.
func (f *fleet) shift(tb testing.TB, key string, d, ttl time.Duration) {
	tb.Helper()
	at := f.item(tb, key)
	data := revalue(tb, at.Value, func(v *wire.Value) {
		v.Created += d.Milliseconds()
		if v.Fresh != int64(memo.NoExpiry) {
			v.Fresh += d.Milliseconds()
		}
	})
	must(tb, f.store.Nodes()[0].CompareAndSwap(context.Background(), key, at.CAS, data, ttl))
}

func TestLifetimes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ttl, still, gone time.Duration // still 0: not to be seen; gone 0: never
	}{
		{time.Nanosecond, 0, late},
		{300 * time.Millisecond, 299 * time.Millisecond, 300*time.Millisecond + late},
		{45 * day, 44 * day, 45*day + late},
		{memo.NoExpiry, 300 * day, 0},
		{math.MaxInt64 - 1, 300 * day, 0},
	} {
		t.Run(fmt.Sprint(test.ttl), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				writer, _ := f.process(t, yearlyPoll)
				time.Sleep(time.Second) // its clock is not at 0
				begin := time.Now()
				load(t, writer, test.ttl)
				until := func(age time.Duration) { time.Sleep(age - time.Since(begin)) }
				reader, _ := f.process(t, yearlyPoll)
				if test.still > 0 {
					until(test.still)
					has(t, "its process", writer, true)
					has(t, "another process", reader, true)
				}
				if test.gone == 0 {
					return
				}
				for age := test.gone - 2*late; age < test.gone; age += time.Millisecond { // what is read all the time ends as well
					until(age)
					_, _ = memo.Get[int](writer.With(context.Background()), "k")
				}
				until(test.gone)
				third, _ := f.process(t, yearlyPoll)
				has(t, "its process", writer, false)
				has(t, "another process that has read it", reader, false)
				has(t, "one that has not", third, false)
				if item := f.item(t, "t:v:k"); item.Found() {
					t.Error("the shared tier holds it for longer than it lives")
				}
			})
		})
	}
}

// The clock of another process counts for nothing: what is from the future lives
// for its TTL from the time at which it is read.
func TestLifetimesOfAProcessWhoseClockIsAhead(t *testing.T) {
	t.Parallel()
	for _, ttl := range []time.Duration{300 * time.Millisecond, 45 * day} {
		t.Run(fmt.Sprint(ttl), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				writer, _ := f.process(t, yearlyPoll)
				load(t, writer, ttl)
				f.shift(t, "t:v:k", 10*365*day, memo.NoExpiry)
				reader, _ := f.process(t, yearlyPoll)
				begin := time.Now()
				has(t, "a reader", reader, true)
				time.Sleep(ttl - time.Millisecond - time.Since(begin))
				has(t, "the reader, near the end", reader, true)
				if s := reader.Snapshot().Total; s.L2 != 1 || s.L3 != 1 {
					t.Errorf("the reader had %d hits in L2 and %d in L3, want 1 of each", s.L2, s.L3)
				}
				must(t, f.store.Nodes()[0].Delete(context.Background(), "t:v:k"))
				time.Sleep(ttl + late - time.Since(begin))
				has(t, "the reader, after the end", reader, false)
			})
		})
	}
}

// load loads k in c.
func load(t *testing.T, c *memo.Cache, ttl time.Duration) {
	t.Helper()
	_, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) { return 1, nil }, memo.TTL(ttl))
	must(t, err)
}

// has fails unless c finds k, or does not.
func has(t *testing.T, who string, c *memo.Cache, want bool) {
	t.Helper()
	v, err := memo.Get[int](c.With(context.Background()), "k")
	if found := v == 1 && err == nil; found != want || !found && !errors.Is(err, memo.ErrMiss) {
		t.Errorf("%s reads %d, %v; want it to find the value: %t", who, v, err, want)
	}
}

// memcached takes 31 days for a date in January 1970, and 2^31 seconds for none.
func TestLongLifetimesOnMemcached(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	open := func() context.Context {
		return newCache(t, patient(memo.Config{Prefix: "t", Shared: dial(t, server)})).With(context.Background())
	}
	a, b := open(), open()
	for _, ttl := range []time.Duration{time.Minute, 30 * day, 45 * day, 150 * 365 * day, memo.NoExpiry} {
		key := memo.Key("ttl", int64(ttl))
		_, err := memo.Do(a, key, func(context.Context) (int, error) { return 1, nil }, memo.TTL(ttl))
		must(t, err)
		if v, err := memo.Get[int](b, key); v != 1 || err != nil {
			t.Errorf("TTL of %v: another process gets %d, %v", ttl, v, err)
		}
	}
}

// memcached counts whole seconds: 300 ms must be neither none at all nor for
// ever. It is real time, so only what no delay can change is looked at: the
// value is not gone before its time, and it goes.
func TestShortLifetimeOnMemcached(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	open := func() context.Context {
		return newCache(t, patient(memo.Config{Prefix: "t", Shared: dial(t, server)})).With(context.Background())
	}
	a, b, c := open(), open(), open()
	begin := time.Now()
	_, err := memo.Do(a, "k", func(context.Context) (int, error) { return 1, nil }, memo.TTL(300*time.Millisecond))
	must(t, err)
	for range time.Tick(time.Millisecond) {
		v, err := memo.Get[int](b, "k")
		if errors.Is(err, memo.ErrMiss) {
			break
		}
		if v != 1 || err != nil {
			t.Fatalf("another process gets %d, %v", v, err)
		}
	}
	if lived := time.Since(begin); lived < 290*time.Millisecond {
		t.Errorf("a value with a TTL of 300ms was gone after %v", lived)
	}
	for name, ctx := range map[string]context.Context{"its own": a, "a third": c} {
		if v, err := memo.Get[int](ctx, "k"); !errors.Is(err, memo.ErrMiss) && time.Since(begin) > 300*time.Millisecond+late {
			t.Errorf("then %s process gets %d, %v", name, v, err)
		}
	}
}

func TestLoadTimeoutBeyondAllTime(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	hit(t, 1<<30)(memo.Do(c.With(context.Background()), "k", loadNumber, memo.LoadTimeout(math.MaxInt64)))
}

// It ends before the end of all time by the clock of one process, and after that by the
// clock of one that has run for longer.
func TestValueThatEndsInAlmostThreeHundredYearsIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		old, _ := f.process(t)
		time.Sleep(2 * time.Minute)
		young, _ := f.process(t)
		f.db.do(t, young.With(context.Background()), "k", memo.TTL(memo.NoExpiry-time.Minute))
		for range 3 {
			f.db.do(t, old.With(context.Background()), "k")
		}
		if s := old.Snapshot().Total; s.L3 != 1 || s.L2 != 2 {
			t.Errorf("%d hits in L3 and %d in L2, want 1 and 2", s.L3, s.L2)
		}
	})
}
