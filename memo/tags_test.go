package memo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Tags and trees: what an invalidation that names no keys reaches, and what it
// leaves alone.

// tagged reads key through the cache of ctx, as an entry with tags.
func (d *database) tagged(tb testing.TB, ctx context.Context, key string, tags ...string) int {
	tb.Helper()
	v, err := memo.Do(ctx, key, func(context.Context) (int, error) { return d.read(key), nil }, memo.Tags(tags...))
	if err != nil {
		tb.Fatalf("Do(%q): %v", key, err)
	}
	return v
}

// amended is tagged for tags that only the loader knows.
func (d *database) amended(tb testing.TB, ctx context.Context, key string, tags ...string) int {
	tb.Helper()
	v, err := memo.Do(ctx, key, func(ctx context.Context) (int, error) {
		memo.Amend(ctx, memo.Tags(tags...))
		return d.read(key), nil
	})
	if err != nil {
		tb.Fatalf("Do(%q): %v", key, err)
	}
	return v
}

// setups are the ways in which a cache can be set up: invalidations without a
// shared tier have no numbers.
func setups(t *testing.T, test func(t *testing.T, open func() *memo.Cache, db *database)) {
	t.Run("L2 alone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(t, memo.Config{})
			test(t, func() *memo.Cache { return c }, newDatabase())
		})
	})
	t.Run("with a shared tier", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			test(t, func() *memo.Cache { c, _ := f.process(t); return c }, f.db)
		})
	})
}

func TestInvalidateTagsReachesWhatCarriesThem(t *testing.T) {
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		here, there := open(), open()
		a, b := here.With(context.Background()), there.With(context.Background())
		read := func(ctx context.Context) {
			db.tagged(t, ctx, "book:1", "books", "author:7")
			db.tagged(t, ctx, "book:2", "books", "author:8")
			db.amended(t, ctx, "page", "author:7")
			db.do(t, ctx, "other")
		}
		read(a)
		read(b)
		for _, key := range []string{"book:1", "book:2", "page", "other"} {
			db.write(key)
		}
		must(t, here.InvalidateTags(context.Background(), "author:7"))
		time.Sleep(150 * time.Millisecond) // a poll
		for who, ctx := range map[string]context.Context{"the writer": a, "another process": b} {
			for key, want := range map[string]int{"book:1": 1, "book:2": 0, "page": 1, "other": 0} {
				if v := db.do(t, ctx, key); v != want { // a reader that names no tags
					t.Errorf("%s reads version %d of %s, want %d", who, v, key, want)
				}
			}
		}
		if n := db.queries("book:1") + db.queries("page"); here != there && n != 4 {
			t.Errorf("%d loads of the two, want one before and one after each", n)
		}
		if got := here.Snapshot().Total.Invalidations.Tags; got != 1 {
			t.Errorf("%d tags were counted", got)
		}
	})
}

func TestInvalidateTreeReachesWhatStandsBelow(t *testing.T) {
	deep := memo.Key("a", "b", "c", "d", "e", "f")
	keys := []string{"user", "user:7", "user:7:orders", "user:7:orders:1", "user:70", "users:7", deep}
	for tree, below := range map[string]map[string]bool{
		"user":                                {"user": true, "user:7": true, "user:7:orders": true, "user:7:orders:1": true, "user:70": true},
		"user:7":                              {"user:7": true, "user:7:orders": true, "user:7:orders:1": true},
		"user:7:orders":                       {"user:7:orders": true, "user:7:orders:1": true},
		"user:7:orders:1":                     {"user:7:orders:1": true},
		"a":                                   {deep: true},
		memo.Key("a", "b", "c", "d", "e"):     {deep: true},
		deep:                                  {deep: true},
		"nothing":                             {},
		memo.Key("a", "b", "c", "d", "other"): {},
	} {
		t.Run(tree, func(t *testing.T) {
			setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
				here, there := open(), open()
				a, b := here.With(context.Background()), there.With(context.Background())
				for _, key := range keys {
					db.do(t, a, key)
					db.do(t, b, key)
					db.write(key)
				}
				must(t, here.InvalidateTree(context.Background(), tree))
				time.Sleep(150 * time.Millisecond)
				for _, key := range keys {
					want := 0
					if below[key] {
						want = 1
					}
					if v := db.do(t, a, key); v != want {
						t.Errorf("the writer reads version %d of %s, want %d", v, key, want)
					}
					if v := db.do(t, b, key); v != want {
						t.Errorf("another process reads version %d of %s, want %d", v, key, want)
					}
				}
			})
		})
	}
}

