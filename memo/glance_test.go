package memo_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The look that a batch takes in the shared tier before it loads anything.

// overLook is a batch for a and b in a process that has them not, and what happens when
// its look has its answer and it does not know it yet. A load takes so long that one which
// goes on behind the batch has not landed when the test reads next.
func (f *fleet) overLook(t *testing.T, c *memo.Cache, wire *tiertest.Faulty, happens func(), opts ...memo.Option) {
	t.Helper()
	wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:a", Times: 1, After: func(context.Context, tiertest.Op, []string) { happens() }})
	_, err := memo.DoMany(c.With(context.Background()), []string{"a", "b"}, func(ctx context.Context, missing []string) (map[string]int, error) {
		time.Sleep(loading)
		return f.db.readAll(ctx, missing)
	}, opts...)
	must(t, err)
}

func (d *database) readAll(_ context.Context, missing []string) (map[string]int, error) {
	found := map[string]int{}
	for _, key := range missing {
		found[key] = d.read(key)
	}
	return found, nil
}

// 1. a batch finds version 0 of a in the shared tier
// 2. a is written, and its invalidation returns
// 3. the batch keeps version 0
func TestG06_BatchThatLooksKeepsNothingThatWasInvalidatedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		there, _ := f.process(t)
		here, wire := f.process(t, slowPoll)
		f.db.do(t, there.With(context.Background()), "a")
		f.db.do(t, there.With(context.Background()), "b")
		f.overLook(t, here, wire, func() {
			f.db.write("a")
			must(t, here.Invalidate(context.Background(), "a"))
		})
		if v := f.db.do(t, here.With(context.Background()), "a"); v != 1 {
			t.Errorf("version %d after the invalidation of version 0", v)
		}
		if n := f.db.queries("b"); n != 1 {
			t.Errorf("b was loaded %d times, want once", n)
		}
	})
}

// 1. a batch, a Do or a Get finds version 0 of a in the shared tier
// 2. a is refreshed, and what that finds is kept, or not, or not here. The Refresh returns
// 3. the batch keeps version 0, for as long as its TTL says: a process does not hear of its own writes
func TestWhoReadsBesideARefreshKeepsNothingOlder(t *testing.T) {
	t.Parallel()
	reads := map[string]func(ctx context.Context, f *fleet) error{
		"a batch": func(ctx context.Context, f *fleet) error {
			_, err := memo.DoMany(ctx, []string{"a", "b"}, f.db.readAll)
			return err
		},
		"a Do": func(ctx context.Context, f *fleet) error {
			_, err := memo.Do(ctx, "a", func(context.Context) (int, error) { return f.db.read("a"), nil })
			return err
		},
		"a Get": func(ctx context.Context, _ *fleet) error {
			_, err := memo.Get[int](ctx, "a")
			return err
		},
	}
	for name, test := range map[string]struct {
		found error
		opts  []memo.Option
	}{
		"there is nothing":  {found: memo.ErrNotFound},
		"not to be stored":  {opts: []memo.Option{memo.NoStore()}},
		"not to be kept":    {opts: []memo.Option{memo.SharedOnly()}},
		"to be kept":        {},
		"not for long here": {opts: []memo.Option{memo.LocalTTL(time.Millisecond)}},
	} {
		for who, read := range reads {
			t.Run(who+", "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					there, _ := f.process(t)
					here, wire := f.process(t)
					ctx := here.With(context.Background())
					f.db.do(t, there.With(context.Background()), "a")
					f.db.do(t, there.With(context.Background()), "b")
					wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:a", Times: 1, After: func(context.Context, tiertest.Op, []string) {
						f.db.write("a")
						_, err := memo.Refresh(ctx, "a", func(context.Context) (int, error) { return f.db.read("a"), test.found }, test.opts...)
						if !errors.Is(err, test.found) {
							t.Error(err)
						}
					}})
					must(t, read(ctx, f))
					time.Sleep(5 * time.Second)
					if v := f.db.do(t, ctx, "a"); v != 1 {
						t.Errorf("version %d, 5 s after the Refresh returned", v)
					}
				})
			})
		}
	}
}

