package features_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What is old in cacheme, who waits, and how long things are kept.

// cacheme keeps the old value of an invalidated key for other readers. Here nobody has
// it after an Invalidate; after an Expire those have it who said so when they stored.
func TestC14_TheOldValueIsThereForThoseWhoAskedForIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, _ := two(t)
		n := &counter{}
		same(t, "stored", n.do(t, a, "hard", memo.Stale(time.Minute)), 1)
		same(t, "stored", n.do(t, a, "soft", memo.Stale(time.Minute)), 1)
		must(t, memo.Invalidate(a, "hard"))
		must(t, memo.Expire(a, "soft"))
		same(t, "after Invalidate", n.do(t, a, "hard", memo.Stale(time.Minute)), 2)
		same(t, "after Expire", n.do(t, a, "soft", memo.Stale(time.Minute)), 1)
		time.Sleep(aPoll)
		same(t, "when it is refreshed", n.do(t, a, "soft", memo.Stale(time.Minute)), 2)
	})
}

// In cacheme the refresh that fails has used up the mark, and the old value is valid
// for ever.
func TestC15_ARefreshThatFailsIsTriedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, _ := two(t)
		var row, runs atomic.Int64
		var down atomic.Bool
		row.Store(1)
		read := func() (int64, error) {
			return memo.Do(a, "k", func(context.Context) (int64, error) {
				runs.Add(1)
				if down.Load() {
					return 0, errors.New("the database is down")
				}
				return row.Load(), nil
			}, memo.Stale(10*time.Second))
		}
		v, err := read()
		must(t, err)
		same(t, "stored", v, 1)
		row.Store(2)
		down.Store(true)
		must(t, memo.Expire(a, "k"))
		v, err = read()
		must(t, err)
		same(t, "while it is refreshed", v, 1)
		time.Sleep(2 * time.Second)
		same(t, "runs", runs.Load(), 2)
		down.Store(false)
		_, err = read() // begins the next try
		must(t, err)
		time.Sleep(aPoll)
		v, err = read()
		must(t, err)
		same(t, "after a refresh that worked", v, 2)
		same(t, "runs", runs.Load(), 3)

		must(t, memo.Expire(a, "k"))
		down.Store(true)
		time.Sleep(11 * time.Second)
		_, err = read()
		if err == nil {
			t.Error("served after its window has ended")
		}
	})
}

// 1. a reader finds v1 expired, and its refresh has read v2
// 2. v3 is committed, and the key expired once more
// 3. the refresh stores v2, which cacheme then serves for ever
func TestC15_AnInvalidationDuringARefreshIsNotSwallowed(t *testing.T) {
	for name, end := range map[string]func(context.Context, ...string) error{"expired": memo.Expire, "invalidated": memo.Invalidate} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, a, b := two(t)
				row, g := 1, newGate()
				read := func(ctx context.Context) int {
					v, err := memo.Do(ctx, "k", func(context.Context) (int, error) {
						v := row
						if v == 2 {
							g.pass()
						}
						return v, nil
					}, memo.Stale(time.Minute))
					must(t, err)
					return v
				}
				same(t, "stored", read(a), 1)
				row = 2
				must(t, memo.Expire(a, "k"))
				same(t, "while it is refreshed", read(a), 1)
				<-g.begun
				row = 3
				must(t, end(b, "k"))
				close(g.release)
				time.Sleep(time.Second)
				read(a) // may begin a refresh
				time.Sleep(time.Second)
				same(t, "here, in the end", read(a), 3)
				same(t, "elsewhere, in the end", read(b), 3)
			})
		})
	}
}

func TestC16_WithoutStaleEverybodyHasTheNewValueFromOneLoad(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := two(t)
		n := &counter{}
		slow := func(context.Context) (int, error) { time.Sleep(50 * time.Millisecond); return n.run("k"), nil }
		_, err := memo.Do(a, "k", slow)
		must(t, err)
		must(t, memo.Invalidate(b, "k"))
		time.Sleep(aPoll)
		together(2, func(i int) {
			v, err := memo.Do([]context.Context{a, b}[i], "k", slow)
			must(t, err)
			same(t, "each of two", v, 2)
		})
	})
}