// A process that has never heard of the tag, and knows no key that carries it.
func TestTagIsInvalidatedFromAProcessThatNeverLoadedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		reader, _ := f.process(t)
		writer, _ := f.process(t)
		f.db.tagged(t, reader.With(context.Background()), "k", "group")
		f.db.write("k")
		must(t, writer.InvalidateTags(context.Background(), "group"))
		late, _ := f.process(t) // knows neither the entry nor the invalidation
		if v := f.db.do(t, late.With(context.Background()), "k"); v != 1 {
			t.Errorf("a process that starts later reads version %d from the shared tier, want 1", v)
		}
	})
}

func TestRequestThatInvalidatesForgetsItsOwn(t *testing.T) {
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		c := open()
		for name, invalidate := range map[string]func(ctx context.Context) error{
			"tags": func(ctx context.Context) error { return memo.InvalidateTags(ctx, "group") },
			"tree": func(ctx context.Context) error { return memo.InvalidateTree(ctx, "user") },
		} {
			key := "user:" + name
			ctx, end := c.Begin(context.Background())
			other, endOther := c.Begin(context.Background())
			before := db.tagged(t, ctx, key, "group")
			db.tagged(t, ctx, "kept", "another")
			db.tagged(t, other, key, "group")
			db.write(key)
			db.write("kept")
			must(t, invalidate(ctx))
			if v := db.tagged(t, ctx, key, "group"); v != before+1 {
				t.Errorf("%s: the request reads version %d after its own invalidation, want %d", name, v, before+1)
			}
			if v := db.tagged(t, other, key, "group"); v != before {
				t.Errorf("%s: a request that is open reads version %d, want its snapshot %d", name, v, before)
			}
			if v := db.tagged(t, ctx, "kept", "another"); v != 0 {
				t.Errorf("%s: the request lost what was not concerned", name)
			}
			end()
			endOther()
		}
	})
}

// 1. a load reads the old value; nobody knows its tag yet
// 2. the tag is invalidated
// 3. the load ends, and would be stored with the tag, for everyone
func TestG06_LoadThatATagOvertookIsStoredNowhere(t *testing.T) {
	for name, tagged := range map[string]func(ctx context.Context, fn func(context.Context) (int, error)) (int, error){
		"a tag of the call": func(ctx context.Context, fn func(context.Context) (int, error)) (int, error) {
			return memo.Do(ctx, "user:k", fn, memo.Tags("group"))
		},
		"a tag of the loader": func(ctx context.Context, fn func(context.Context) (int, error)) (int, error) {
			return memo.Do(ctx, "user:k", func(ctx context.Context) (int, error) {
				v, err := fn(ctx)
				memo.Amend(ctx, memo.Tags("group"))
				return v, err
			})
		},
	} {
		for how, invalidate := range map[string]func(c *memo.Cache) error{
			"InvalidateTags": func(c *memo.Cache) error { return c.InvalidateTags(context.Background(), "group") },
			"InvalidateTree": func(c *memo.Cache) error { return c.InvalidateTree(context.Background(), "user") },
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
					c, other := open(), open()
					ctx := c.With(context.Background())
					db.tagged(t, ctx, "user:before", "group") // the markers are there
					loaded, release, first := make(chan struct{}), make(chan struct{}), make(chan int)
					go func() {
						v, _ := tagged(ctx, func(context.Context) (int, error) {
							v := db.read("user:k")
							close(loaded)
							<-release
							return v, nil
						})
						first <- v
					}()
					<-loaded
					db.write("user:k")
					must(t, invalidate(c))
					joined := make(chan int)
					go func() { // asks after the invalidation, and finds the load under way
						v, _ := tagged(ctx, func(context.Context) (int, error) { return db.read("user:k"), nil })
						joined <- v
					}()
					synctest.Wait()
					close(release)
					if v := <-first; v != 0 {
						t.Errorf("who began the load got %d, want what it loaded", v)
					}
					if v := <-joined; v != 1 {
						t.Errorf("who asked after the invalidation got version %d, want 1", v)
					}
					for _, c := range []*memo.Cache{c, other} {
						if v := db.do(t, c.With(context.Background()), "user:k"); v != 1 {
							t.Errorf("a later read got version %d, want 1", v)
						}
					}
				})
			})
		}
	}
}