// 1. a batch finds version 0 of a in the shared tier, which is past its time, and may be served once more
// 2. a is written, and its invalidation returns
// 3. the load of a takes along what the batch has seen, and keeps version 0
func TestG06_LoadTakesNothingAlongThatWasInvalidatedMeanwhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		there, _ := f.process(t)
		here, wire := f.process(t, slowPoll)
		opts := []memo.Option{memo.TTL(time.Second), memo.Stale(time.Hour)}
		f.db.do(t, there.With(context.Background()), "a", opts...)
		f.db.do(t, there.With(context.Background()), "b", opts...)
		time.Sleep(2 * time.Second)
		f.overLook(t, here, wire, func() {
			f.db.write("a")
			must(t, here.Invalidate(context.Background(), "a"))
		}, opts...)
		if v := f.db.do(t, here.With(context.Background()), "a", opts...); v != 1 {
			t.Errorf("version %d after the invalidation of version 0", v)
		}
	})
}

// 1. a batch looks for a and b; a Get of a comes, and is noted where the batch notes that it looks
// 2. the batch has its answer, and gives its room back
// 3. a is written, and its invalidation returns: it has found nobody who reads a
// 4. the Get keeps version 0
func TestG06_ReadThatOutlivesTheBatchThatItMet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		there, _ := f.process(t)
		here, wire := f.process(t, slowPoll)
		batch := []string{"a"} // and so many more that the next batch could have their room
		for i := range 40 {
			batch = append(batch, fmt.Sprint("b", i))
		}
		for _, key := range batch {
			f.db.do(t, there.With(context.Background()), key)
		}
		seen, goOn := make(chan struct{}), make(chan struct{})
		var reads sync.WaitGroup
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:a", Times: 1, After: func(context.Context, tiertest.Op, []string) {
			wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:a", Times: 1, After: func(context.Context, tiertest.Op, []string) {
				close(seen)
				<-goOn
			}})
			reads.Go(func() {
				if v, err := memo.Get[int](here.With(context.Background()), "a"); v != 0 || err != nil {
					t.Error(v, err)
				}
			})
			<-seen
		}})
		_, err := memo.DoMany(here.With(context.Background()), batch, f.db.readAll, memo.SharedOnly()) // else the batch would keep what the Get asks for
		must(t, err)
		f.db.write("a")
		must(t, here.Invalidate(context.Background(), "a"))
		close(goOn)
		reads.Wait()
		if v := f.db.do(t, here.With(context.Background()), "a"); v != 1 {
			t.Errorf("version %d after the invalidation of version 0", v)
		}
	})
}

// 1. a batch loads key by key; before the last loader is called its ctx ends, and it leaves
// 2. the next batch has the room of the first one, in which stood which of its keys each load is of
// 3. the load goes on, with the key that the room says now
func TestLoadsThatOutliveTheirBatchKeepTheirKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, wire := f.process(t)
		between()
		thing := memo.NewFunc(here, "thing", func(_ context.Context, k int) (string, error) { return fmt.Sprint("thing ", k), nil })
		first, next := make([]int, 40), make([]int, 40)
		for i := range first {
			first[i], next[i] = i, 100+i
		}
		ctx, leave := context.WithCancel(context.Background())
		goOn := make(chan struct{})
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: "thing:39", Times: 1, Before: func(context.Context, tiertest.Op, []string) {
			leave()
			<-goOn
		}})
		if _, err := thing.DoMany(ctx, first); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		_, err := thing.DoMany(context.Background(), next)
		must(t, err)
		close(goOn)
		synctest.Wait()
		for _, k := range first {
			if v, err := thing.Do(context.Background(), k); v != fmt.Sprint("thing ", k) || err != nil {
				t.Errorf("%d is %q, %v", k, v, err)
			}
		}
	})
}

// The room of a batch is the next one's: nothing of the first is in it.
func TestBatchesOneAfterTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		there, _ := f.process(t)
		here, _ := f.process(t)
		between()
		said := func(_ context.Context, missing []string) (map[string]string, error) {
			found := map[string]string{}
			for _, key := range missing {
				found[key] = "what is said of " + key
			}
			return found, nil
		}
		for n := range 20 {
			known, fresh := keysOf(fmt.Sprint("known", n), 1+n*17%40), keysOf(fmt.Sprint("new", n), 30)
			_, err := memo.DoMany(there.With(context.Background()), known, said)
			must(t, err)
			mixed := append(slices.Concat(fresh[20:], known), "", known[0])
			for _, keys := range [][]string{known, fresh[:20], known, mixed} {
				got, err := memo.DoMany(here.With(context.Background()), keys, said, memo.SharedOnly())
				if (err != nil) != slices.Contains(keys, "") {
					t.Errorf("batch %d: %v", n, err)
				}
				for _, key := range keys {
					if key != "" && got[key] != "what is said of "+key {
						t.Errorf("batch %d: %s is %q", n, key, got[key])
					}
				}
			}
		}
	})
}

