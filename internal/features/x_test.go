package features_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What memcached does to whoever uses it as it is.

// readers are two caches on s without an L2, as two processes that meet nowhere else.
func readers(tb testing.TB, s *mcserver.Server, opts ...memo.Option) (a, b context.Context) {
	tb.Helper()
	one, other := on(tb, s), on(tb, s)
	one.Local, other.Local = forgetful{}, forgetful{}
	_, a = bound(tb, one, opts...)
	_, b = bound(tb, other, opts...)
	return a, b
}

// A number of more than 30 days is a date to memcached, and one long past.
func TestX01_AValueForFortyFiveDaysIsThereNow(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	a, b := readers(t, server, memo.TTL(45*24*time.Hour))
	n := &counter{}
	same(t, "stored", n.do(t, a, "k"), 1)
	same(t, "read elsewhere", n.do(t, b, "k"), 1)
	left := remaining(t, server, "t:v:k")
	if left < 44*24*time.Hour || left > 46*24*time.Hour {
		t.Errorf("memcached keeps it for %v", left)
	}
}

// remaining is how long a memcached keeps an item; below 0: for ever.
func remaining(tb testing.TB, s *mcserver.Server, key string) time.Duration {
	tb.Helper()
	var seconds int64
	lines := talk(tb, s, "mg "+key+" t\r\nmn", "MN")
	if len(lines) == 0 {
		tb.Fatalf("memcached does not have %q", key)
	}
	if _, err := fmt.Sscanf(lines[0], "HD t%d", &seconds); err != nil {
		tb.Fatalf("memcached says %q of %q", lines, key)
	}
	return time.Duration(seconds) * time.Second
}

// A ttl of less than a second would be 0 to memcached, which is for ever.
func TestX02_AValueForLessThanASecondEnds(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	a, _ := readers(t, server)
	n := &counter{}
	same(t, "stored", n.do(t, a, "k", memo.TTL(300*time.Millisecond)), 1)
	if left := remaining(t, server, "t:v:k"); left < 0 || left > 3*time.Second {
		t.Errorf("memcached keeps it for %v", left)
	}

	t.Run("and is not served after it", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			_, a, b := two(t)
			n := &counter{}
			same(t, "stored", n.do(t, a, "k", memo.TTL(300*time.Millisecond)), 1)
			time.Sleep(250 * time.Millisecond)
			same(t, "before its end", n.do(t, b, "k", memo.TTL(300*time.Millisecond)), 1)
			time.Sleep(150 * time.Millisecond)
			same(t, "after it, where it was loaded", n.do(t, a, "k", memo.TTL(300*time.Millisecond)), 2)
		})
	})
}

// memcached answers an empty key with ERROR, and a client may then take one answer for
// another.
func TestX03_AnEmptyKeyDoesNotGetToTheServer(t *testing.T) {
	t.Parallel()
	a, b := readers(t, mcserver.ForTest(t))
	n := &counter{}
	for range 3 {
		_, err := memo.Do(a, "", n.fn(""))
		if u := (*memo.UsageError)(nil); !errors.As(err, &u) {
			t.Fatalf("Do: %v", err)
		}
		err = memo.Invalidate(a, "")
		if u := (*memo.UsageError)(nil); !errors.As(err, &u) {
			t.Fatalf("Invalidate: %v", err)
		}
	}
	same(t, "runs", n.runs(""), 0)
	same(t, "the next call", n.do(t, a, "k"), 1)
	same(t, "the next call elsewhere", n.do(t, b, "k"), 1)
}

func TestX04_AValueThatIsTooLargeLeavesNoOldOneBehind(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	c, a := bound(t, on(t, server))
	_, b := readers(t, server)
	large := strings.Repeat("x", 2<<20)
	for name, store := range map[string]func(key string) error{
		"set": func(key string) error { return memo.Set(a, key, large) },
		"refreshed": func(key string) error {
			_, err := memo.Refresh(a, key, func(context.Context) (string, error) { return large, nil })
			return err
		},
		"loaded": func(key string) error {
			if err := memo.Invalidate(a, key); err != nil {
				return err
			}
			v, err := memo.Do(a, key, func(context.Context) (string, error) { return large, nil })
			if err == nil && v != large {
				err = errors.New("another value")
			}
			return err
		},
	} {
		must(t, memo.Set(a, name, "old"))
		must(t, store(name))
		was := c.Snapshot().Total.L2
		v, err := memo.Get[string](a, name)
		must(t, err)
		same(t, name+": it is in L2", v == large && c.Snapshot().Total.L2 == was+1, true)
		if v, err := memo.Get[string](b, name); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("%s: another process gets %d bytes, %v", name, len(v), err)
		}
	}
}

