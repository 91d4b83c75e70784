package memo_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What a batch costs, in round trips as roundtrips_test.go counts them, and in what the
// process allocates.

// many reads keys, which take loading to load.
func (p *distant) many(t *testing.T, ctx context.Context, keys []string, opts ...memo.Option) {
	t.Helper()
	values, err := memo.DoMany(ctx, keys, func(_ context.Context, missing []string) (map[string]int, error) {
		p.began = time.Now()
		defer func() { p.ended = time.Now() }()
		time.Sleep(loading)
		found := map[string]int{}
		for _, key := range missing {
			found[key] = p.db.read(key)
		}
		return found, nil
	}, append(opts, memo.TTL(time.Minute))...)
	must(t, err)
	if len(values) != len(keys) {
		t.Errorf("%d values, want %d", len(values), len(keys))
	}
}

func TestRoundTripsOfBatches(t *testing.T) {
	t.Parallel()
	hundred, background := keysOf("user", 100), context.Background()
	tagsOf := memo.TagsFunc(func(key string) []string { return []string{"all", "of " + key} })
	for _, test := range []struct {
		name  string
		nodes []string
		want  cost
		make  func(t *testing.T, here, there *distant) func(ctx context.Context)
	}{
		{"100 hits", []string{"a"}, cost{trips: 1, commands: 1}, func(t *testing.T, here, there *distant) func(ctx context.Context) {
			there.many(t, there.cache.With(background), hundred)
			return func(ctx context.Context) { here.many(t, ctx, hundred) }
		}},
		{"100 hits on three servers", []string{"a", "b", "c"}, cost{trips: 1, commands: 3}, func(t *testing.T, here, there *distant) func(ctx context.Context) {
			there.many(t, there.cache.With(background), hundred)
			return func(ctx context.Context) { here.many(t, ctx, hundred) }
		}},
		{"100 hits with tags", []string{"a"}, cost{trips: 1, commands: 1}, func(t *testing.T, here, there *distant) func(ctx context.Context) {
			there.many(t, there.cache.With(background), hundred, tagsOf)
			return func(ctx context.Context) { here.many(t, ctx, hundred, tagsOf) }
		}},
		{"100 hits of a loader of one", []string{"a"}, cost{trips: 1, commands: 1}, func(t *testing.T, here, there *distant) func(ctx context.Context) {
			there.many(t, there.cache.With(background), hundred)
			return func(ctx context.Context) {
				_, err := memo.DoEach(ctx, hundred, hundred, func(context.Context, string) (int, error) { t.Error("loaded"); return 0, nil })
				must(t, err)
			}
		}},
		{"100 loads", []string{"a"}, cost{trips: 2, after: 1, commands: 1 + 100 + 1 + 100}, func(t *testing.T, here, there *distant) func(ctx context.Context) {
			there.many(t, there.cache.With(background), keysOf("user", 1)) // of this tree
			must(t, there.cache.Invalidate(background, hundred...))
			return func(ctx context.Context) { here.many(t, ctx, hundred) }
		}},
		{"50 hits, 50 loads", []string{"a"}, cost{trips: 2, after: 1, commands: 1 + 50 + 1 + 50}, func(t *testing.T, here, there *distant) func(ctx context.Context) {
			there.many(t, there.cache.With(background), hundred[:50])
			return func(ctx context.Context) { here.many(t, ctx, hundred) }
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleetOn(test.nodes...)
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

// The same on a real server.
func TestDoManyOfAHundredKeysIsOneCommand(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	process := func() (context.Context, *tiertest.Faulty) {
		client := dial(t, server)
		wire := tiertest.NewFaulty(client)
		t.Cleanup(func() { must(t, client.Close()) })
		cfg := patient(memo.Config{Prefix: "t", Shared: wire})
		cfg.PollInterval = patience / 2 // a poll is a command, too
		ctx := newCache(t, cfg).With(context.Background())
		return ctx, wire
	}
	there, _ := process()
	here, wire := process()
	keys := keysOf("user", 100)
	rows := newRowset(keys...)
	for _, ctx := range []context.Context{there, here} { // and both have polled
		_, err := memo.DoMany(ctx, keys[:50], rows.find)
		must(t, err)
	}
	_, err := memo.DoMany(there, keys, rows.find)
	must(t, err)
	before := wire.Calls("")
	_, err = memo.DoMany(here, keys, rows.find)
	must(t, err)
	if calls := wire.Calls("") - before; calls != 1 {
		t.Errorf("took %d commands, want 1", calls)
	}
	rows.asked(t, keys[:50], keys[50:])
}

func TestDoManyAllocations(t *testing.T) {
	c := newCache(t, memo.Config{})
	request, end := c.Begin(context.Background())
	defer end()
	keys := keysOf("user", 100)
	rows := newRowset(keys...)
	find := rows.find
	for where, ctx := range map[string]context.Context{"L1": request, "L2": c.With(context.Background())} {
		var values map[string]int
		want := testing.AllocsPerRun(1000, func() {
			values = make(map[string]int, len(keys))
			for _, key := range keys {
				values[key] = 1
			}
		})
		allocates(t, where+", 100 keys: beside the map what the call knows, and the slice of its results", want+2, func() {
			values, _ = memo.DoMany(ctx, keys, find)
		})
		if len(values) != len(keys) {
			t.Errorf("%d values", len(values))
		}
	}
	if n := c.Snapshot().Total.Runs; n != 1 {
		t.Errorf("%d runs of the loader, want 1", n)
	}
}