// A part is joined by a load that reads the log on its way:
//
//  1. here a load of the part has read the old value, and still runs
//  2. another process commits, and invalidates the tag: n
//  3. here a load of the whole begins, with a stamp of n or more; it asks for the part,
//     hears of n, and joins the load of 1, which no record takes out of its way
//  4. a whole made of the old part is stored for everyone, and n is about nothing as new as that
func TestG06_WholeMadeOfAPartThatATagOvertook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t, slowPoll)
		writer, _ := f.process(t, slowPoll)
		ctx := here.With(context.Background())
		f.db.tagged(t, ctx, "before", "group") // the marker is there
		read, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_, _ = memo.Do(ctx, "part", func(context.Context) (int, error) {
				v := f.db.read("part")
				close(read)
				<-release
				return v, nil
			}, memo.Tags("group"))
		}()
		<-read
		f.db.write("part")
		must(t, writer.InvalidateTags(context.Background(), "group"))
		whole := make(chan int)
		load := func(ctx context.Context) (int, error) {
			return memo.Do(ctx, "whole", func(ctx context.Context) (int, error) {
				return f.db.tagged(t, ctx, "part", "group"), nil
			}, memo.Tags("group"))
		}
		go func() { v, _ := load(ctx); whole <- v }()
		synctest.Wait()
		close(release)
		if v := <-whole; v != 1 {
			t.Errorf("the whole was made of version %d of its part, want 1", v)
		}
		<-done
		late, _ := f.process(t, slowPoll)
		if v, err := load(late.With(context.Background())); v != 1 || err != nil {
			t.Errorf("another process reads a whole of version %d, %v, want 1", v, err)
		}
	})
}

// The record of an invalidation may be read before its marker is raised:
//
//  1. a writer has drawn n, written the record, and not yet raised the marker
//  2. another process reads the record, and hides what it has in L2
//  3. it reads the old value from the shared tier, whose marker has nothing against it
//  4. the marker is raised; no record to come drops what 3 has kept
func TestG06_ValueReadBetweenTheRecordAndTheMarker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, wire := f.process(t)
		reader, _ := f.process(t)
		rctx := reader.With(context.Background())
		f.db.tagged(t, rctx, "k", "group")
		f.db.write("k")
		raise, raised := make(chan struct{}), make(chan error)
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: ":t:group", Times: 1,
			Before: func(context.Context, tiertest.Op, []string) { <-raise }})
		go func() { raised <- writer.InvalidateTags(context.Background(), "group") }()
		time.Sleep(150 * time.Millisecond) // the reader polls
		if v := f.db.do(t, rctx, "k"); v != 1 {
			t.Errorf("after the record the reader has version %d, want 1", v)
		}
		close(raise)
		must(t, <-raised)
		if v := f.db.do(t, rctx, "k"); v != 1 {
			t.Errorf("the reader keeps version %d, want 1", v)
		}
	})
}

// A marker may be evicted. Then nobody knows what it said: a value below it is a
// miss.
func TestEvictedMarkerHidesWhatItMarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		f.db.tagged(t, a.With(context.Background()), "k", "group")
		f.db.write("k")
		cut, shared := f.process(t)
		back := shared.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":g:", Err: errDown}) // its record is not written
		defer back()
		if err := cut.InvalidateTags(context.Background(), "group"); !errors.Is(err, memo.ErrDeferred) {
			t.Fatal(err)
		}
		must(t, f.store.Nodes()[0].Delete(context.Background(), "t:t:group"))
		late, _ := f.process(t)
		if v := f.db.do(t, late.With(context.Background()), "k"); v != 1 {
			t.Errorf("without its marker the old value is served: version %d, want 1", v)
		}
	})
}

