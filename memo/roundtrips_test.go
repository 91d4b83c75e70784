package memo_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What everything costs that asks the shared tier: docs/operations.md has the same
// table for users. Each call of a Node takes a millisecond of virtual time, and
// nothing else takes any but the loaders, so that the time of an operation is the
// number of calls that it makes one after the other.

const (
	trip    = time.Millisecond
	loading = 10 * trip // longer than what runs beside a loader
)

// cost is what one operation took.
type cost struct {
	trips    int // one after the other; where something is loaded, before the loader began
	after    int // the same after the loader has ended
	commands int // calls of a Node
}

// distant is a process whose shared tier is one trip away.
type distant struct {
	cache *memo.Cache
	wire  *tiertest.Faulty
	db    *database

	began, ended time.Time // of the last load
}

func (f *fleet) distant(t *testing.T) *distant {
	t.Helper()
	c, wire := f.process(t)
	wire.Inject(tiertest.Fault{Delay: trip})
	return &distant{cache: c, wire: wire, db: f.db}
}

// tagged reads key as an entry with tags.
func (p *distant) tagged(t *testing.T, ctx context.Context, key string, tags ...string) {
	t.Helper()
	p.do(t, ctx, key, func(context.Context) {}, memo.Tags(tags...))
}

// amended is tagged for tags that only the loader knows.
func (p *distant) amended(t *testing.T, ctx context.Context, key string, tags ...string) {
	t.Helper()
	p.do(t, ctx, key, func(ctx context.Context) { memo.Amend(ctx, memo.Tags(tags...)) })
}

func (p *distant) do(t *testing.T, ctx context.Context, key string, amend func(ctx context.Context), opts ...memo.Option) {
	t.Helper()
	_, err := memo.Do(ctx, key, func(ctx context.Context) (int, error) {
		p.began = time.Now()
		defer func() { p.ended = time.Now() }()
		time.Sleep(loading)
		amend(ctx)
		return p.db.read(key), nil
	}, append(opts, memo.TTL(time.Minute))...)
	must(t, err)
}

// windowed stores n keys that may be served past their time.
func (p *distant) windowed(t *testing.T, n int) {
	t.Helper()
	for _, key := range keysOf("user", n) {
		must(t, memo.Set(p.cache.With(context.Background()), key, 1, memo.Stale(time.Minute)))
	}
}

// old is tagged for what may be served past its time.
func (p *distant) old(t *testing.T, ctx context.Context, key string) {
	t.Helper()
	p.do(t, ctx, key, func(context.Context) {}, memo.Stale(time.Minute))
}

// anew refreshes key.
func (p *distant) anew(t *testing.T, ctx context.Context, key string) {
	t.Helper()
	_, err := memo.Refresh(ctx, key, func(context.Context) (int, error) {
		p.began = time.Now()
		defer func() { p.ended = time.Now() }()
		time.Sleep(loading)
		return p.db.read(key), nil
	})
	must(t, err)
}

func added(t *testing.T, ctx context.Context, key string, want bool) {
	t.Helper()
	if got, err := memo.Add(ctx, key, 1); got != want || err != nil {
		t.Errorf("Add: %t, %v, want %t", got, err, want)
	}
}

// of is the cost of fn.
func (p *distant) of(fn func(ctx context.Context)) (c cost) {
	p.began = time.Time{}
	begin, commands := time.Now(), p.wire.Calls("")
	fn(p.cache.With(context.Background()))
	end := time.Now()
	c.commands = p.wire.Calls("") - commands
	c.trips = int(end.Sub(begin) / trip)
	if !p.began.IsZero() {
		c.trips, c.after = int(p.began.Sub(begin)/trip), int(end.Sub(p.ended)/trip)
	}
	return c
}

// between waits until every process has heard of what was, and trusts what it has
// heard, and the next polls are half of an interval away: bubbles begin at a full
// second, and the processes with them.
func between() {
	const interval = 100 * time.Millisecond // of Config.PollInterval
	next := time.Now().Add(3 * time.Second).Truncate(interval).Add(interval / 2)
	time.Sleep(time.Until(next))
}

