package memo_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tiermemo/tiermemo/memo"
)

// texts_test.go is a Func of a text, whose hit goes by the words of its key where that is short (byWords).

// theTexts are short and long, with and without what has to be escaped, and would meet if it were not.
var theTexts = []string{
	"a", "ab", "user", "user-1234", "user_1234", "user:1234", "user%3A1234", "user%3a1234", "user:12:34", ":", "::", "1234", "'1234", "true", "True",
	"nil", "", " ", "a b", "größe", "\xff", "a\x00", "a\x00\x00", "sixteen-bytes-xx", "sixteen-bytes:xx", "seventeen-bytes-x", "nineteen-bytes-12345",
	"f81d4fae-7dec-11d0-a765-00a0c91e6bf6", strings.Repeat("long", 20),
}

func TestEachTextHasItsValue(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	outside := c.With(context.Background())
	f := memo.NewFunc(c, "text", func(_ context.Context, k string) (string, error) { return "of " + k, nil })
	other := memo.NewFunc(c, "texts", func(_ context.Context, k string) (string, error) { return "other of " + k, nil })
	for range 3 {
		for _, k := range theTexts {
			request, end := c.Begin(context.Background())
			for _, ctx := range []context.Context{outside, request, request} {
				if v, err := f.Do(ctx, k); v != "of "+k || err != nil {
					t.Errorf("%q has %q, %v", k, v, err)
				}
				if v, err := other.Do(ctx, k); v != "other of "+k || err != nil {
					t.Errorf("of the other function %q has %q, %v", k, v, err)
				}
				v, err := memo.Do(ctx, memo.Key("text", k), func(context.Context) (string, error) { return "loaded again", nil })
				if v != "of "+k || err != nil {
					t.Errorf("by its key %q has %q, %v", k, v, err)
				}
			}
			end()
		}
	}
	loads, hits := uint64(2*len(theTexts)), uint64(len(theTexts))
	if s := c.Snapshot().Total; s.Loads != loads || s.L1 != 3*hits*(3+1) || s.L2 != 3*hits*(3+2)-loads {
		t.Errorf("there were %d loads, %d hits of L1 and %d of L2", s.Loads, s.L1, s.L2)
	}
}

// TestTextUnderVaryIsAnothers: its key is kept under another one.
func TestTextUnderVaryIsAnothers(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	whose := "nobody's"
	f := memo.NewFunc(c, "text", func(context.Context, string) (string, error) { return whose, nil })
	ctx := c.With(context.Background())
	for _, whose = range []string{"nobody's", "one's", "two's"} {
		under := ctx
		if whose != "nobody's" {
			under = memo.Vary(ctx, "tenant", whose)
		}
		for range 2 {
			if v, err := f.Do(under, "name"); v != whose || err != nil {
				t.Errorf("%s is %q, %v", whose, v, err)
			}
		}
	}
}

// TestNestedReadByTextDoesNotUseAnL2ThatIsBehind: what a load is made of has to be as new as the load.
//
//  1. the reader has a part in L2, and has not polled since another process invalidated it
//  2. it begins a load of the whole, which reads the part
func TestNestedReadByTextDoesNotUseAnL2ThatIsBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, _ := f.process(t, slowPoll)
		reader, _ := f.process(t, slowPoll)
		rctx, wctx := reader.With(context.Background()), writer.With(context.Background())
		part := memo.NewFunc(reader, "part", func(context.Context, string) (int, error) { return f.db.read("part"), nil })
		_, err := part.Do(rctx, "name")
		check(t, err)
		f.db.write("part")
		check(t, memo.Invalidate(wctx, part.Key("name")))
		check(t, memo.Invalidate(wctx, "whole"))
		v, err := memo.Do(rctx, "whole", func(ctx context.Context) (int, error) { return part.Do(ctx, "name") })
		if v != 1 || err != nil {
			t.Errorf("the whole is made of version %d of the part, %v, want 1", v, err)
		}
	})
}

// TestNestedBatchByNumberDoesNotUseAnL2ThatIsBehind is the same for AppendMany of numbers.
func TestNestedBatchByNumberDoesNotUseAnL2ThatIsBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, _ := f.process(t, slowPoll)
		reader, _ := f.process(t, slowPoll)
		rctx, wctx := reader.With(context.Background()), writer.With(context.Background())
		part := memo.NewFunc(reader, "part", func(context.Context, int) (int, error) { return f.db.read("part"), nil })
		for range 100 { // now its number leads to it
			_, err := part.Do(rctx, 7)
			check(t, err)
		}
		f.db.write("part")
		check(t, memo.Invalidate(wctx, part.Key(7)))
		check(t, memo.Invalidate(wctx, "whole"))
		v, err := memo.Do(rctx, "whole", func(ctx context.Context) (int, error) {
			parts, err := part.AppendMany(ctx, nil, []int{7})
			return parts[0].Value, err
		})
		if v != 1 || err != nil {
			t.Errorf("the whole is made of version %d of the part, %v, want 1", v, err)
		}
	})
}

// TestARequestOfManyKeysReadsByTextWhatItHasRead: L2 does not answer in its place.
func TestARequestOfManyKeysReadsByTextWhatItHasRead(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	f := memo.NewFunc(c, "text", func(_ context.Context, k string) (string, error) { return k, nil })
	outside := c.With(context.Background())
	for _, k := range theTexts {
		_, err := f.Do(outside, k)
		check(t, err)
	}
	before := c.Snapshot().Total
	ctx, end := c.Begin(context.Background())
	defer end()
	const times = 3
	for range times {
		for _, k := range theTexts {
			if v, err := f.Do(ctx, k); v != k || err != nil {
				t.Errorf("%q is %q, %v", k, v, err)
			}
		}
	}
	if s, many := c.Snapshot().Total, uint64(len(theTexts)); s.L2-before.L2 != many || s.L1-before.L1 != (times-1)*many {
		t.Errorf("%d were answered by L2 and %d by the request, want %d and %d", s.L2-before.L2, s.L1-before.L1, many, (times-1)*many)
	}
}