// What one batch looks at, others that come meanwhile join, and do not look at as well.
func TestBatchesAtOnceDoNotAllLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		there, _ := f.process(t)
		here, wire := f.process(t, slowPoll)
		keys := keysOf("user", 10)
		_, err := memo.DoMany(there.With(context.Background()), keys, f.db.readAll)
		must(t, err)
		var mu sync.Mutex
		looks := 0
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:", Delay: trip, Before: func(_ context.Context, _ tiertest.Op, names []string) {
			mu.Lock()
			defer mu.Unlock()
			for _, name := range names {
				if strings.HasPrefix(name, "t:v:") {
					looks++
				}
			}
		}})
		var batches sync.WaitGroup
		for range 20 {
			batches.Go(func() {
				got, err := memo.DoMany(here.With(context.Background()), keys, f.db.readAll)
				if err != nil || len(got) != len(keys) {
					t.Error(got, err)
				}
			})
		}
		batches.Wait()
		if looks > 2*len(keys) {
			t.Errorf("%d values were asked for by 20 batches of the same %d keys, want each twice at most", looks, len(keys))
		}
		for _, key := range keys {
			if n := f.db.queries(key); n != 1 {
				t.Errorf("%s was loaded %d times", key, n)
			}
		}
	})
}

// The caller of a batch leaves when its ctx ends, also while it looks.
func TestBatchLeavesItsLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, wire := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.ReadTimeout = time.Minute })
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:a", Hang: true})
		ctx, cancel := context.WithTimeout(here.With(context.Background()), time.Second)
		defer cancel()
		begin := time.Now()
		_, err := memo.DoMany(ctx, []string{"a", "b"}, f.db.readAll)
		if took := time.Since(begin); err == nil || took != time.Second {
			t.Errorf("left after %v with %v, want after a second with the end of its ctx", took, err)
		}
	})
}

// fragile is a process tier that has something happen to whoever looks for one key.
type fragile struct {
	*lru.Cache
	visit func(how, key string)
}

func (l fragile) Peek(key string) *tier.Entry {
	l.visit("Peek", key)
	return l.Cache.Peek(key)
}

func (l fragile) Get(key string) *tier.Entry {
	l.visit("Get", key)
	return l.Cache.Get(key)
}

// What a batch watches it watches no longer when code of its user has ended it.
func TestBatchThatPanicsWatchesNothingAnyMore(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){"panic": func() { panic("the tier's own") }, "Goexit": runtime.Goexit} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			c, _ := f.process(t, func(cfg *memo.Config) {
				cfg.Local = fragile{lru.New(10), func(how, key string) {
					if how == "Peek" && key == "b" {
						fail()
					}
				}}
			})
			var caller sync.WaitGroup
			caller.Add(1)
			go func() {
				defer caller.Done()
				defer func() { _ = recover() }()
				_, _ = memo.DoMany(c.With(context.Background()), []string{"a", "b"}, f.db.readAll)
				t.Errorf("%s: the batch returned", name)
			}()
			caller.Wait()
			if c.Busy("a") {
				t.Errorf("%s: a is watched for ever", name)
			}
		})
	}
}

// 1. each look at a finds a tag more than the one before
// 2. the last of them finds one that was invalidated, which nobody has looked for
// 3. the load takes along what was seen, with the tags that were found, and uses it
func TestBatchUsesNothingWhoseMarkersItHasNotSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const turns = 16
		f := newFleet()
		there, _ := f.process(t)
		here, wire := f.process(t, slowPoll)
		var tags []string
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:a", Times: turns, Before: func(context.Context, tiertest.Op, []string) {
			tags = append(tags, fmt.Sprint("tag", len(tags)))
			must(t, memo.Set(there.With(context.Background()), "a", 0, memo.Tags(tags...)))
			if len(tags) == turns {
				f.db.write("a")
				must(t, there.InvalidateTags(context.Background(), tags[turns-1]))
			}
		}})
		got, err := memo.DoMany(here.With(context.Background()), []string{"a", "b"}, f.db.readAll)
		if must(t, err); got["a"] != 1 {
			t.Errorf("version %d, whose tag was invalidated before it was looked at", got["a"])
		}
	})
}