// keysOf returns n keys of a kind.
func keysOf(kind string, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = memo.Key(kind, i)
	}
	return keys
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	type operation = func(ctx context.Context)
	background, eight := context.Background(), []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	for _, test := range []struct {
		name string
		want cost
		make func(t *testing.T, here, there *distant) operation // what was before, and what here does then
	}{
		// Reads of what another process has loaded.
		{"hit", cost{trips: 1, commands: 1}, func(t *testing.T, here, there *distant) operation {
			there.tagged(t, there.cache.With(background), "k")
			return func(ctx context.Context) { here.tagged(t, ctx, "k") }
		}},
		{"hit in a tree", cost{trips: 1, commands: 1}, func(t *testing.T, here, there *distant) operation {
			there.tagged(t, there.cache.With(background), "user:7:orders:3")
			return func(ctx context.Context) { here.tagged(t, ctx, "user:7:orders:3") }
		}},
		{"hit, tags named by the call", cost{trips: 1, commands: 1}, func(t *testing.T, here, there *distant) operation {
			there.tagged(t, there.cache.With(background), "k", "a", "b")
			return func(ctx context.Context) { here.tagged(t, ctx, "k", "a", "b") }
		}},
		{"hit, tags that are new here", cost{trips: 2, commands: 2}, func(t *testing.T, here, there *distant) operation {
			there.tagged(t, there.cache.With(background), "k", "a", "b")
			return func(ctx context.Context) { here.tagged(t, ctx, "k") }
		}},
		{"hit, tags of what has expired here", cost{trips: 1, commands: 1}, func(t *testing.T, here, there *distant) operation {
			there.tagged(t, there.cache.With(background), "k", "a", "b")
			here.tagged(t, here.cache.With(background), "k")
			time.Sleep(time.Minute)
			there.tagged(t, there.cache.With(background), "k", "a", "b")
			return func(ctx context.Context) { here.tagged(t, ctx, "k") }
		}},
		{"hit, tags of what was forgotten here", cost{trips: 2, commands: 2}, func(t *testing.T, here, there *distant) operation {
			here.tagged(t, here.cache.With(background), "k", "a", "b")
			must(t, there.cache.Invalidate(background, "k"))
			there.tagged(t, there.cache.With(background), "k", "a", "b")
			return func(ctx context.Context) { here.tagged(t, ctx, "k") }
		}},
		{"Get, hit", cost{trips: 1, commands: 1}, func(t *testing.T, here, there *distant) operation {
			there.tagged(t, there.cache.With(background), "k")
			return func(ctx context.Context) { _, err := memo.Get[int](ctx, "k"); must(t, err) }
		}},
		{"Get, miss", cost{trips: 1, commands: 1}, func(t *testing.T, here, there *distant) operation {
			return func(ctx context.Context) { _, _ = memo.Get[int](ctx, "k") }
		}},

		// Loads. Of the commands one runs beside the loader.
		{"load", cost{trips: 2, after: 1, commands: 4}, func(t *testing.T, here, there *distant) operation {
			return func(ctx context.Context) { here.tagged(t, ctx, "k") }
		}},
		{"load after Invalidate", cost{trips: 2, after: 1, commands: 4}, func(t *testing.T, here, there *distant) operation {
			here.tagged(t, here.cache.With(background), "user:1")
			must(t, there.cache.Invalidate(background, "user:1"))
			return func(ctx context.Context) { here.tagged(t, ctx, "user:1") }
		}},
		{"load after InvalidateTags", cost{trips: 2, after: 1, commands: 4}, func(t *testing.T, here, there *distant) operation {
			here.tagged(t, here.cache.With(background), "k", "a", "b")
			must(t, there.cache.InvalidateTags(background, "a"))
			return func(ctx context.Context) { here.tagged(t, ctx, "k", "a", "b") }
		}},
		{"load after InvalidateTree", cost{trips: 2, after: 1, commands: 4}, func(t *testing.T, here, there *distant) operation {
			here.tagged(t, here.cache.With(background), "user:7:orders")
			must(t, there.cache.InvalidateTree(background, "user"))
			return func(ctx context.Context) { here.tagged(t, ctx, "user:7:orders") }
		}},
		{"load after InvalidateAll", cost{trips: 2, after: 1, commands: 4}, func(t *testing.T, here, there *distant) operation {
			here.tagged(t, here.cache.With(background), "k")
			must(t, there.cache.InvalidateAll(background))
			return func(ctx context.Context) { here.tagged(t, ctx, "k") }
		}},
		{"load, the first of its tree", cost{trips: 2, after: 1, commands: 8}, func(t *testing.T, here, there *distant) operation {
			return func(ctx context.Context) { here.tagged(t, ctx, "user:1") }
		}},
		{"load, the second of its tree", cost{trips: 2, after: 1, commands: 4}, func(t *testing.T, here, there *distant) operation {
			there.tagged(t, there.cache.With(background), "user:1")
			return func(ctx context.Context) { here.tagged(t, ctx, "user:2") }
		}},
		{"load, the first with three tags", cost{trips: 2, after: 1, commands: 12}, func(t *testing.T, here, there *distant) operation {
			return func(ctx context.Context) { here.tagged(t, ctx, "k", "a", "b", "c") }
		}},
		{"load, tags that only the loader names", cost{trips: 2, after: 2, commands: 5}, func(t *testing.T, here, there *distant) operation {
			there.tagged(t, there.cache.With(background), "other", "a")
			return func(ctx context.Context) { here.amended(t, ctx, "k", "a") }
		}},
		{"load, the first with a tag that only the loader names", cost{trips: 2, after: 5, commands: 8}, func(t *testing.T, here, there *distant) operation {
			return func(ctx context.Context) { here.amended(t, ctx, "k", "a") }
		}},

		// Writes.
		{"Invalidate, one key", cost{trips: 2, commands: 3}, func(t *testing.T, here, there *distant) operation {
			here.tagged(t, here.cache.With(background), "user:1")
			return func(ctx context.Context) { must(t, memo.Invalidate(ctx, "user:1")) }
		}},
		{"Invalidate, 100 keys", cost{trips: 3, commands: 3}, func(t *testing.T, here, there *distant) operation {
			return func(ctx context.Context) { must(t, memo.Invalidate(ctx, keysOf("user", 100)...)) }
		}},
		{"Expire, one key", cost{trips: 3, commands: 4}, func(t *testing.T, here, there *distant) operation {
			here.windowed(t, 1)
			return func(ctx context.Context) { must(t, memo.Expire(ctx, keysOf("user", 1)...)) }
		}},
		{"Expire, 32 keys", cost{trips: 4, commands: 35}, func(t *testing.T, here, there *distant) operation {
			here.windowed(t, 32)
			return func(ctx context.Context) { must(t, memo.Expire(ctx, keysOf("user", 32)...)) }
		}},
		{"Expire, 33 keys", cost{trips: 5, commands: 36}, func(t *testing.T, here, there *distant) operation {
			here.windowed(t, 33)
			return func(ctx context.Context) { must(t, memo.Expire(ctx, keysOf("user", 33)...)) }
		}},
		{"InvalidateTags", cost{trips: 2, commands: 4}, func(t *testing.T, here, there *distant) operation {
			here.tagged(t, here.cache.With(background), "k", "a")
			return func(ctx context.Context) { must(t, memo.InvalidateTags(ctx, "a")) }
		}},
		{"InvalidateTags, eight", cost{trips: 2, commands: 11}, func(t *testing.T, here, there *distant) operation {
			here.tagged(t, here.cache.With(background), "k", eight...)
			return func(ctx context.Context) { must(t, memo.InvalidateTags(ctx, eight...)) }
		}},
		{"InvalidateTags, one that nobody has used", cost{trips: 4, commands: 6}, func(t *testing.T, here, there *distant) operation {
			return func(ctx context.Context) { must(t, memo.InvalidateTags(ctx, "a")) }
		}},
		{"InvalidateTree", cost{trips: 2, commands: 5}, func(t *testing.T, here, there *distant) operation {
			here.tagged(t, here.cache.With(background), "user:7:orders")
			return func(ctx context.Context) { must(t, memo.InvalidateTree(ctx, memo.Key("user", 7))) }
		}},
		{"InvalidateTree of a function", cost{trips: 2, commands: 5}, func(t *testing.T, here, there *distant) operation {
			here.tagged(t, here.cache.With(background), "user:7")
			return func(ctx context.Context) { must(t, memo.InvalidateTree(ctx, memo.Key("user"))) }
		}},
		{"InvalidateAll", cost{trips: 2, commands: 2}, func(t *testing.T, here, there *distant) operation {
			return func(ctx context.Context) { must(t, memo.InvalidateAll(ctx)) }
		}},
		{"Set", cost{trips: 4, commands: 6}, func(t *testing.T, here, there *distant) operation {
			return func(ctx context.Context) { must(t, memo.Set(ctx, "k", 1)) }
		}},
		{"Set in place of a value", cost{trips: 4, commands: 6}, func(t *testing.T, here, there *distant) operation {
			there.tagged(t, there.cache.With(background), "k", "a", "b")
			return func(ctx context.Context) { must(t, memo.Set(ctx, "k", 1, memo.Tags("a", "b"))) }
		}},

		// What is past its time.
		{"Expire, two keys", cost{trips: 4, commands: 5}, func(t *testing.T, here, there *distant) operation {
			here.old(t, here.cache.With(background), "user:1")
			here.old(t, here.cache.With(background), "user:2")
			return func(ctx context.Context) { must(t, memo.Expire(ctx, "user:1", "user:2")) }
		}},
		{"Refresh", cost{trips: 1, after: 3, commands: 4}, func(t *testing.T, here, there *distant) operation {
			here.old(t, here.cache.With(background), "k")
			return func(ctx context.Context) { here.anew(t, ctx, "k") }
		}},
		{"Refresh of nothing", cost{trips: 2, after: 3, commands: 6}, func(t *testing.T, here, there *distant) operation {
			return func(ctx context.Context) { here.anew(t, ctx, "k") }
		}},
		{"Fresh, of what L2 has", cost{trips: 1, commands: 1}, func(t *testing.T, here, there *distant) operation {
			here.tagged(t, here.cache.With(background), "k")
			return func(ctx context.Context) { here.tagged(t, memo.Fresh(ctx), "k") }
		}},
		{"Add of what L2 has", cost{}, func(t *testing.T, here, there *distant) operation {
			here.tagged(t, here.cache.With(background), "k")
			return func(ctx context.Context) { added(t, ctx, "k", false) }
		}},
		{"Add of what the shared tier has", cost{trips: 1, commands: 1}, func(t *testing.T, here, there *distant) operation {
			there.tagged(t, there.cache.With(background), "k")
			return func(ctx context.Context) { added(t, ctx, "k", false) }
		}},
		{"Add", cost{trips: 4, commands: 6}, func(t *testing.T, here, there *distant) operation {
			return func(ctx context.Context) { added(t, ctx, "k", true) }
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				here, there := f.distant(t), f.distant(t)
				between()
				do := test.make(t, here, there)
				between()
				if got := here.of(do); got != test.want {
					t.Errorf("took %+v, want %+v", got, test.want)
				}
			})
		})
	}
}