// One rule for all: what is invalidated is never served again, by whatever name; what
// is expired may be, if its window says so.
func TestC17_HardOrSoftForEachSelector(t *testing.T) {
	soft := []memo.Option{memo.Stale(time.Minute)}
	for name, c := range map[string]struct {
		end  func(ctx context.Context) error
		opts []memo.Option
		want int
	}{
		"key":             {func(ctx context.Context) error { return memo.Invalidate(ctx, "a:k") }, nil, 2},
		"key, stale":      {func(ctx context.Context) error { return memo.Invalidate(ctx, "a:k") }, soft, 2},
		"tag":             {func(ctx context.Context) error { return memo.InvalidateTags(ctx, "tag") }, nil, 2},
		"tag, stale":      {func(ctx context.Context) error { return memo.InvalidateTags(ctx, "tag") }, soft, 2},
		"tree":            {func(ctx context.Context) error { return memo.InvalidateTree(ctx, "a") }, nil, 2},
		"tree, stale":     {func(ctx context.Context) error { return memo.InvalidateTree(ctx, "a") }, soft, 2},
		"all":             {memo.InvalidateAll, nil, 2},
		"all, stale":      {memo.InvalidateAll, soft, 2},
		"expired":         {func(ctx context.Context) error { return memo.Expire(ctx, "a:k") }, nil, 2},
		"expired, stale":  {func(ctx context.Context) error { return memo.Expire(ctx, "a:k") }, soft, 1},
		"nothing":         {func(context.Context) error { return nil }, soft, 1},
		"somebody else's": {func(ctx context.Context) error { return memo.InvalidateTree(ctx, "ab") }, soft, 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, a, b := two(t)
				n, opts := &counter{}, append(c.opts, memo.Tags("tag"))
				same(t, "stored", n.do(t, a, "a:k", opts...), 1)
				same(t, "elsewhere", n.do(t, b, "a:k", opts...), 1)
				must(t, c.end(a))
				same(t, "here", n.do(t, a, "a:k", opts...), c.want)
				time.Sleep(aPoll)
				if c.want == 2 {
					same(t, "elsewhere", n.do(t, b, "a:k", opts...), 2)
				}
			})
		})
	}
}

// cacheme lets who comes second look five times within 100 ms, and run then; and a
// result that is false never counts as there.
func TestC18_OneRunForAHerdWhateverTheResult(t *testing.T) {
	t.Run("zero", func(t *testing.T) { herd(t, 0) })
	t.Run("one", func(t *testing.T) { herd(t, 7) })
	t.Run("empty", func(t *testing.T) { herd(t, "") })
	t.Run("false", func(t *testing.T) { herd(t, false) })
	t.Run("no pointer", func(t *testing.T) { herd[*int](t, nil) })
}

func herd[T comparable](t *testing.T, value T) {
	bubble(t, func(t *testing.T) {
		_, a, b := two(t)
		time.Sleep(2 * time.Second) // a process that is a second old waits for others
		n := &counter{}
		together(12, func(i int) {
			v, err := memo.Do([]context.Context{a, b}[i%2], "k", func(context.Context) (T, error) {
				n.run("k")
				time.Sleep(300 * time.Millisecond)
				return value, nil
			})
			must(t, err)
			same(t, "value", v, value)
		})
		same(t, "runs", n.runs("k"), 1)
	})
}

