package memo_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What an invalidation of many entries costs: as much as one of few. The costs are
// counted as in roundtrips_test.go.

// touched is a Local that counts its calls.
type touched struct {
	tier.Local
	calls atomic.Int64
}

func (l *touched) Get(key string) *tier.Entry    { l.calls.Add(1); return l.Local.Get(key) }
func (l *touched) Peek(key string) *tier.Entry   { l.calls.Add(1); return l.Local.Peek(key) }
func (l *touched) Set(key string, e *tier.Entry) { l.calls.Add(1); l.Local.Set(key, e) }
func (l *touched) Delete(key string)             { l.calls.Add(1); l.Local.Delete(key) }
func (l *touched) Clear()                        { l.calls.Add(1); l.Local.Clear() }

// Nobody looks for what an invalidation concerns: not in the shared tier, and in L2
// neither, here or in the process that hears of it.
func TestInvalidationsOfManyEntriesCostWhatThoseOfFewDo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		invalidate func(ctx context.Context) error
		want       cost
		local      int64 // calls of L2, in both processes together
	}{
		"InvalidateTags": {func(ctx context.Context) error { return memo.InvalidateTags(ctx, "all") }, cost{trips: 2, commands: 4}, 0},
		"InvalidateTree": {func(ctx context.Context) error { return memo.InvalidateTree(ctx, "user") }, cost{trips: 2, commands: 5}, 0},
		"InvalidateAll":  {memo.InvalidateAll, cost{trips: 2, commands: 2}, 1}, // who asks for it clears its own
	} {
		for _, entries := range []int{10, 5000} {
			t.Run(fmt.Sprint(name, " of ", entries), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f := newFleet()
					locals := []*touched{{Local: lru.New(2 * entries)}, {Local: lru.New(2 * entries)}}
					calls := func() int64 { return locals[0].calls.Load() + locals[1].calls.Load() }
					a, wire := f.process(t, func(cfg *memo.Config) { cfg.Local = locals[0] })
					b, _ := f.process(t, func(cfg *memo.Config) { cfg.Local = locals[1] })
					keys := keysOf("user", entries)
					last := keys[entries-1]
					read := func(c *memo.Cache) {
						for _, key := range keys {
							f.db.tagged(t, c.With(context.Background()), key, "all")
						}
					}
					read(a)
					read(b)
					wire.Inject(tiertest.Fault{Delay: trip})
					here := &distant{cache: a, wire: wire, db: f.db}
					between()
					before := calls()
					if got := here.of(func(ctx context.Context) { must(t, test.invalidate(ctx)) }); got != test.want {
						t.Errorf("took %+v, want %+v", got, test.want)
					}
					time.Sleep(100 * time.Millisecond) // the other one hears of it
					if n := calls() - before; n != test.local {
						t.Errorf("%d calls of L2, want %d", n, test.local)
					}
					f.db.do(t, b.With(context.Background()), last)
					if n := f.db.queries(last); n != 2 {
						t.Errorf("%d loads of one entry, want one before and one after the invalidation", n)
					}
				})
			})
		}
	}
}