// Nobody waits for the refresh of a value past its time: who finds it waits for
// nothing, and the look, the lock and the swap are made behind.
func TestRoundTripsOfAValuePastItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here := f.distant(t)
		between()
		ctx := here.cache.With(context.Background())
		read := func() {
			t.Helper()
			_, err := memo.Do(ctx, "k", func(context.Context) (int, error) { return f.db.read("k"), nil }, memo.TTL(time.Minute), memo.Stale(time.Hour))
			must(t, err)
		}
		read()
		time.Sleep(time.Minute)
		between()
		begin, commands := time.Now(), here.wire.Calls("")
		if read(); !time.Now().Equal(begin) {
			t.Errorf("a reader of a value past its time waited for %v", time.Since(begin))
		}
		time.Sleep(10 * trip) // before the next poll
		if n := here.wire.Calls("") - commands; n != 3 || f.db.queries("k") != 2 {
			t.Errorf("the refresh took %d commands and %d queries, want 3 and 1", n, f.db.queries("k")-1)
		}
	})
}

// A poll after one that found nothing costs the same whether it finds nothing or eight
// records. window_test.go has those that follow each other.
func TestRoundTripsOfAPoll(t *testing.T) {
	t.Parallel()
	for records, want := range map[int]int{0: 1, 1: 1, 8: 1, 9: 2, 100: 2, 264: 2, 265: 3} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			here := f.distant(t)
			writer, _ := f.process(t)
			between()
			for range records {
				must(t, writer.Invalidate(context.Background(), "k"))
			}
			heard, polls := here.cache.Snapshot().Total.Invalidations.Peer, here.wire.Calls("")
			time.Sleep(100 * time.Millisecond)
			if n := here.wire.Calls("") - polls; n != want {
				t.Errorf("%d records: %d commands, one after the other, want %d", records, n, want)
			}
			if n := here.cache.Snapshot().Total.Invalidations.Peer - heard; n != uint64(records) {
				t.Errorf("%d of %d records were heard", n, records)
			}
		})
	}
}
