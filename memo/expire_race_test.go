package memo_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Expire beside loads, writes and failures of the shared tier.

// The loader has read the old row; Expire; the loader ends. A load has a lease in the
// value's place, and a refresh a lock beside it.
func TestG06_LoadThatOverlappedAnExpireIsKeptNowhere(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"load", "refresh"} {
		for _, where := range []string{"this process", "another process", "a process without a shared tier"} {
			t.Run(what+" of "+where, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					window := []memo.Option{memo.TTL(time.Second), memo.Stale(time.Hour)}
					writer, _ := f.process(t, slowPoll)
					third, _ := f.process(t, slowPoll)
					loader := writer
					switch where {
					case "another process":
						loader, _ = f.process(t, slowPoll)
					case "a process without a shared tier":
						writer = newCache(t, memo.Config{})
						loader, third = writer, writer
					}
					ctx := loader.With(context.Background())
					if what == "refresh" {
						f.db.do(t, ctx, "k", window...)
						time.Sleep(2 * time.Second)
					}
					loaded, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
					go func() {
						defer close(done)
						_, _ = memo.Do(ctx, "k", func(context.Context) (int, error) {
							v := f.db.read("k")
							close(loaded)
							<-release
							return v, nil
						}, memo.TTL(time.Hour), memo.Stale(time.Hour))
					}()
					<-loaded
					synctest.Wait() // its lease is confirmed
					f.db.write("k")
					must(t, writer.Expire(context.Background(), "k"))
					close(release)
					<-done
					synctest.Wait()
					for range 2 { // the first finds it old, and the second what became of that
						for _, c := range []*memo.Cache{loader, writer, third} {
							f.db.do(t, c.With(context.Background()), "k", memo.TTL(time.Hour), memo.Stale(time.Hour))
						}
						time.Sleep(time.Second)
					}
					for name, c := range map[string]*memo.Cache{"who loaded it": loader, "who expired it": writer, "the shared tier": third} {
						if v := f.db.do(t, c.With(context.Background()), "k"); v != 1 {
							t.Errorf("%s keeps version %d, want 1", name, v)
						}
					}
				})
			})
		}
	}
}

// As TestG06_KeysMadeOfEachOther: the whole that is made of an old part between the
// two roundings up is old as well.
func TestG06_ExpiredKeysThatAreMadeOfEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, store := f.process(t, slowPoll)
		reader, _ := f.process(t, slowPoll)
		third, _ := f.process(t, slowPoll)
		window := memo.Stale(time.Minute)
		whole := func(c *memo.Cache) int {
			v, err := memo.Do(c.With(context.Background()), "whole", func(ctx context.Context) (int, error) {
				return memo.Do(ctx, "part", func(context.Context) (int, error) { return f.db.read("part"), nil }, window)
			}, window)
			must(t, err)
			return v
		}
		f.db.do(t, reader.With(context.Background()), "part", window)
		f.db.write("part")
		defer store.Inject(tiertest.Fault{
			Ops: []tiertest.Op{tiertest.OpIncr}, Times: 1,
			Before: func(context.Context, tiertest.Op, []string) {
				synctest.Wait() // the first round, beside it, has ended
				whole(reader)
			},
		})()
		must(t, writer.Expire(context.Background(), "whole", "part"))
		whole(third) // old, and refreshed
		time.Sleep(time.Second)
		if v := whole(third); v != 1 {
			t.Errorf("the shared tier holds as fresh a whole made of version %d of part, want 1", v)
		}
	})
}

func TestThousandKeysAreExpiredInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, store := f.process(t)
		third, _ := f.process(t)
		keys := make([]string, 1000)
		for i := range keys {
			keys[i] = fmt.Sprint("k", i)
			f.db.do(t, here.With(context.Background()), keys[i], memo.Stale(time.Minute))
		}
		defer store.Inject(tiertest.Fault{Delay: 3 * time.Millisecond})()
		begin := time.Now()
		must(t, here.Expire(context.Background(), keys...))
		if took := time.Since(begin); took > 500*time.Millisecond {
			t.Errorf("it took %v, more than a WriteTimeout", took)
		}
		if n := strings.Count(strings.Join(f.memory().Keys(), " "), ":v:"); n != len(keys) {
			t.Errorf("the shared tier keeps %d of 1000 old values", n)
		}
		for _, key := range keys {
			if _, err := memo.Get[int](third.With(context.Background()), key); !errors.Is(err, memo.ErrMiss) {
				t.Fatalf("the shared tier has a fresh value of %s: %v", key, err)
			}
		}
	})
}

func TestExpireIsTriedAgainWhereAnotherProcessWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, store := f.process(t)
		there, _ := f.process(t)
		third, _ := f.process(t)
		f.db.do(t, here.With(context.Background()), "k", memo.Stale(time.Minute))
		// 1. Expire has read the item
		// 2. another process stores one
		// 3. Expire makes the one old that is there now
		defer store.Inject(tiertest.Fault{
			Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: ":v:k", Times: 1,
			Before: func(context.Context, tiertest.Op, []string) {
				must(t, memo.Set(there.With(context.Background()), "k", 7, memo.Stale(time.Minute)))
			},
		})()
		must(t, here.Expire(context.Background(), "k"))
		if v, err := memo.Get[int](third.With(context.Background()), "k"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("Get: %d, %v; the newer value is still fresh", v, err)
		}
		if v := f.db.do(t, third.With(context.Background()), "k", memo.Stale(time.Minute)); v != 7 {
			t.Errorf("a read got %d, want the newer value, old as it is", v)
		}
	})
}

func TestG07_ExpireWhileTheSharedTierIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, store := f.process(t)
		there, _ := f.process(t)
		a, b, window := here.With(context.Background()), there.With(context.Background()), memo.Stale(time.Hour)
		f.db.do(t, a, "k", window)
		f.db.do(t, b, "k", window)
		f.db.write("k")
		remove := store.Inject(tiertest.Fault{Err: errDown})
		if err := here.Expire(context.Background(), "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Fatalf("%v, want ErrDeferred", err)
		}
		if v := f.db.do(t, a, "k", window); v != 0 {
			t.Errorf("version %d, want the old one at once", v)
		}
		synctest.Wait()
		if v := f.db.do(t, a, "k", window); v != 1 {
			t.Errorf("version %d after the refresh, want 1", v)
		}
		time.Sleep(400 * time.Millisecond)
		if v := f.db.do(t, b, "k", window); v != 0 || there.Snapshot().Total.Stale > 0 {
			t.Errorf("the other process has version %d before it can have heard", v)
		}
		remove()
		time.Sleep(2 * time.Second)
		f.db.do(t, b, "k", window)
		synctest.Wait()
		if v := f.db.do(t, b, "k", window); v != 1 || there.Snapshot().Total.Invalidations.Peer != 1 {
			t.Errorf("the other process has version %d after the delivery, want 1", v)
		}
	})
}

// What is refused once is refused again: it is not tried until the time is up, but
// becomes an invalidation that waits. Meanwhile nobody here uses what could not be
// made old.
func TestG07_RefusedExpireWaitsAndReadsPassTheSharedTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t)
		ctx := c.With(context.Background())
		f.db.do(t, ctx, "k")
		f.db.write("k")
		store.Inject(tiertest.Fault{
			Ops:   []tiertest.Op{tiertest.OpCompareAndSwap, tiertest.OpCompareAndDelete},
			Match: ":v:k", Err: tier.ErrRefused, Times: 10,
		})
		before := store.Calls(tiertest.OpCompareAndDelete)
		if err := c.Expire(context.Background(), "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Fatalf("%v, want ErrDeferred", err)
		}
		if n := store.Calls(tiertest.OpCompareAndDelete) - before; n != 1 {
			t.Errorf("tried %d times", n)
		}
		if v := f.db.do(t, ctx, "k"); v != 1 {
			t.Errorf("version %d after the Expire, want 1", v)
		}
	})
}

// gate lets a reader, which has got an entry, and an Expire, which is about to make it
// old, go on at the same time.
type gate struct {
	tier.Local
	armed          atomic.Bool
	inside, opened chan struct{}
}

func (g *gate) Get(key string) *tier.Entry {
	e := g.Local.Get(key)
	if g.armed.Load() {
		close(g.inside)
		<-g.opened
	}
	return e
}

func (g *gate) Peek(key string) *tier.Entry {
	e := g.Local.Peek(key)
	if g.armed.Swap(false) {
		close(g.opened)
	}
	return e
}

// For the race detector: the reader notes on the entry that it was compared with what
// was invalidated.
func TestExpireBesideAReader(t *testing.T) {
	t.Parallel()
	g := &gate{Local: lru.New(8), inside: make(chan struct{}), opened: make(chan struct{})}
	c, db := newCache(t, memo.Config{Local: g}), newDatabase()
	ctx := c.With(context.Background())
	db.do(t, ctx, "k", memo.Stale(time.Minute))
	must(t, c.InvalidateTags(ctx, "others"))
	g.armed.Store(true)
	read := later(t, func() (int, error) { return memo.Do(ctx, "k", loadNumber, memo.Stale(time.Minute)) })
	<-g.inside
	must(t, c.Expire(ctx, "k"))
	if v := read(); v != 0 {
		t.Errorf("the reader got %d, want what it had found", v)
	}
}

// Of a process whose clock is a minute ahead: by it the value has ended already, and by
// that of the others it is fresh for long.
func TestExpireByAClockThatIsFarAhead(t *testing.T) {
	t.Parallel()
	window := []memo.Option{memo.TTL(50 * time.Second), memo.Stale(time.Hour)}
	var softened wire.Value
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		ahead, _ := f.process(t)
		f.db.do(t, ahead.With(context.Background()), "k", window...)
		time.Sleep(time.Minute)
		must(t, ahead.Expire(context.Background(), "k"))
		must(t, wire.ParseValue(f.item(t, "t:v:k").Value, &softened))
	})
	synctest.Test(t, func(t *testing.T) { // all begins again, at the same time
		f := newFleet()
		loader, _ := f.process(t)
		f.db.do(t, loader.With(context.Background()), "k", window...)
		at := f.item(t, "t:v:k")
		data := revalue(t, at.Value, func(v *wire.Value) { v.Created, v.Fresh = softened.Created, softened.Fresh })
		must(t, f.store.Nodes()[0].CompareAndSwap(context.Background(), "t:v:k", at.CAS, data, time.Hour))
		f.db.write("k")
		time.Sleep(6 * time.Second)
		reader, _ := f.process(t)
		for _, want := range []int{0, 1} {
			if v := f.db.do(t, reader.With(context.Background()), "k", window...); v != want {
				t.Errorf("version %d, want %d: the old one once, while it is refreshed", v, want)
			}
			synctest.Wait()
		}
	})
}
