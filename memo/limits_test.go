package memo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What is kept is bounded and ends with its request (G11), and what is not this
// reader's value is never taken for it (G12). That requests of a real server are
// freed is in adapters/nethttp.

func TestG11_RequestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const most, asked = 10, 100
	c, db := newCache(t, memo.Config{Local: nothing{}, MaxRequestEntries: most}), newDatabase()
	ctx, end := c.Begin(context.Background())
	defer end()
	total := 0
	for range 2 {
		for i := range asked {
			key := memo.Key("k", i)
			v, err := memo.Do(ctx, key, func(context.Context) (int, error) { db.read(key); return i, nil })
			if v != i || err != nil {
				t.Fatalf("key %d: %d, %v", i, v, err)
			}
		}
	}
	for i := range asked {
		total += db.queries(memo.Key("k", i))
	}
	if want := most + 2*(asked-most); total != want {
		t.Errorf("%d queries for %d keys read twice, want %d: the request keeps %d", total, asked, want, most)
	}
	must(t, memo.Invalidate(ctx, memo.Key("k", 0)))
	db.do(t, ctx, "late")
	db.do(t, ctx, "late")
	if n := db.queries("late"); n != 1 {
		t.Errorf("%d queries for a key that came when there was room again, want 1", n)
	}
}

func TestG11_ProcessTierIsBounded(t *testing.T) {
	t.Parallel()
	const size, asked = 100, 1000
	c, db := newCache(t, memo.Config{Local: lru.New(size)}), newDatabase()
	ctx := c.With(context.Background())
	for i := range asked {
		db.do(t, ctx, memo.Key("k", i))
	}
	s := c.Snapshot()
	if s.Local.Entries != size || s.Local.Capacity != size || s.Total.Evictions != asked-size {
		t.Errorf("after %d keys: %+v with %d evictions, want %d entries and %d evictions", asked, s.Local, s.Total.Evictions, size, asked-size)
	}
}

// page is a value that is large enough to be missed.
type page [4096]byte

// freed fails unless the collector frees what p points to.
func freed[T any](tb testing.TB, what string, p weak.Pointer[T]) {
	tb.Helper()
	for range 50 {
		if runtime.GC(); p.Value() == nil {
			return
		}
		runtime.Gosched()
	}
	tb.Errorf("%s is not freed", what)
}

func TestG11_RequestsValuesAreFreedAtItsEnd(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{Local: nothing{}})
	ctx, end := c.Begin(context.Background())
	p, err := memo.Do(ctx, "page", func(context.Context) (*page, error) { return new(page), nil })
	must(t, err)
	value := weak.Make(p)
	if p = nil; value.Value() == nil {
		t.Fatal("a request that is open has lost its value")
	}
	end()
	freed(t, "the value of a request that has ended, whose ctx somebody holds,", value)
	runtime.KeepAlive(ctx)
}

// 1. a goroutine of the request begins a load
// 2. the request ends
// 3. the load ends, and the goroutine goes on with its ctx
func TestG11_GoroutineThatOutlivesItsRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		other, _ := f.process(t, slowPoll)
		f.db.do(t, other.With(context.Background()), "in the shared tier")
		c, _ := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.Local = lru.New(100) })
		ctx, end := c.Begin(context.Background())
		f.db.do(t, ctx, "in both")
		loading, release := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			v, err := memo.Do(ctx, "running", func(context.Context) (int, error) {
				close(loading)
				<-release
				return 7, nil
			})
			if v != 7 || err != nil {
				t.Errorf("the goroutine that was left got %d, %v", v, err)
			}
		})
		<-loading
		end()
		close(release)
		wg.Wait()
		before := c.Snapshot().Total
		for range 2 {
			f.db.do(t, ctx, "in both")
			f.db.do(t, ctx, "running")
			f.db.do(t, ctx, "in the shared tier")
		}
		after := c.Snapshot().Total
		if l1, l2, l3 := after.L1-before.L1, after.L2-before.L2, after.L3-before.L3; l1 != 0 || l2 != 5 || l3 != 1 {
			t.Errorf("after its request's end a goroutine had %d hits in L1, %d in L2 and %d in L3, want 0, 5 and 1", l1, l2, l3)
		}
		must(t, memo.Set(ctx, "in both", 9))
		must(t, memo.Invalidate(ctx, "running"))
		must(t, memo.InvalidateAll(ctx))
	})
}