func TestC18_TwoProcessesOfFiftyCallersRunOnce(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	db.write(t, "k", "v")
	procs := start(t, server, db, 2)
	for _, p := range procs { // each has asked what others have invalidated
		p.call("do", "warm")
		p.call("catchUp")
	}
	procs[0].call("hold", "k")
	first := procs[0].send("do", options{}, "k")
	procs[0].call("begun", "k")
	var waits []func() (string, error)
	for range 50 {
		for _, p := range procs {
			waits = append(waits, p.send("do", options{}, "k"))
		}
	}
	procs[0].call("release", "k")
	for _, wait := range append(waits, first) {
		if v, err := wait(); v != "v" || err != nil {
			t.Fatalf("a caller got %q, %v", v, err)
		}
	}
	same(t, "runs in both", db.reads(t, "k"), 1)
}

// There are no counts of looks to set. Who waits is woken by the value; where the process
// that loads has died, its lease ends after 2 seconds, 3 with a server that counts whole ones.
func TestC19_ALeaseOfNobodyIsWaitedForThreeSecondsAtMost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		_, a, dead := wired(t, store)
		_, b, _ := wired(t, store)
		time.Sleep(2 * time.Second)
		loading, died := make(chan struct{}), make(chan struct{})
		go func() {
			_, _ = memo.Do(a, "k", func(context.Context) (int, error) {
				close(loading)
				<-died
				return 1, nil
			})
		}()
		<-loading
		dead.Inject(tiertest.Fault{Err: errors.New("gone")}) // it renews nothing any more
		began := time.Now()
		same(t, "after the death", (&counter{}).do(t, b, "k"), 1)
		if took := time.Since(began); took > 3*time.Second+100*time.Millisecond {
			t.Errorf("waited %v for a process that has died", took)
		}
		close(died)
	})
}

func TestC20_AfterAFailureTheNextCallerRunsAtOnce(t *testing.T) {
	for name, fail := range map[string]func() (int, error){
		"an error": func() (int, error) { return 0, errors.New("no") },
		"a panic":  func() (int, error) { panic("no") },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				_, a, b := two(t)
				time.Sleep(2 * time.Second)
				func() {
					defer func() { _ = recover() }()
					_, err := memo.Do(a, "k", func(context.Context) (int, error) { return fail() })
					if err == nil {
						t.Error("no error")
					}
				}()
				began := time.Now()
				same(t, "in the other process", (&counter{}).do(t, b, "k"), 1)
				if took := time.Since(began); took > 5*time.Millisecond {
					t.Errorf("the next caller waited %v", took)
				}
			})
		})
	}
}

func TestC21_WhatHasEndedIsGoneFromMemcached(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	cfg := on(t, server)
	cfg.Local = forgetful{}
	_, ctx := bound(t, cfg)
	n := &counter{}
	began := time.Now()
	same(t, "stored", n.do(t, ctx, "short", memo.TTL(time.Second)), 1)
	same(t, "stored", n.do(t, ctx, "long", memo.TTL(time.Hour)), 1)
	there := func(key string) bool { return len(talk(t, server, "get t:v:"+key, "END")) > 0 }
	same(t, "short is in memcached", there("short"), true)
	for there("short") {
		if time.Since(began) > patience {
			t.Fatal("it is there for ever")
		}
		<-time.After(20 * time.Millisecond)
	}
	if lived := time.Since(began); lived < time.Second {
		t.Errorf("it ended after %v", lived)
	}
	same(t, "long is in memcached", there("long"), true)
	same(t, "loaded again", n.do(t, ctx, "short"), 2)
}

func TestC22_FiftyCallersAfterTheEndOfATTL(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := two(t)
		n := &counter{}
		slow := func(context.Context) (int, error) { time.Sleep(300 * time.Millisecond); return n.run("k"), nil }
		opts := []memo.Option{memo.TTL(5 * time.Second), memo.Stale(time.Minute)}
		for _, ctx := range []context.Context{a, b} {
			_, err := memo.Do(ctx, "k", slow, opts...)
			must(t, err)
		}
		time.Sleep(6 * time.Second)
		began := time.Now()
		together(50, func(i int) {
			v, err := memo.Do([]context.Context{a, b}[i%2], "k", slow, opts...)
			must(t, err)
			same(t, "the old value", v, 1)
		})
		if took := time.Since(began); took > 5*time.Millisecond {
			t.Errorf("they waited %v", took)
		}
		time.Sleep(time.Second)
		same(t, "runs", n.runs("k"), 2)
	})
}

