package memo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// Jitter: what was stored together does not end together.

// ends stores 1000 keys at once, and returns when each was gone.
func ends(t *testing.T, c *memo.Cache, until time.Duration, store func(ctx context.Context, key string) error) (lives []time.Duration) {
	t.Helper()
	ctx, begin := c.With(context.Background()), time.Now()
	var left []string
	for i := range 1000 {
		left = append(left, fmt.Sprint("k", i))
		must(t, store(ctx, left[i]))
	}
	for age := time.Duration(0); age < until; age = time.Since(begin) {
		left = slices.DeleteFunc(left, func(key string) bool {
			_, err := memo.Get[int](ctx, key)
			gone := errors.Is(err, memo.ErrMiss)
			if gone {
				lives = append(lives, age)
			}
			return gone
		})
		time.Sleep(500 * time.Millisecond)
	}
	return lives
}

// Of 1000 ends in a window of 30 s, 33 fall into each second. That fewer than 3 do, or
// more than 100, in any of 30, has a probability of less than 1 of 10^10 (Chernoff).
func TestR50_JitterSpreadsWhatWasStoredTogether(t *testing.T) {
	jitter, ttl := memo.Jitter(0.5), memo.TTL(time.Minute)
	for name, store := range map[string]func(ctx context.Context, key string) error{
		"of loads": func(ctx context.Context, key string) error {
			_, err := memo.Do(ctx, key, loadNumber, ttl, jitter)
			return err
		},
		"of Set": func(ctx context.Context, key string) error { return memo.Set(ctx, key, 1, ttl, jitter) },
		"of what is not found": func(ctx context.Context, key string) error {
			_, err := memo.Do(ctx, key, func(context.Context) (int, error) { return 0, memo.ErrNotFound }, memo.TTL(memo.NoExpiry), memo.NegativeTTL(time.Minute), jitter)
			if errors.Is(err, memo.ErrNotFound) {
				return nil
			}
			return fmt.Errorf("want ErrNotFound, not %w", err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lives := ends(t, newCache(t, memo.Config{}), 61*time.Second, store)
				if len(lives) != 1000 {
					t.Fatalf("%d of 1000 have ended after their TTL", len(lives))
				}
				if first := lives[0]; first < 30*time.Second {
					t.Errorf("the first of them ended after %v, want half of the TTL at least", first)
				}
				in := map[int]int{}
				for _, life := range lives {
					in[int((life-1)/time.Second)]++
				}
				for second := 30; second < 60; second++ {
					if n := in[second]; n < 3 || n > 100 {
						t.Errorf("%d of 1000 ended in second %d, want about 33", n, second)
					}
				}
			})
		})
	}
}

func TestJitterThatChangesNothing(t *testing.T) {
	for name, test := range map[string]struct {
		opts  []memo.Option
		until time.Duration
		want  int
	}{
		"of NoExpiry": {[]memo.Option{memo.TTL(memo.NoExpiry), memo.Jitter(1)}, 2 * time.Minute, 0},
		"of 0":        {[]memo.Option{memo.TTL(time.Minute), memo.Jitter(1), memo.Jitter(0)}, 59 * time.Second, 0},
		"of all":      {[]memo.Option{memo.TTL(time.Minute), memo.Jitter(1)}, 61 * time.Second, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lives := ends(t, newCache(t, memo.Config{}), test.until, func(ctx context.Context, key string) error { return memo.Set(ctx, key, 1, test.opts...) })
				if len(lives) != test.want {
					t.Errorf("%d of 1000 have ended after %v, want %d", len(lives), test.until, test.want)
				}
			})
		})
	}
}

// The other processes have the end that the one drew who loaded.
func TestJitterIsDrawnOnceForTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t)
		b, _ := f.process(t)
		ctxs := readers(a, b)
		for i := range 100 {
			for _, ctx := range ctxs {
				_, err := memo.Do(ctx, fmt.Sprint("k", i), loadNumber, memo.TTL(time.Minute), memo.Jitter(0.5))
				must(t, err)
			}
		}
		for range 60 {
			time.Sleep(500*time.Millisecond + 20*time.Millisecond)
			for i := range 100 {
				_, inA := memo.Peek[int](ctxs[0], fmt.Sprint("k", i))
				_, inB := memo.Peek[int](ctxs[1], fmt.Sprint("k", i))
				if inA != inB {
					t.Fatalf("one process has the value still, and the other one has not: %t, %t", inA, inB)
				}
			}
		}
	})
}