// In each turn the request before last is still loading, and the last one's ctx
// is still used: neither may be seen by the present one.
func TestG11_RequestsNeverShareMemory(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{Local: nothing{}})
	read := func(ctx context.Context, user int) int {
		v, err := memo.Do(ctx, "me", func(context.Context) (int, error) { return user, nil })
		must(t, err)
		return v
	}
	late := func() {}
	old := context.Background()
	for user := range 10_000 {
		ctx, end := c.Begin(context.Background())
		late()
		read(old, -1)
		if got := read(ctx, user); got != user {
			t.Fatalf("request %d sees the value of request %d", user, got)
		}
		end()
		if got := read(ctx, -user-1); got != -user-1 {
			t.Fatalf("request %d sees %d after its end", user, got)
		}

		left, endLeft := c.Begin(context.Background())
		loading, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_, _ = memo.Do(left, "me", func(context.Context) (int, error) {
				close(loading)
				<-release
				return -2, nil
			})
		}()
		<-loading
		endLeft()
		late = func() { close(release); <-done }
		old = ctx
	}
	late()
}

func TestG12_ValueOfAnotherType(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	request, end := c.Begin(context.Background())
	defer end()
	if _, err := memo.Do(request, "k", func(context.Context) (int, error) { return 7, nil }); err != nil {
		t.Fatal(err)
	}
	asString := func(ctx context.Context) (string, error) {
		return memo.Do(ctx, "k", func(context.Context) (string, error) { return "loaded", nil })
	}
	for _, reader := range []struct {
		where string
		read  func() (string, error)
	}{
		{"L1", func() (string, error) { return asString(request) }},
		{"L2", func() (string, error) { return asString(c.With(context.Background())) }},
		{"L1, by Get", func() (string, error) { return memo.Get[string](request, "k") }},
		{"L2, by Get", func() (string, error) { return memo.Get[string](c.With(context.Background()), "k") }},
	} {
		v, err := reader.read()
		var te *memo.TypeError
		if !errors.As(err, &te) || te.Have.String() != "int" || te.Want.String() != "string" || v != "" {
			t.Errorf("%s: %q, %v, want a *TypeError that has an int and wants a string", reader.where, v, err)
		}
	}
	if s := c.Snapshot().Total; s.Errors != 4 || s.Runs != 1 {
		t.Errorf("counted %d errors and %d runs, want 4 and 1", s.Errors, s.Runs)
	}
}

func TestG12_FlightOfAnotherType(t *testing.T) {
	t.Parallel()
	for _, oneRequest := range []bool{true, false} {
		t.Run(fmt.Sprintf("in one request %t", oneRequest), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, memo.Config{})
				ctx := c.With(context.Background())
				if oneRequest {
					var end func()
					ctx, end = c.Begin(ctx)
					defer end()
				}
				var wg sync.WaitGroup
				wg.Go(func() {
					v, err := memo.Do(ctx, "k", func(context.Context) (int, error) { time.Sleep(time.Second); return 7, nil })
					if v != 7 || err != nil {
						t.Errorf("who led got %d, %v", v, err)
					}
				})
				synctest.Wait()
				v, err := memo.Do(ctx, "k", func(context.Context) (*page, error) { return new(page), nil })
				if te := (*memo.TypeError)(nil); !errors.As(err, &te) || v != nil {
					t.Errorf("who joined got %v, %v, want a *TypeError", v, err)
				}
				wg.Wait()
			})
		})
	}
}