func TestC31_TheTimeOfLoadsIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx := bound(t, memo.Config{})
		for i := range 3 {
			_, err := memo.Do(ctx, memo.Key("k", i), func(context.Context) (int, error) { time.Sleep(20 * time.Millisecond); return i, nil })
			must(t, err)
		}
		got := c.Snapshot().Total
		same(t, "runs", got.Runs, 3)
		same(t, "their time", got.RunTime, 60*time.Millisecond)
	})
}

func TestC32_NothingIsAValue(t *testing.T) {
	t.Run("no pointer", func(t *testing.T) { keeps[*int](t, nil) })
	t.Run("zero", func(t *testing.T) { keeps(t, 0) })
	t.Run("empty", func(t *testing.T) { keeps(t, "") })
	t.Run("false", func(t *testing.T) { keeps(t, false) })
	t.Run("no error", func(t *testing.T) { keeps(t, struct{}{}) })
}

// keeps says that value is loaded once, and found in each tier.
func keeps[T comparable](t *testing.T, value T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		c, ctx, _ := wired(t, store)
		_, other, _ := wired(t, store, withoutL2)
		n := &counter{}
		load := func(context.Context) (T, error) { n.run("k"); return value, nil }
		in := request(t, c)
		for _, ctx := range []context.Context{in, in, ctx, other, other} {
			v, err := memo.Do(ctx, "k", load)
			must(t, err)
			same(t, "value", v, value)
		}
		same(t, "runs", n.runs("k"), 1)
		if v, ok := memo.Peek[T](ctx, "k"); !ok || v != value {
			t.Errorf("Peek: %v, %t", v, ok)
		}
		if v, err := memo.Get[T](other, "k"); err != nil || v != value {
			t.Errorf("Get: %v, %v", v, err)
		}
	})
}

func TestC37_AnEntryHasAsManyTagsAsItNeeds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ctx := bound(t, memo.Config{Shared: tiertest.NewMemory()}, memo.Tags("everything"))
		n := &counter{}
		opts := []memo.Option{memo.Tags("user:1", "user:2"), memo.Tags(), memo.Tags("books")}
		for i, tag := range []string{"user:2", "user:1", "books", "everything"} {
			same(t, "before "+tag, n.do(t, ctx, "k", opts...), i+1)
			must(t, memo.InvalidateTags(ctx, tag))
		}
		same(t, "in the end", n.do(t, ctx, "k", opts...), 5)
		must(t, memo.InvalidateTags(ctx, "user:3"))
		same(t, "after another tag", n.do(t, ctx, "k", opts...), 5)
	})
}

func TestC47_AConfigIsCheckedWhenTheCacheIsMade(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]memo.Config{
		"a shared tier without a prefix": {Shared: tiertest.NewMemory()},
		"a bound that polls cannot keep": {StaleBound: time.Millisecond, PollInterval: time.Second},
		"a time-out below zero":          {ReadTimeout: -1},
	} {
		_, err := memo.New(cfg)
		if u := (*memo.UsageError)(nil); !errors.As(err, &u) || u.Fix == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := memo.New(memo.Config{}, memo.TTL(-time.Second))
	if u := (*memo.UsageError)(nil); !errors.As(err, &u) {
		t.Errorf("a TTL below zero: %v", err)
	}
}

func TestC48_ACacheWorksWithoutAServer(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	n := &counter{}
	same(t, "loaded", n.do(t, ctx, "k"), 1)
	same(t, "from L2", n.do(t, ctx, "k"), 1)
	in := request(t, c)
	same(t, "in a request", n.do(t, in, "k"), 1)
	must(t, memo.Invalidate(in, "k"))
	same(t, "after Invalidate", n.do(t, ctx, "k"), 2)
}