// Of 1,000 values that are near their end by half of what it takes to load them, each
// throws its dice once: 500 are refreshed, or 16 more or less. Whoever throws them twice
// refreshes 250.
func TestBatchRefreshesEarlyAsOftenAsOneCallDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, half = 1000, 693 * time.Millisecond // a second times ln 2
		f := newFleet()
		there, _ := f.process(t)
		here, _ := f.process(t)
		keys := keysOf("user", n)
		opts := []memo.Option{memo.TTL(time.Minute), memo.EarlyRefresh(1), memo.BatchSize(n), memo.SharedOnly()}
		load := func(ctx context.Context, missing []string) (map[string]int, error) {
			time.Sleep(time.Second)
			return f.db.readAll(ctx, missing)
		}
		_, err := memo.DoMany(there.With(context.Background()), keys, load, opts...)
		must(t, err)
		time.Sleep(time.Minute - half)
		_, err = memo.DoMany(here.With(context.Background()), keys, load, opts...)
		must(t, err)
		time.Sleep(2 * time.Second)
		refreshed := 0
		for _, key := range keys {
			refreshed += f.db.queries(key) - 1
		}
		if refreshed < 375 || refreshed > 625 {
			t.Errorf("%d of %d values were refreshed, want half of them", refreshed, n)
		}
	})
}

// dated is a ctx whose time is up, and whose timer has not rung yet.
type dated struct {
	context.Context
	deadline time.Time
}

func (d dated) Deadline() (time.Time, bool) { return d.deadline, true }

// hurried is a ctx below c that has so little time that the next read of a value fails
// just when it is over.
func hurried(c *memo.Cache, wire *tiertest.Faulty) context.Context {
	const little = 10 * time.Millisecond
	wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:", Times: 1, Delay: little, Err: context.DeadlineExceeded})
	return c.With(dated{context.Background(), time.Now().Add(little)})
}

// What a caller had no patience for says nothing about the Node, though the timer of the
// connection may ring before that of the ctx.
func TestImpatientCallersAreNoFailuresOfTheNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, wire := f.process(t, slowPoll)
		for range 10 {
			_, _ = memo.Get[int](hurried(c, wire), "a")
		}
		if n := c.Snapshot().Nodes[0]; !n.Up || n.Errors != 0 {
			t.Errorf("up is %t after 10 callers without patience, with %d errors", n.Up, n.Errors)
		}
	})
}

// Nor does it make the load of its key do without the shared tier: others may wait for it.
func TestLoadDoesNotTakeAlongThatItsBatchHadNoPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, wire := f.process(t, slowPoll)
		_, _ = memo.DoMany(hurried(c, wire), []string{"a", "b"}, f.db.readAll)
		if !f.item(t, "t:v:a").Found() {
			t.Error("what was loaded is not in the shared tier")
		}
	})
}

// One panic is the caller's, and all keys are counted: also those that the batch had
// found before.
func TestPanicOfTheOneThatABatchDidNotFindIsCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		there, _ := f.process(t)
		f.db.do(t, there.With(context.Background()), "a")
		f.db.do(t, there.With(context.Background()), "b")
		here, _ := f.process(t, func(cfg *memo.Config) {
			cfg.Local = fragile{lru.New(10), func(how, key string) {
				if how == "Get" && key == "c" {
					panic("the tier's own")
				}
			}}
		})
		before := here.Snapshot().Total.Calls
		got := manyLater(func() (map[string]int, error) {
			return memo.DoMany(here.With(context.Background()), []string{"a", "b", "c"}, f.db.readAll)
		})()
		if n := here.Snapshot().Total.Calls - before; got.panic != "the tier's own" || n != 3 {
			t.Errorf("counted %d calls of 3, and got %+v", n, got)
		}
	})
}
