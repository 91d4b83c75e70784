package memo_test

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// What a later release has stored, in an envelope of a version that this one does not
// know, is left alone and not used. This release has to keep that, for later ones rely on
// it; prove/cmd/operate tries it with processes.

// laterVersion is data as a later release would have written it.
func laterVersion(data []byte) []byte {
	data = bytes.Clone(data)
	data[1]++
	return data
}

// plant puts data under key at the fleet's nth Node, whatever is there.
func (f *fleet) plant(t *testing.T, nth int, key string, data []byte) {
	t.Helper()
	ctx, n := context.Background(), f.store.Nodes()[nth]
	must(t, n.Delete(ctx, key))
	must(t, n.Add(ctx, key, data, time.Hour))
}

func TestValueOrLeaseOfALaterReleaseIsLeftAlone(t *testing.T) {
	for name, planted := range map[string][]byte{
		"a value": wire.AppendValue(nil, &wire.Value{Key: "k", Codec: "json", Payload: []byte("7")}),
		"a lease": wire.AppendLease(nil, wire.Lease{Stamp: 7}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				one, _ := f.process(t)
				ctx := one.With(context.Background())
				f.db.write("k")
				f.plant(t, 0, "t:v:k", laterVersion(planted))
				begin := time.Now()
				for range 3 {
					if v := f.db.do(t, ctx, "k"); v != 1 {
						t.Fatalf("version %d is read", v)
					}
				}
				if n := f.db.queries("k"); n != 1 || time.Since(begin) > 0 {
					t.Errorf("%d loads in %v, want one at once, which L2 keeps", n, time.Since(begin))
				}
				if !bytes.Equal(f.item(t, "t:v:k").Value, laterVersion(planted)) {
					t.Error("it was written over: two releases would do that in turn")
				}
			})
		})
	}
}

// To write is another thing than to read: what was written counts, whoever stored what
// is there.
func TestWriteEndsAValueOfALaterRelease(t *testing.T) {
	for name, write := range map[string]func(ctx context.Context) error{
		"Invalidate": func(ctx context.Context) error { return memo.Invalidate(ctx, "k") },
		"Expire":     func(ctx context.Context) error { return memo.Expire(ctx, "k") },
		"Set":        func(ctx context.Context) error { return memo.Set(ctx, "k", 2) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				one, _ := f.process(t)
				value := laterVersion(wire.AppendValue(nil, &wire.Value{Key: "k", Codec: "json", Payload: []byte("1")}))
				f.plant(t, 0, "t:v:k", value)
				must(t, write(one.With(context.Background())))
				if bytes.Equal(f.item(t, "t:v:k").Value, value) {
					t.Error("it is still there, and its readers read what was before the write")
				}
			})
		})
	}
}

func TestRecordOfALaterReleaseMayBeAboutAnything(t *testing.T) {
	for name, planted := range map[string]func(n uint64) []byte{
		"a later version": func(n uint64) []byte {
			return laterVersion(wire.AppendRecord(nil, &wire.Record{Seq: n, About: wire.Keys, Names: []string{"k"}}))
		},
		"an unknown subject": func(n uint64) []byte {
			return wire.AppendRecord(nil, &wire.Record{Seq: n, About: wire.Members + 1, Names: []string{"k"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				one, _ := f.process(t)
				ctx := one.With(context.Background())
				time.Sleep(2 * time.Second) // a process forgets in the end what it kept in its first second
				for _, key := range []string{"k", "other"} {
					f.db.do(t, ctx, key)
					f.db.write(key)
					must(t, f.store.Nodes()[0].Delete(context.Background(), "t:v:"+key)) // as the other process has
				}
				n, err := f.store.Nodes()[0].Incr(context.Background(), "t:seq", 1)
				must(t, err)
				f.plant(t, 0, "t:g:"+strconv.FormatUint(n, 36), planted(n))
				time.Sleep(aPoll)
				for _, key := range []string{"k", "other"} {
					if v := f.db.do(t, ctx, key); v != 1 {
						t.Errorf("version %d of %s is read after a record that may be about it", v, key)
					}
				}
				if s := one.Snapshot().Nodes[0]; s.Purges != 1 || !s.Up {
					t.Errorf("%d purges, up %t, want 1, true", s.Purges, s.Up)
				}
			})
		})
	}
}

// Who cannot read who is in use reads from no Node, and tells all that he has.
func TestRosterOfALaterReleaseIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		one, _ := f.listed(t, abc...)
		ctx := one.With(context.Background())
		key := f.keyOn(t, ctx, "b", 0)
		said := make([][]byte, len(abc))
		for i, n := range f.store.Nodes() {
			items := make([]tier.Item, 1)
			must(t, n.GetMulti(ctx, []string{"t:roster"}, items))
			said[i] = laterVersion(items[0].Value)
			f.plant(t, i, "t:roster", said[i])
		}
		two, _ := f.listed(t, abc...) // which begins with that
		value := f.value(t, "b", key)
		for _, c := range []*memo.Cache{one, two} {
			time.Sleep(10 * time.Second) // one has heard of it
			must(t, f.store.Nodes()[1].Delete(ctx, "t:v:"+key))
			f.plant(t, 1, "t:v:"+key, value)
			for i := range 2 {
				want := f.db.write(key)
				if err := memo.Invalidate(c.With(context.Background()), key); !errors.Is(err, memo.ErrDeferred) {
					t.Errorf("Invalidate, where nobody knows who reads the key: %v", err)
				}
				if i == 0 && f.held("b", []string{key}) != 0 {
					t.Error("the Node was not told, and those who read there go on with it")
				}
				before := f.db.queries(key)
				for range 3 {
					if v := f.db.do(t, c.With(context.Background()), key); v != want {
						t.Errorf("version %d is read, want %d", v, want)
					}
				}
				if n := f.db.queries(key) - before; n != 1 {
					t.Errorf("%d loads, want one for L2", n)
				}
			}
			if f.held("b", []string{key}) != 0 {
				t.Error("a value is stored on a Node of which nobody knows who is told")
			}
			for _, n := range c.Snapshot().Nodes {
				if !n.Up || n.Errors > 0 {
					t.Errorf("%s: up %t, %d errors", n.Name, n.Up, n.Errors)
				}
			}
		}
		for i, n := range f.store.Nodes() {
			items := make([]tier.Item, 1)
			must(t, n.GetMulti(ctx, []string{"t:roster"}, items))
			if !bytes.Equal(items[0].Value, said[i]) {
				t.Errorf("%s: the roster was written over", abc[i])
			}
		}
		records := 0
		for _, name := range f.memory().Only("b").Keys() {
			if strings.HasPrefix(name, "t:g:") {
				records++
			}
		}
		if records < 4 {
			t.Errorf("b has %d records, of four invalidations", records)
		}
		// The other release has gone, and its servers were flushed: all is as it was.
		f.memory().Flush()
		time.Sleep(agreed)
		f.db.do(t, ctx, key)
		if f.held("b", []string{key}) != 1 {
			t.Error("the Nodes are not used again")
		}
	})
}

// value is what node holds under key.
func (f *fleet) value(t *testing.T, node, key string) []byte {
	t.Helper()
	items := make([]tier.Item, 1)
	must(t, f.memory().Only(node).Nodes()[0].GetMulti(context.Background(), []string{"t:v:" + key}, items))
	return bytes.Clone(items[0].Value)
}