// cacheme's documents warn of arguments whose order is random.
func TestC49_TheOrderOfAMapDoesNotMatter(t *testing.T) {
	t.Parallel()
	want := memo.Key("k", map[string]int{"a": 1, "b": 2, "c": 3})
	for range 100 {
		m := map[string]int{}
		for k, v := range map[string]int{"c": 3, "a": 1, "b": 2} {
			m[k] = v
		}
		same(t, "the key", memo.Key("k", m), want)
	}
}

// A load asks and takes the lease; while it runs, the lease is confirmed and the counter
// read; then it stores. What is tagged costs no more, once its marker is there.
func TestC53_WhatALoadCosts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ctx, wire := wired(t, tiertest.NewMemory())
		wire.Inject(tiertest.Fault{Delay: time.Millisecond})
		load := func(id int, opts ...memo.Option) (commands int) {
			betweenPolls()
			since := spending(wire)
			_, err := memo.Do(ctx, memo.Key("row", id), func(context.Context) (int, error) { time.Sleep(10 * time.Millisecond); return id, nil }, opts...)
			must(t, err)
			return since()
		}
		load(0) // the markers of its name and of the tag are there from now on
		load(1, memo.Tags("tag"))
		same(t, "commands of a load", load(2), 4)
		same(t, "commands of a load with a tag", load(3, memo.Tags("tag")), 4)
	})
}

func TestC54_WhatAHitCosts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		c, ctx, wire := wired(t, store)
		_, other, _ := wired(t, store)
		n := &counter{}
		for i := range 3 {
			n.do(t, other, memo.Key("k", i))
		}
		betweenPolls()
		n.do(t, ctx, memo.Key("k", 0))
		since := spending(wire)
		same(t, "from L3", n.do(t, ctx, memo.Key("k", 1)), 1)
		same(t, "commands of a hit in L3", since(), 1)
		in := request(t, c)
		for range 10 {
			n.do(t, ctx, memo.Key("k", 1))
			n.do(t, in, memo.Key("k", 1))
		}
		same(t, "commands of hits in L1 and L2", since(), 0)
	})
}

// spending says how many commands wire had since it was asked last.
func spending(wire *tiertest.Faulty) (since func() int) {
	was := wire.Calls("")
	return func() int {
		now := wire.Calls("")
		defer func() { was = now }()
		return now - was
	}
}

// sheet is a value that somebody might write to.
type sheet struct {
	Title string
	Lines []string
}

func (p *sheet) copy() *sheet {
	c := *p
	c.Lines = append([]string(nil), p.Lines...)
	return &c
}

func TestC55_CloneGivesEachCallerACopy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx := bound(t, memo.Config{Shared: tiertest.NewMemory()})
		in := request(t, c)
		load := func(context.Context) (*sheet, error) { return &sheet{"a", []string{"one"}}, nil }
		read := func(ctx context.Context) *sheet {
			p, err := memo.Do(ctx, "k", load, memo.Clone((*sheet).copy))
			must(t, err)
			return p
		}
		for _, ctx := range []context.Context{in, ctx, in} {
			p := read(ctx)
			same(t, "title", p.Title, "a")
			same(t, "line", p.Lines[0], "one")
			p.Title, p.Lines[0] = "mine", "mine"
		}
	})
}

var _ tier.Local = forgetful{}

func TestC27_AnInvalidationReturnsAnErrorAndIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx := bound(t, memo.Config{})
		must(t, memo.Invalidate(ctx, "never", "cached"))
		must(t, memo.InvalidateTags(ctx, "a", "b", "c"))
		must(t, memo.InvalidateTree(ctx, "a"))
		must(t, memo.InvalidateAll(ctx))
		got := c.Snapshot().Total.Invalidations
		same(t, "counted", fmt.Sprint(got.Keys, got.Tags, got.Trees, got.All), "2 3 1 1")
		is(t, "without a cache", memo.Invalidate(background, "k"), memo.ErrNoCache)
	})
}