// A marker is not just added with one's own number:
//
//  1. a draws n, and finds no marker
//  2. a value is loaded, with stamp n; b draws n+1, adds the marker, and the server evicts it
//  3. a adds the marker with n, and the value of 2 is valid for ever
func TestG06_MarkerThatWasEvictedWhileAnotherOneRaisedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, calls := f.process(t, slowPoll)
		b, _ := f.process(t, slowPoll)
		calls.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":t:group", Times: 1,
			Before: func(context.Context, tiertest.Op, []string) {
				reader, _ := f.process(t, slowPoll)
				f.db.tagged(t, reader.With(context.Background()), "k", "group")
				f.db.write("k")
				must(t, b.InvalidateTags(context.Background(), "group"))
				must(t, f.store.Nodes()[0].Delete(context.Background(), "t:t:group"))
			}})
		must(t, a.InvalidateTags(context.Background(), "group"))
		late, _ := f.process(t, slowPoll)
		if v := f.db.do(t, late.With(context.Background()), "k"); v != 1 {
			t.Errorf("version %d, want 1", v)
		}
	})
}

// A marker is only raised:
//
//  1. a draws n; a value is loaded, with stamp n
//  2. b draws n+1, and raises the marker to it
//  3. a finds the marker, and would set it to n: the value of 1 would be valid for ever
func TestG06_MarkerThatAnotherOneRaisedHigher(t *testing.T) {
	for name, when := range map[string]tiertest.Fault{
		"before it is read":    {Ops: []tiertest.Op{tiertest.OpGetMulti}},
		"between read and cas": {Ops: []tiertest.Op{tiertest.OpCompareAndSwap}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				a, calls := f.process(t, slowPoll)
				b, _ := f.process(t, slowPoll)
				reader, _ := f.process(t, slowPoll)
				rctx := reader.With(context.Background())
				f.db.tagged(t, rctx, "before", "group") // the marker is there
				when.Match, when.Times = ":t:group", 1
				when.Before = func(context.Context, tiertest.Op, []string) {
					synctest.Wait() // the count beside it has ended
					f.db.tagged(t, rctx, "k", "group")
					f.db.write("k")
					must(t, b.InvalidateTags(context.Background(), "group"))
				}
				calls.Inject(when)
				must(t, a.InvalidateTags(context.Background(), "group"))
				late, _ := f.process(t, slowPoll)
				if v := f.db.do(t, late.With(context.Background()), "k"); v != 1 {
					t.Errorf("version %d, want 1", v)
				}
			})
		})
	}
}

// A fill that meets no marker brings one with it, and does not know what the last
// one said:
//
//  1. a load reads the old value
//  2. its tag is invalidated, and the server evicts the marker
//  3. the load ends, and would give the marker a number that lets its value stand
func TestG06_FirstValueOfATagThatWasInvalidatedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t, slowPoll)
		b, _ := f.process(t, slowPoll)
		_, err := memo.Do(a.With(context.Background()), "k", func(ctx context.Context) (int, error) {
			memo.Amend(ctx, memo.Tags("group"))
			v := f.db.read("k")
			f.db.write("k")
			must(t, b.InvalidateTags(context.Background(), "group"))
			f.memory().Evict("t:t:group")
			return v, nil
		})
		must(t, err)
		late, _ := f.process(t, slowPoll)
		if v := f.db.do(t, late.With(context.Background()), "k"); v != 1 {
			t.Errorf("another process reads version %d from the shared tier, want 1", v)
		}
	})
}

// Numbers are drawn all the time, for keys that have nothing to do with a new tag.
// The first value that carries it is stored all the same.
func TestFirstValueOfATagIsStoredWhileOthersInvalidateKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, _ := f.process(t)
		busy := func(ctx context.Context) { must(t, b.Invalidate(ctx, "something else")) }
		_, err := memo.Do(a.With(context.Background()), "k", func(ctx context.Context) (int, error) {
			memo.Amend(ctx, memo.Tags("new"))
			busy(context.Background())
			return f.db.read("k"), nil
		})
		must(t, err)
		if f.db.do(t, b.With(context.Background()), "k"); f.db.queries("k") != 1 {
			t.Errorf("%d loads of k, want 1", f.db.queries("k"))
		}
	})
}

// A process loads under a lease, and its tag is invalidated: what it will store is
// void. Nobody waits for that.
func TestLeaseThatATagHasDoomedIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, _ := f.process(t)
		f.db.tagged(t, a.With(context.Background()), "before", "group")
		release, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_, _ = memo.Do(a.With(context.Background()), "k", func(context.Context) (int, error) {
				v := f.db.read("k")
				<-release
				return v, nil
			}, memo.Tags("group"))
		}()
		synctest.Wait()
		f.db.write("k")
		must(t, b.InvalidateTags(context.Background(), "group"))
		begin := time.Now()
		if v := f.db.tagged(t, b.With(context.Background()), "k", "group"); v != 1 || time.Since(begin) > 100*time.Millisecond {
			t.Errorf("version %d after %v, want 1 at once", v, time.Since(begin))
		}
		close(release)
		<-done
		for _, c := range []*memo.Cache{a, b} {
			if v := f.db.do(t, c.With(context.Background()), "k"); v != 1 {
				t.Errorf("version %d, want 1", v)
			}
		}
	})
}