// Two releases of one program run side by side during a deployment.
func TestG12_AnotherReleasesValueIsLeftAlone(t *testing.T) {
	t.Parallel()
	type older struct{ Name string }
	type newer struct {
		Name string
		Age  int
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		one, _ := f.process(t)
		two, _ := f.process(t)
		name, runs := "Ada", 0
		readOlder := func(c *memo.Cache) older {
			v, err := memo.Do(c.With(context.Background()), "user", func(context.Context) (older, error) { runs++; return older{name}, nil })
			must(t, err)
			return v
		}
		readNewer := func(c *memo.Cache) newer {
			v, err := memo.Do(c.With(context.Background()), "user", func(context.Context) (newer, error) { runs++; return newer{name, 36}, nil })
			must(t, err)
			return v
		}
		if v := readOlder(one); v.Name != "Ada" {
			t.Fatal(v)
		}
		stored := f.item(t, "t:v:user")
		for range 2 {
			if v := readNewer(two); v != (newer{"Ada", 36}) {
				t.Fatalf("the newer release reads %+v", v)
			}
		}
		if runs != 2 {
			t.Errorf("%d loads, want one for each release, and then their L2", runs)
		}
		if now := f.item(t, "t:v:user"); now.CAS != stored.CAS || !bytes.Equal(now.Value, stored.Value) {
			t.Error("the newer release replaced the older one's value: the two would load in turn")
		}
		third, _ := f.process(t)
		if readOlder(third); runs != 2 {
			t.Error("the older release's value is not read any more")
		}
		name = "Grace"
		must(t, one.Invalidate(context.Background(), "user"))
		time.Sleep(150 * time.Millisecond)
		if o, n := readOlder(one), readNewer(two); o.Name != "Grace" || n.Name != "Grace" {
			t.Errorf("after one Invalidate the releases read %+v and %+v", o, n)
		}
	})
}

// item is what the fleet's store holds under a wire key.
func (f *fleet) item(tb testing.TB, key string) tier.Item {
	tb.Helper()
	items := make([]tier.Item, 1)
	must(tb, f.store.Nodes()[0].GetMulti(context.Background(), []string{key}, items))
	return items[0]
}

// revalue returns data, a stored value, changed by change.
func revalue(tb testing.TB, data []byte, change func(*wire.Value)) []byte {
	tb.Helper()
	var v wire.Value
	must(tb, wire.ParseValue(data, &v))
	change(&v)
	return wire.AppendValue(nil, &v)
}

