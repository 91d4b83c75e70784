package tiertest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// node_test.go is what one Node of a Memory answers, without the passing of
// time.

func memory() tier.Node { return tiertest.NewMemory().Nodes()[0] }

func TestNodeAnswers(t *testing.T) {
	t.Parallel()
	// Each rule is run on a Node that has the item "k" with the value "5". An
	// empty after says that "k" is gone.
	for name, rule := range map[string]struct {
		run   func(ctx context.Context, n tier.Node, cas uint64) error
		want  error
		after string
	}{
		"Add of a present key": {
			func(ctx context.Context, n tier.Node, cas uint64) error {
				return n.Add(ctx, "k", []byte("new"), time.Minute)
			}, tier.ErrExists, "5"},
		"CompareAndSwap of the version": {
			func(ctx context.Context, n tier.Node, cas uint64) error {
				return n.CompareAndSwap(ctx, "k", cas, []byte("new"), time.Minute)
			}, nil, "new"},
		"CompareAndSwap of another version": {
			func(ctx context.Context, n tier.Node, cas uint64) error {
				return n.CompareAndSwap(ctx, "k", cas+1, []byte("new"), time.Minute)
			}, tier.ErrConflict, "5"},
		"CompareAndSwap of the absent version": {
			func(ctx context.Context, n tier.Node, cas uint64) error {
				return n.CompareAndSwap(ctx, "k", 0, []byte("new"), time.Minute)
			}, tier.ErrConflict, "5"},
		"CompareAndSwap of an absent key": {
			func(ctx context.Context, n tier.Node, cas uint64) error {
				return n.CompareAndSwap(ctx, "none", cas, []byte("new"), time.Minute)
			}, tier.ErrNotFound, "5"},
		"CompareAndDelete of the version": {
			func(ctx context.Context, n tier.Node, cas uint64) error {
				return n.CompareAndDelete(ctx, "k", cas)
			}, nil, ""},
		"CompareAndDelete of another version": {
			func(ctx context.Context, n tier.Node, cas uint64) error {
				return n.CompareAndDelete(ctx, "k", cas+1)
			}, tier.ErrConflict, "5"},
		"CompareAndDelete of an absent key": {
			func(ctx context.Context, n tier.Node, cas uint64) error {
				return n.CompareAndDelete(ctx, "none", cas)
			}, tier.ErrNotFound, "5"},
		"Incr of an absent key": {
			func(ctx context.Context, n tier.Node, cas uint64) error {
				_, err := n.Incr(ctx, "none", 1)
				return err
			}, tier.ErrNotFound, "5"},
		"Touch of an absent key": {
			func(ctx context.Context, n tier.Node, cas uint64) error {
				return n.Touch(ctx, "none", time.Minute)
			}, tier.ErrNotFound, "5"},
		"Delete": {
			func(ctx context.Context, n tier.Node, cas uint64) error { return n.Delete(ctx, "none", "k") }, nil, ""},
		"Delete of an absent key": {
			func(ctx context.Context, n tier.Node, cas uint64) error { return n.Delete(ctx, "none") }, nil, "5"},
		"Delete of nothing": {
			func(ctx context.Context, n tier.Node, cas uint64) error { return n.Delete(ctx) }, nil, "5"},
		"Ping": {
			func(ctx context.Context, n tier.Node, cas uint64) error { return n.Ping(ctx) }, nil, "5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := memory()
			before := add(t, n, "k", "5", time.Minute)
			if err := rule.run(t.Context(), n, before.CAS); !errors.Is(err, rule.want) {
				t.Fatalf("got %v, want %v", err, rule.want)
			}
			after := get(t, n, "k")
			if string(after.Value) != rule.after || after.Found() != (rule.after != "") {
				t.Errorf("the item became %q, want %q", after.Value, rule.after)
			}
			if changed := after.CAS != before.CAS; changed != (rule.after != "5") {
				t.Errorf("CAS went from %d to %d, value from 5 to %s", before.CAS, after.CAS, after.Value)
			}
			if none := get(t, n, "none"); none.Found() || none.Value != nil {
				t.Errorf("an absent key is %v", none)
			}
		})
	}
}

func TestNodeRefusesKeys(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{
		"empty": "", "251 bytes": strings.Repeat("k", 251),
		"space": "a b", "newline": "a\n", "NUL": "\x00a", "DEL": "a\x7f",
	} {
		for method, call := range methods {
			t.Run(method+"/"+name, func(t *testing.T) {
				t.Parallel()
				n := memory()
				add(t, n, "other", "1", time.Minute)
				if err := call(t.Context(), n, key); !errors.Is(err, tier.ErrRefused) {
					t.Errorf("got %v, want %v", err, tier.ErrRefused)
				}
				if !get(t, n, "other").Found() {
					t.Error("a part of the refused call was done")
				}
			})
		}
	}
	for _, key := range []string{"!", "~", "\x80", "né", strings.Repeat("k", 250)} {
		if got := add(t, memory(), key, "v", time.Minute); string(got.Value) != "v" {
			t.Errorf("key %q holds %q", key, got.Value)
		}
	}
}