func TestDeferredTagsAndTreesAreDelivered(t *testing.T) {
	for name, invalidate := range map[string]func(c *memo.Cache) error{
		"tags": func(c *memo.Cache) error { return c.InvalidateTags(context.Background(), "group") },
		"tree": func(c *memo.Cache) error { return c.InvalidateTree(context.Background(), "user") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				writer, cut := f.process(t)
				reader, _ := f.process(t)
				wctx, rctx := writer.With(context.Background()), reader.With(context.Background())
				f.db.tagged(t, rctx, "user:7", "group")
				f.db.write("user:7")
				remove := cut.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpIncr}, Err: errDown}) // reads go through
				if err := invalidate(writer); !errors.Is(err, memo.ErrDeferred) {
					t.Fatalf("got %v, want ErrDeferred", err)
				}
				if v := f.db.do(t, wctx, "user:7"); v != 1 {
					t.Errorf("the writer reads version %d while its invalidation waits, want 1", v)
				}
				if _, err := memo.Get[int](writer.With(context.Background()), "user:70"); !errors.Is(err, memo.ErrMiss) {
					t.Error(err)
				}
				remove()
				time.Sleep(2 * time.Second)
				if n := writer.Snapshot().Nodes[0].Pending; n != 0 {
					t.Fatalf("%d invalidations wait", n)
				}
				if v := f.db.do(t, rctx, "user:7"); v != 1 {
					t.Errorf("another process reads version %d after the delivery, want 1", v)
				}
			})
		})
	}
}

// The server is up, and has refused to raise the marker: what carries the tag must
// not be read from there until it has.
func TestTagThatWaitsIsNotReadFromTheSharedTier(t *testing.T) {
	for name, invalidate := range map[string]func(c *memo.Cache) error{
		"tags":            func(c *memo.Cache) error { return c.InvalidateTags(context.Background(), "group") },
		"the tree":        func(c *memo.Cache) error { return c.InvalidateTree(context.Background(), "user") },
		"the tree of one": func(c *memo.Cache) error { return c.InvalidateTree(context.Background(), "user:7") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				c, store := f.process(t, slowPoll)
				ctx := c.With(context.Background())
				f.db.tagged(t, ctx, "user:7", "group")
				f.db.write("user:7")
				for _, match := range []string{":t:", ":r:", ":b:", ":v:"} {
					store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd, tiertest.OpCompareAndSwap, tiertest.OpDelete}, Match: match, Err: tier.ErrRefused, Times: 1})
				}
				if err := invalidate(c); !errors.Is(err, memo.ErrDeferred) || !c.Snapshot().Nodes[0].Up {
					t.Fatalf("got %v, of a server that is up: %t", err, c.Snapshot().Nodes[0].Up)
				}
				if v := f.db.do(t, ctx, "user:7"); v != 1 {
					t.Errorf("version %d while the invalidation waits, want 1", v)
				}
			})
		})
	}
}

func TestSetKeepsItsTags(t *testing.T) {
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		c, other := open(), open()
		must(t, memo.Set(c.With(context.Background()), "k", 41, memo.Tags("group")))
		for _, c := range []*memo.Cache{c, other} {
			if v, err := memo.Get[int](c.With(context.Background()), "k"); v != 41 || err != nil {
				t.Errorf("Get: %d, %v", v, err)
			}
		}
		must(t, c.InvalidateTags(context.Background(), "group"))
		time.Sleep(150 * time.Millisecond)
		for _, c := range []*memo.Cache{c, other} {
			if v, err := memo.Get[int](c.With(context.Background()), "k"); !errors.Is(err, memo.ErrMiss) {
				t.Errorf("after the invalidation: %d, %v", v, err)
			}
		}
	})
}