func TestG12_WhatIsNoValueOfThisKeyIsAMiss(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		change    func(t *testing.T, f *fleet, data []byte) []byte
		leftAlone bool
	}{
		{"one bit of its payload is flipped", func(_ *testing.T, _ *fleet, data []byte) []byte { data[len(data)-5] ^= 1; return data }, false},
		{"one bit of its head is flipped", func(_ *testing.T, _ *fleet, data []byte) []byte { data[9] ^= 1; return data }, false},
		{"its end is missing", func(_ *testing.T, _ *fleet, data []byte) []byte { return data[:len(data)-3] }, false},
		{"nothing of it is left", func(*testing.T, *fleet, []byte) []byte { return []byte{} }, false},
		{"it is another program's", func(*testing.T, *fleet, []byte) []byte { return []byte(`{"id":7}`) }, false},
		{"it is a record of the log", func(*testing.T, *fleet, []byte) []byte {
			return wire.AppendRecord(nil, &wire.Record{Keys: []string{"k"}})
		}, false},
		{"it is the value of another key", func(t *testing.T, f *fleet, _ []byte) []byte { return f.item(t, "t:v:other").Value }, false},
		{"it is of another epoch", func(t *testing.T, _ *fleet, data []byte) []byte {
			return revalue(t, data, func(v *wire.Value) { v.Stamp ^= 1 << 32 })
		}, false},
		{"its time is over", func(t *testing.T, _ *fleet, data []byte) []byte {
			return revalue(t, data, func(v *wire.Value) { v.Fresh = time.Now().UnixMilli() })
		}, false},
		{"it does not decode", func(t *testing.T, _ *fleet, data []byte) []byte {
			return revalue(t, data, func(v *wire.Value) { v.Payload = []byte(`"seven"`) })
		}, false},
		{"it is of a later version", func(_ *testing.T, _ *fleet, data []byte) []byte { data[1]++; return data }, true},
		{"it has another codec's form", func(t *testing.T, _ *fleet, data []byte) []byte {
			return revalue(t, data, func(v *wire.Value) { v.Codec = "gob" })
		}, true},
		{"it has another type's shape", func(t *testing.T, _ *fleet, data []byte) []byte {
			return revalue(t, data, func(v *wire.Value) { v.Fingerprint++ })
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				writer, _ := f.process(t, slowPoll)
				reader, _ := f.process(t, slowPoll)
				next, _ := f.process(t, slowPoll)
				f.db.do(t, writer.With(context.Background()), "k")
				f.db.do(t, writer.With(context.Background()), "other")
				want := f.db.write("k")

				at := f.item(t, "t:v:k")
				changed := test.change(t, f, bytes.Clone(at.Value))
				must(t, f.store.Nodes()[0].CompareAndSwap(context.Background(), "t:v:k", at.CAS, changed, time.Hour))

				if v, err := memo.Get[int](reader.With(context.Background()), "k"); !errors.Is(err, memo.ErrMiss) {
					t.Errorf("Get: %d, %v, want ErrMiss", v, err)
				}
				for range 2 {
					if v := f.db.do(t, reader.With(context.Background()), "k"); v != want {
						t.Fatalf("a reader got version %d, want %d", v, want)
					}
				}
				loads := f.db.queries("k")
				if f.db.do(t, next.With(context.Background()), "k"); f.db.queries("k")-loads != btoi(test.leftAlone) || loads != 2 {
					t.Errorf("%d loads by the first reader and %d by the next, want 1 and %d", loads-1, f.db.queries("k")-loads, btoi(test.leftAlone))
				}
				if same := bytes.Equal(f.item(t, "t:v:k").Value, changed); same != test.leftAlone {
					t.Errorf("it stands there still: %t, want %t", same, test.leftAlone)
				}
			})
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Without the escape of ':' the prefixes "a" and "a:v" would meet: a:v: and v:k,
// a:v:v: and k.
func TestG12_PrefixesNeverMeet(t *testing.T) {
	t.Parallel()
	memory := tiertest.NewMemory()
	server := mcserver.ForTest(t)
	for _, test := range []struct {
		name   string
		shared func() (tier.Shared, error)
	}{
		{"memory", func() (tier.Shared, error) { return memory, nil }},
		{"memcached", func() (tier.Shared, error) { return memcached.New(server.Addr()) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			open := func(prefix string) context.Context {
				shared, err := test.shared()
				must(t, err)
				return newCache(t, memo.Config{Prefix: prefix, Shared: shared}).With(context.Background())
			}
			prefixes, keys := []string{"a", "a:v", "b"}, []string{"k", "v:k", "seq"}
			write := map[string]context.Context{}
			for _, p := range prefixes {
				write[p] = open(p)
				for _, key := range keys {
					v, err := memo.Do(write[p], key, func(context.Context) (string, error) { return p + " " + key, nil })
					if v != p+" "+key || err != nil {
						t.Errorf("prefix %q reads %q, %v under %q", p, v, err, key)
					}
				}
			}
			must(t, memo.InvalidateAll(write["a"]))
			for _, p := range prefixes {
				reader := open(p)
				for _, key := range keys {
					v, err := memo.Get[string](reader, key)
					if p == "a" && !errors.Is(err, memo.ErrMiss) || p != "a" && (err != nil || v != p+" "+key) {
						t.Errorf("after InvalidateAll of a, prefix %q reads %q, %v under %q", p, v, err, key)
					}
				}
			}
		})
	}
}