func TestNodeRefusesLargeValues(t *testing.T) {
	t.Parallel()
	const most = 1<<20 - 512
	ctx, n := t.Context(), memory()
	fits, larger := make([]byte, most), make([]byte, most+1)

	ok(t, n.Add(ctx, "k", fits, time.Minute))
	item := get(t, n, "k")
	for name, err := range map[string]error{
		"Add":                         n.Add(ctx, "none", larger, time.Minute),
		"Add of a present key":        n.Add(ctx, "k", larger, time.Minute),
		"CompareAndSwap":              n.CompareAndSwap(ctx, "k", item.CAS, larger, time.Minute),
		"CompareAndSwap of no item":   n.CompareAndSwap(ctx, "none", 1, larger, time.Minute),
		"CompareAndSwap of old items": n.CompareAndSwap(ctx, "k", item.CAS+1, larger, time.Minute),
	} {
		if !errors.Is(err, tier.ErrRefused) {
			t.Errorf("%s: got %v, want %v", name, err, tier.ErrRefused)
		}
	}
	if now := get(t, n, "k"); now.CAS != item.CAS {
		t.Error("a refused value touched the item")
	}
	if get(t, n, "none").Found() {
		t.Error("a refused value was stored")
	}
	ok(t, n.CompareAndSwap(ctx, "k", item.CAS, fits, time.Minute))
}

func TestNodeNeedsATTL(t *testing.T) {
	t.Parallel()
	for _, ttl := range []time.Duration{0, -1, -time.Hour} {
		ctx, n := t.Context(), memory()
		item := add(t, n, "k", "v", time.Minute)
		for name, err := range map[string]error{
			"Add":            n.Add(ctx, "none", nil, ttl),
			"CompareAndSwap": n.CompareAndSwap(ctx, "k", item.CAS, nil, ttl),
			"Touch":          n.Touch(ctx, "k", ttl),
		} {
			if tier.IsAnswer(err) {
				t.Errorf("%s with a ttl of %v: got %v, want an error that is no answer", name, ttl, err)
			}
		}
		if get(t, n, "none").Found() || get(t, n, "k").CAS != item.CAS {
			t.Errorf("a ttl of %v changed an item", ttl)
		}
	}
}

func TestNodeDoesNothingOnceCtxHasEnded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range methods {
		n := memory()
		before := add(t, n, "k", "1", time.Minute)
		err := call(ctx, n, "k")
		if tier.IsAnswer(err) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want an error that is no answer and wraps %v", name, err, context.Canceled)
		}
		if after := get(t, n, "k"); after.CAS != before.CAS {
			t.Errorf("%s was applied", name)
		}
	}
	if err := memory().Ping(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Ping: got %v, want %v", err, context.Canceled)
	}
}

func TestGetMultiFillsEveryItem(t *testing.T) {
	t.Parallel()
	ctx, n := t.Context(), memory()
	a, b := add(t, n, "a", "1", time.Minute), add(t, n, "b", "2", time.Minute)

	junk := tier.Item{Value: []byte("junk"), CAS: 99}
	items := []tier.Item{junk, junk, junk, junk}
	ok(t, n.GetMulti(ctx, []string{"b", "none", "a", "b"}, items))
	if string(items[0].Value) != "2" || items[0].CAS != b.CAS || string(items[2].Value) != "1" || items[2].CAS != a.CAS ||
		string(items[3].Value) != "2" {
		t.Errorf("got %v", items)
	}
	if items[1].Found() || items[1].Value != nil {
		t.Errorf("an absent key left %v", items[1])
	}
	if err := n.GetMulti(ctx, []string{"a", "b"}, items); tier.IsAnswer(err) {
		t.Errorf("4 items for 2 keys: got %v, want an error", err)
	}
	ok(t, n.GetMulti(ctx, nil, nil))
}

func TestValuesAreCopiedInAndOut(t *testing.T) {
	t.Parallel()
	ctx, n := t.Context(), memory()
	in := []byte("added")
	ok(t, n.Add(ctx, "k", in, time.Minute))
	in[0] = 'X'
	out := get(t, n, "k")
	out.Value[1] = 'X'
	if got := get(t, n, "k"); string(got.Value) != "added" {
		t.Errorf("a slice of the caller changed the item to %q", got.Value)
	}

	in = []byte("swapped")
	ok(t, n.CompareAndSwap(ctx, "k", out.CAS, in, time.Minute))
	in[0] = 'X'
	if got := get(t, n, "k"); string(got.Value) != "swapped" {
		t.Errorf("a slice of the caller changed the item to %q", got.Value)
	}
}

func TestAnEmptyValueIsAnItem(t *testing.T) {
	t.Parallel()
	for name, value := range map[string][]byte{"nil": nil, "empty": {}} {
		n := memory()
		ok(t, n.Add(t.Context(), "k", value, time.Minute))
		if got := get(t, n, "k"); !got.Found() || got.Value == nil || len(got.Value) != 0 {
			t.Errorf("%s: got %#v", name, got)
		}
	}
}

func TestIncrIsOnDecimalNumbers(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"0": "10", "95": "105", "007": "17",
		"18446744073709551605": "18446744073709551615",
		"18446744073709551606": "0", // wraps around
		"":                     "", "x": "", "1x": "", "-1": "", "1.0": "", "0x1": "", "18446744073709551616": "",
	} {
		ctx, n := t.Context(), memory()
		before := add(t, n, "k", value, time.Minute)
		sum, err := n.Incr(ctx, "k", 10)
		after := get(t, n, "k")
		if want == "" {
			if tier.IsAnswer(err) || sum != 0 || string(after.Value) != value || after.CAS != before.CAS {
				t.Errorf("%q + 10: got %d and %v, and the item is %q", value, sum, err, after.Value)
			}
			continue
		}
		ok(t, err)
		if string(after.Value) != want || after.CAS <= before.CAS {
			t.Errorf("%q + 10: the item is %q, CAS from %d to %d", value, after.Value, before.CAS, after.CAS)
		}
	}
}