func TestAmendedTTL(t *testing.T) {
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		ctx := open().With(context.Background())
		load := func() (int, error) {
			return memo.Do(ctx, "k", func(ctx context.Context) (int, error) {
				memo.Amend(ctx, memo.TTL(time.Second))
				return db.read("k"), nil
			}, memo.TTL(time.Hour))
		}
		for range 2 {
			_, err := load()
			must(t, err)
		}
		time.Sleep(1100 * time.Millisecond)
		_, err := load()
		must(t, err)
		if n := db.queries("k"); n != 2 {
			t.Errorf("%d loads, want a second one when the amended TTL is over", n)
		}
	})
}

func TestBadTags(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	var none context.Context
	many := make([]string, 65)
	for i := range many {
		many[i] = fmt.Sprint("tag", i)
	}
	load := func(opts ...memo.Option) error {
		_, err := memo.Do(ctx, "k", func(context.Context) (int, error) { return 1, nil }, opts...)
		return err
	}
	for name, err := range map[string]error{
		"an empty tag":  load(memo.Tags("")),
		"a long one":    load(memo.Tags(fmt.Sprintf("%0251d", 1))),
		"too many":      load(memo.Tags(many...)),
		"a bad one":     c.InvalidateTags(context.Background(), "ok", ""),
		"no ctx":        c.InvalidateTags(none, "ok"),
		"an empty tree": c.InvalidateTree(context.Background(), ""),
		"amended": func() error {
			_, err := memo.Do(ctx, "k2", func(ctx context.Context) (int, error) { memo.Amend(ctx, memo.Tags("")); return 1, nil })
			return err
		}(),
		"amended by what is not about values": func() error {
			_, err := memo.Do(ctx, "k3", func(ctx context.Context) (int, error) { memo.Amend(ctx, memo.LoadTimeout(time.Second)); return 1, nil })
			return err
		}(),
	} {
		if u := (*memo.UsageError)(nil); !errors.As(err, &u) || u.Fix == "" {
			t.Errorf("%s: %v, want a *UsageError", name, err)
		}
	}
	must(t, load(memo.Tags(many[:64]...)))
	memo.Amend(context.Background(), memo.Tags("ignored")) // outside of a loader
	if err := memo.InvalidateTags(context.Background(), "t"); !errors.Is(err, memo.ErrNoCache) {
		t.Error(err)
	}
	must(t, c.InvalidateTags(context.Background()))
}

// Round trips to the shared tier, as its calls.
func TestTagsCostNoRoundTripMoreThanTheyMust(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, calls := f.process(t, slowPoll)
		b, theirs := f.process(t, slowPoll)
		actx, bctx := a.With(context.Background()), b.With(context.Background())
		for _, key := range []string{"user:1", "user:2"} {
			f.db.tagged(t, actx, key, "group")
			f.db.amended(t, actx, "page:"+key, "author")
		}
		count := func(c *tiertest.Faulty, op tiertest.Op, do func()) int {
			before := c.Calls(op)
			do()
			synctest.Wait()
			return c.Calls(op) - before
		}
		if n := count(theirs, tiertest.OpGetMulti, func() { f.db.tagged(t, bctx, "user:1", "group") }); n != 1 {
			t.Errorf("a hit with known tags reads %d times, want once", n)
		}
		if n := count(theirs, tiertest.OpGetMulti, func() { f.db.do(t, bctx, "page:user:1") }); n != 2 {
			t.Errorf("a hit with tags that this process sees for the first time reads %d times, want 2", n)
		}
		if f.db.queries("user:1")+f.db.queries("page:user:1") != 2 {
			t.Error("they were no hits")
		}
		time.Sleep(6 * time.Minute) // it ends, and b knows what tags it had
		f.db.amended(t, actx, "page:user:1", "author")
		if n := count(theirs, tiertest.OpGetMulti, func() { f.db.do(t, bctx, "page:user:1") }); n != 1 || f.db.queries("page:user:1") != 2 {
			t.Errorf("a hit with the tags that it had before reads %d times, want once; %d loads", n, f.db.queries("page:user:1"))
		}
		for op, want := range map[tiertest.Op]int{tiertest.OpIncr: 1, tiertest.OpGetMulti: 1, tiertest.OpCompareAndSwap: 1, tiertest.OpAdd: 1, tiertest.OpDelete: 0} {
			if n := count(calls, op, func() { must(t, a.InvalidateTags(context.Background(), "group")) }); n != want {
				t.Errorf("InvalidateTags: %d %v, want %d", n, op, want)
			}
		}
	})
}