// Spaces, control bytes and keys of more than 250 bytes are not for memcached.
func TestX05_AnyTextIsAKey(t *testing.T) {
	t.Parallel()
	a, b := readers(t, mcserver.ForTest(t))
	texts := []string{" ", "a b", "ab", "a\tb", "a\nb", "a\r\nb", "\x00", "\x7f", "Василий", strings.Repeat("й", 240), strings.Repeat("Ы", 500), "a%20b", "\xff\xfe", "日本"}
	for _, n := range []int{1, 249, 250, 251, 1000} {
		texts = append(texts, strings.Repeat("k", n), strings.Repeat("k", n)+" ", strings.Repeat(" ", n)+"k")
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		text := make([]byte, 1+random.IntN(300))
		for i := range text {
			text[i] = byte(random.Uint32())
		}
		texts = append(texts, string(text))
	}
	for i, text := range texts {
		v, err := memo.Do(a, memo.Key("text", text), func(context.Context) (int, error) { return i, nil })
		must(t, err)
		same(t, fmt.Sprintf("%q", text), v, i)
	}
	for i, text := range texts {
		v, err := memo.Get[int](b, memo.Key("text", text))
		if err != nil || v != i {
			t.Errorf("%q elsewhere: %d, %v, want %d", text, v, err, i)
		}
	}
}

// incr of what is not there is no number: of those who begin at once, one makes the
// counter and the marker of a tag, and nobody's value is lost for it.
func TestX06_ProcessesThatBeginAtOnceHaveOneCounter(t *testing.T) {
	t.Parallel()
	for range 20 {
		server := mcserver.ForTest(t)
		a, b := readers(t, server, memo.Tags("tag"))
		both := []context.Context{a, b}
		n := &counter{}
		together(8, func(i int) { n.do(t, both[i%2], memo.Key("k", i)) })
		for i := range 8 {
			n.do(t, both[(i+1)%2], memo.Key("k", i))
		}
		must(t, memo.InvalidateTags(a, "tag"))
		for i := range 8 {
			_, err := memo.Get[int](memo.Fresh(b), memo.Key("k", i))
			is(t, "after the tag", err, memo.ErrMiss)
		}
	}
}

// The client that is below knows no ctx.
func TestX07_AHungServerIsNotWaitedForBeyondTheCallersTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ctx, wire := wired(t, tiertest.NewMemory())
		betweenPolls()
		remove := wire.Inject(tiertest.Fault{Hang: true})
		n := &counter{}
		began := time.Now()
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		v, err := memo.Do(short, "k", n.fn("k"))
		if took := time.Since(began); took > 50*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if v != 1 && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("neither the value nor the end of the ctx: %d, %v", v, err)
		}
		patient := n.do(t, ctx, "k") // who has time gets the value, and no error of somebody else
		same(t, "a caller with time", patient, n.runs("k"))
		remove()
	})
}

func TestX07_AStoppedMemcachedHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	_, ctx := bound(t, memo.Config{Prefix: "t", Shared: dial(t, server.Addr())})
	n := &counter{}
	same(t, "stored", n.do(t, ctx, "before"), 1)
	must(t, server.Pause())
	for i := range 5 {
		same(t, "while it is stopped", n.do(t, ctx, memo.Key("k", i)), 1)
	}
	is(t, "Invalidate while it is stopped", memo.Invalidate(ctx, "before"), memo.ErrDeferred)
	same(t, "what was invalidated", n.do(t, ctx, "before"), 2)
	must(t, server.Resume())
}

// memcached has no lists of keys and no sets: what is invalidated together is a number
// that is compared, and costs the same for one key and for a thousand.
func TestX08_WhatIsInvalidatedTogetherIsNotListed(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context) error{
		"a tag":      func(ctx context.Context) error { return memo.InvalidateTags(ctx, "tag") },
		"a tree":     func(ctx context.Context) error { return memo.InvalidateTree(ctx, "k") },
		"everything": memo.InvalidateAll,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				cost := func(keys int) int {
					_, ctx, wire := wired(t, tiertest.NewMemory())
					for i := range keys {
						must(t, memo.Set(ctx, memo.Key("k", i), i, memo.Tags("tag")))
					}
					betweenPolls()
					since := spending(wire)
					must(t, end(ctx))
					n := since()
					same(t, "the last one is there", got(t, ctx, memo.Key("k", keys-1)), false)
					return n
				}
				same(t, "commands for 1000", cost(1000), cost(1))
			})
		})
	}
}
