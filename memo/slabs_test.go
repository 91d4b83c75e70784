package memo_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// borrower is a Shared whose Nodes put what they read where the engine wants it.
type borrower struct {
	tier.Shared
	rooms *[][]byte
}

func (b borrower) Nodes() []tier.Node {
	var nodes []tier.Node
	for _, n := range b.Shared.Nodes() {
		nodes = append(nodes, borrowing{n, b.rooms})
	}
	return nodes
}

type borrowing struct {
	tier.Node
	rooms *[][]byte
}

func (b borrowing) GetMulti(ctx context.Context, keys []string, items []tier.Item) error {
	err := b.Node.GetMulti(ctx, keys, items)
	if lender, ok := ctx.(interface{ Room(least int) []byte }); ok {
		for i := range items {
			if room := lender.Room(len(items[i].Value)); room != nil && items[i].Found() {
				*b.rooms = append(*b.rooms, room)
				items[i].Value = room[:copy(room, items[i].Value)]
			}
		}
	}
	return err
}

// What a batch has read is somebody else's as soon as it was judged: nothing of it is in
// the values, in the tiers, or in the loads of what was not there.
func TestBatchKeepsNothingOfWhatItLooksAt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		var rooms [][]byte
		there, _ := f.process(t)
		here, _ := f.process(t, func(cfg *memo.Config) { cfg.Shared = borrower{cfg.Shared, &rooms} })
		between()
		keys := keysOf("text", 20)
		text := func(_ context.Context, missing []string) (map[string][]byte, error) {
			found := map[string][]byte{}
			for _, key := range missing {
				found[key] = fmt.Append(nil, "the text of ", key)
			}
			for _, room := range rooms { // all of it was judged
				clear(room)
			}
			return found, nil
		}
		opts := []memo.Option{memo.TTL(time.Minute), memo.Tags("texts")}
		_, err := memo.DoMany(there.With(context.Background()), keys[:10], text, opts...)
		must(t, err)
		for round := range 2 {
			got, err := memo.DoMany(here.With(context.Background()), keys, text, opts...)
			must(t, err)
			for _, room := range rooms {
				clear(room)
			}
			for _, key := range keys {
				if string(got[key]) != "the text of "+key {
					t.Errorf("round %d: %s is %q", round, key, got[key])
				}
			}
		}
		if len(rooms) == 0 {
			t.Error("nothing was lent")
		}
	})
}

// wiping is a Local that is asked when a batch has judged what it has looked at, and before
// the loads of the others.
type wiping struct {
	tier.Local
	rooms *[][]byte
}

func (w wiping) Get(key string) *tier.Entry {
	for _, room := range *w.rooms {
		clear(room)
	}
	return w.Local.Get(key)
}

// A value that may not be used is there for its load all the same.
func TestBatchKeepsWhatItsLoadsJudgeAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		var rooms [][]byte
		there, _ := f.process(t)
		here, _ := f.process(t, func(cfg *memo.Config) {
			cfg.Shared, cfg.Local = borrower{cfg.Shared, &rooms}, wiping{lru.New(100), &rooms}
		})
		between()
		keys := keysOf("text", 20)
		loads := 0
		load := func(_ context.Context, missing []string) (map[string]int, error) {
			found := map[string]int{}
			for _, key := range missing {
				found[key] = 1
			}
			loads += len(missing)
			return found, nil
		}
		opts := []memo.Option{memo.TTL(time.Minute), memo.Stale(time.Hour)}
		_, err := memo.DoMany(there.With(context.Background()), keys, load, opts...)
		must(t, err)
		time.Sleep(2 * time.Minute)
		got, err := memo.DoMany(here.With(context.Background()), keys, load, opts...)
		must(t, err)
		if len(got) != len(keys) || here.Snapshot().Total.Stale != uint64(len(keys)) {
			t.Errorf("%d values, and %d of them old; want 20", len(got), here.Snapshot().Total.Stale)
		}
	})
}

// hoard keeps what it is decoded from, which package encoding forbids. Where each value is
// read into memory of its own nobody notices.
type hoard struct{ text []byte }

func (h hoard) MarshalBinary() ([]byte, error)     { return h.text, nil }
func (h *hoard) UnmarshalBinary(data []byte) error { h.text = data; return nil }

// word does the same, as a part of a value, with what is forbidden by package json.
type word []byte

func (w word) MarshalJSON() ([]byte, error)     { return w, nil }
func (w *word) UnmarshalJSON(data []byte) error { *w = data; return nil }

func TestValueThatKeepsWhatItIsDecodedFromKeepsItsOwn(t *testing.T) {
	t.Parallel()
	keepsItsOwn(t, func(key string) hoard { return hoard{[]byte(key)} })
	keepsItsOwn(t, func(key string) map[string][]*struct{ Word word } {
		return map[string][]*struct{ Word word }{"words": {{word(`"` + key + `"`)}}}
	})
}

func keepsItsOwn[V any](t *testing.T, valueOf func(key string) V) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		var rooms [][]byte
		there, _ := f.process(t)
		here, _ := f.process(t, func(cfg *memo.Config) { cfg.Shared = borrower{cfg.Shared, &rooms} })
		between()
		keys := keysOf("text", 20)
		load := func(_ context.Context, missing []string) (map[string]V, error) {
			found := map[string]V{}
			for _, key := range missing {
				found[key] = valueOf(key)
			}
			return found, nil
		}
		_, err := memo.DoMany(there.With(context.Background()), keys, load)
		must(t, err)
		got, err := memo.DoMany(here.With(context.Background()), keys, load)
		must(t, err)
		for _, room := range rooms {
			clear(room)
		}
		for _, key := range keys {
			if want := valueOf(key); !reflect.DeepEqual(got[key], want) {
				t.Errorf("%s is %v, want %v", key, got[key], want)
			}
		}
		if len(rooms) == 0 || here.Snapshot().Total.L3 != 20 {
			t.Error("nothing was lent, or read")
		}
	})
}
