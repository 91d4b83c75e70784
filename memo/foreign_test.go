package memo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What is not this reader's value is never taken for it: the tests of G12.

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
			return wire.AppendRecord(nil, &wire.Record{About: wire.Keys, Names: []string{"k"}})
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
		shared func() tier.Shared
	}{
		{"memory", func() tier.Shared { return memory }},
		{"memcached", func() tier.Shared { return dial(t, server) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			open := func(prefix string) context.Context {
				return newCache(t, patient(memo.Config{Prefix: prefix, Shared: test.shared()})).With(context.Background())
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
			read := func(when, emptied string) {
				for _, p := range prefixes {
					reader := open(p)
					for _, key := range keys {
						v, err := memo.Get[string](reader, key)
						if p == emptied && !errors.Is(err, memo.ErrMiss) || p != emptied && (err != nil || v != p+" "+key) {
							t.Errorf("%s, prefix %q reads %q, %v under %q", when, p, v, err, key)
						}
					}
				}
			}
			read("when all have written", "")
			must(t, memo.InvalidateAll(write["a"]))
			read("after InvalidateAll of a", "a")
		})
	}
}
