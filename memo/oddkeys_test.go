package memo_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Any bytes are a key, in every tier: what memcached would not take as it stands
// is escaped or hashed on the way there.

// oddKeys are not nice, and are keys.
func oddKeys() map[string]string {
	return map[string]string{
		"10 KB":           strings.Repeat("long:", 2<<10),
		"a NUL":           "a\x00b",
		"CRLF":            "a\r\nset x 0 0 1\r\n1\r\n",
		"a space":         "a b",
		"unicode":         "straße/東京/🍣",
		"invalid UTF-8":   "a\xff\xfeb",
		"a percent":       "a%20b",
		"a lone NUL":      "\x00",
		"of memo.Key":     memo.Key("a b", 7, "c:d", []byte{0}, true),
		"as the counter":  "seq",
		"250 bytes":       strings.Repeat("k", 250),
		"64 KB":           strings.Repeat("k", 64<<10),
		"200 odd bytes":   strings.Repeat("\x01", 200),
		"a long, 1 apart": strings.Repeat("long:", 2<<10) + "x",
	}
}

func TestOddKeysWorkInEveryTier(t *testing.T) {
	t.Parallel()
	memory, server := tiertest.NewMemory(), mcserver.ForTest(t)
	for name, shared := range map[string]func() tier.Shared{
		"memory":    func() tier.Shared { return memory },
		"memcached": func() tier.Shared { return dial(t, server) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := func() *memo.Cache { return newCache(t, patient(memo.Config{Prefix: "odd", Shared: shared()})) }
			a, b := open(), open()
			for name, key := range oddKeys() {
				t.Run(name, func(t *testing.T) { worksInEveryTier(t, a, b, key, name) })
			}
			c := open() // nothing of one key is under another
			for name, key := range oddKeys() {
				if v, err := memo.Get[string](c.With(context.Background()), key); v != "new "+name || err != nil {
					t.Errorf("%s: a third process reads %q, %v", name, v, err)
				}
			}
		})
	}
}

func worksInEveryTier(t *testing.T, a, b *memo.Cache, key, name string) {
	ctx, end := a.Begin(context.Background())
	defer end()
	load := func(context.Context) (string, error) { return name, nil }
	before := a.Snapshot().Total
	for _, ctx := range []context.Context{ctx, ctx, a.With(context.Background())} {
		if v, err := memo.Do(ctx, key, load); v != name || err != nil {
			t.Fatalf("Do: %q, %v", v, err)
		}
	}
	after := a.Snapshot().Total
	if loads, l1, l2 := after.Loads-before.Loads, after.L1-before.L1, after.L2-before.L2; loads != 1 || l1 != 1 || l2 != 1 {
		t.Errorf("%d loads, %d hits in L1 and %d in L2, want 1 of each", loads, l1, l2)
	}
	l3 := b.Snapshot().Total.L3
	if v, err := memo.Get[string](b.With(context.Background()), key); v != name || err != nil || b.Snapshot().Total.L3 != l3+1 {
		t.Errorf("another process gets %q, %v", v, err)
	}
	must(t, memo.Invalidate(ctx, key))
	if _, err := memo.Get[string](ctx, key); !errors.Is(err, memo.ErrMiss) {
		t.Errorf("after Invalidate: %v, want ErrMiss", err)
	}
	must(t, memo.Set(ctx, key, "new "+name))
	if v, err := memo.Get[string](a.With(context.Background()), key); v != "new "+name || err != nil {
		t.Errorf("after Set: %q, %v", v, err)
	}
}
