package memo_test

import (
	"context"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What a confirmation ends with that is no answer is nobody's lease, and no answer either:
// the values are this process's, and nobody is held up.

// 1. the loads have their leases; the look that confirms them panics, or calls Goexit, in
// the user's tier
// 2. who took that for an answer would have no lease, as if it had been invalidated, and
// would load at each call
func TestConfirmationThatDoesNotReturn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		keys []string
		end  func()
	}{
		"Goexit, of one":     {[]string{"a"}, runtime.Goexit},
		"Goexit, of a batch": {[]string{"a", "b", "c"}, runtime.Goexit},
		"panic, of a batch":  {[]string{"a", "b", "c"}, func() { panic("the tier's own") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				c, wire := f.process(t)
				ctx, loads := c.With(context.Background()), 0
				var confirms atomic.Int64
				get := func() {
					load := func(_ context.Context, missing []string) (map[string]int, error) {
						loads++
						found := map[string]int{}
						for _, key := range missing {
							found[key] = 1
						}
						return found, nil
					}
					if len(test.keys) > 1 {
						got, err := memo.DoMany(ctx, test.keys, load)
						if len(got) != len(test.keys) || err != nil {
							t.Errorf("got %v, %v", got, err)
						}
						return
					}
					hit(t, 1)(memo.Do(ctx, test.keys[0], func(ctx context.Context) (int, error) {
						found, err := load(ctx, test.keys)
						return found[test.keys[0]], err
					}))
				}
				wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":v:", Times: 1, After: func(context.Context, tiertest.Op, []string) {
					wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:a", Times: 1, Before: func(_ context.Context, _ tiertest.Op, keys []string) {
						for _, key := range keys {
							if strings.Contains(key, ":v:") {
								confirms.Add(1)
							}
						}
						test.end()
					}})
				}})
				get()
				get()
				if n := confirms.Load(); n != int64(len(test.keys)) {
					t.Fatalf("the look that did not return was about %d leases, want %d", n, len(test.keys))
				}
				if loads != 1 {
					t.Errorf("%d loads, want the second call to find what the first has loaded", loads)
				}
				time.Sleep(3 * time.Second)
			})
		})
	}
}
