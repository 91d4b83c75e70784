package events

// invalidate.go has what a writer pays after its commit.

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
	"github.com/tiermemo/tiermemo/memo"
)

// Events of this file.
const (
	InvalidateGroup = "Invalidation"
	InvalidateKey   = "invalidate a key that is there, in the process"
	InvalidateTag   = "invalidate a tag of 10 entries and load them again, in the process"
	InvalidateFar   = "invalidate a key that is there, in the shared tier, all processes told"
	InvalidateFarT  = "invalidate a tag of one entry, in the shared tier, all processes told"
	invalidated     = 10_000
	farKeys         = 128
	ofTag           = 10
)

func invalidations() []lab.Event {
	key := lab.Event{Group: InvalidateGroup, Name: InvalidateKey}
	for _, p := range append(peer.Matrix[data.Small](), peer.Others[data.Small]()...) {
		if p.Closure && p.Name != "sturdyc" && p.Name != "go-redis/cache, local" || p.Name == "groupcache" {
			continue // the same again, or none
		}
		p.Against = ""
		key.Contenders = append(key.Contenders, deleting(p, invalidated))
	}
	return []lab.Event{key, invalidateTag(), invalidateFar(), invalidateFarTag()}
}

// deleting deletes so many keys, each of which is there: all are loaded again, untimed, before
// each pass over them.
func deleting(p peer.Named[string, data.Small], keys int) lab.Contender {
	return contender(p, func(env lab.Env) (lab.Bench, error) {
		o, loads := stringOptions(smalls, keys), new(atomic.Int64)
		if p.Needs == "redis" {
			o.Redis = env.Redis
		}
		load := o.Load
		o.Load = func(ctx context.Context, key string) (data.Small, error) {
			loads.Add(1)
			return load(ctx, key)
		}
		c, err := p.New(o)
		if err != nil {
			return lab.Bench{}, err
		}
		ctx, ks := c.Context(), data.Texts(numbers(env.N(keys)))
		var failed error
		return lab.Bench{
			Block: len(ks),
			Ready: func() error { return allThere(c, ks, loads) },
			Loop: func(n int) {
				for _, k := range ks[:n] {
					if err := c.Delete(ctx, k); err != nil {
						failed = err
					}
				}
			},
			Check: func() error { return failed },
			Close: closing(c),
		}, nil
	})
}

// allThere asks for all keys until each was loaded, which says that the last pass over them has
// deleted it, and none is loaded any more: some peers store what they have loaded a moment later,
// or hear of a deletion then.
func allThere(c peer.Cache[string, data.Small], ks []string, loads *atomic.Int64) error {
	first := loads.Load()
	for range 10 {
		before := loads.Load()
		for _, k := range ks {
			if _, err := c.Get(c.Context(), k); err != nil {
				return err
			}
		}
		if n := loads.Load(); n == before && n-first >= int64(len(ks)) {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("%d loads of %d keys: some were not deleted, or do not stay", loads.Load()-first, len(ks))
}

func invalidateTag() lab.Event {
	names := data.Texts(numbers(ofTag))
	load := func(_ context.Context, id int) (data.Small, error) { return data.NewSmall(id), nil }
	return lab.Event{Group: InvalidateGroup, Name: InvalidateTag, Contenders: []lab.Contender{
		{Name: "tiermemo InvalidateTags", New: func(env lab.Env) (lab.Bench, error) {
			c, err := newMemo(1000)
			if err != nil {
				return lab.Bench{}, err
			}
			f := memo.NewFunc(c, "user", load, memo.Tags("team"))
			ctx := c.With(context.Background())
			return lab.Bench{Loop: func(n int) {
				for range n {
					_ = memo.InvalidateTags(ctx, "team")
					for id := range ofTag {
						_, _ = f.Do(ctx, id)
					}
				}
			}, Close: func() { _ = c.Close(ctx) }}, nil
		}},
		{Name: "otter, ten keys named by hand", New: func(env lab.Env) (lab.Bench, error) {
			c, err := peer.NewOtter(intOptions(smalls, 1000))
			return lab.Bench{Loop: func(n int) {
				ctx := c.Context()
				for range n {
					for id := range ofTag {
						_ = c.Delete(ctx, id)
					}
					for id := range ofTag {
						_, _ = c.Get(ctx, id)
					}
				}
			}, Close: closing(c)}, err
		}},
		{Name: "eko/gocache, with tags", New: func(env lab.Env) (lab.Bench, error) {
			c := peer.NewGocacheTags(stringOptions(smalls, 1000))
			return lab.Bench{Loop: func(n int) {
				for range n {
					_ = c.InvalidateTag(context.Background(), "team")
					for id, name := range names {
						_ = c.SetTagged(context.Background(), name, data.NewSmall(id), "team")
					}
				}
			}}, nil
		}},
	}}
}

// far makes a contender of ours that invalidates through the shared tier what is there: each
// key was set, untimed, with a tag of its own.
func far(name string, do func(ctx context.Context, key, tag string) error) lab.Contender {
	return lab.Contender{Name: name, Needs: "memcached", New: func(env lab.Env) (lab.Bench, error) {
		c, err := peer.NewShared(env.Memcached, space(), 1000)
		if err != nil {
			return lab.Bench{}, err
		}
		ctx, ks, tags := c.With(context.Background()), data.Texts(numbers(farKeys)), make([]string, farKeys)
		for i := range tags {
			tags[i] = fmt.Sprintf("team:%d", i)
		}
		var loads atomic.Int64
		f := memo.NewFunc(c, "warm", func(_ context.Context, id int) (data.Small, error) {
			loads.Add(1)
			return data.NewSmall(id), nil
		}, memo.SharedOnly())
		if err := warm(f, &loads); err != nil {
			return lab.Bench{}, err
		}
		var failed error
		return lab.Bench{
			Block: farKeys,
			Ready: func() error {
				for i, k := range ks {
					if err := memo.Set(ctx, k, data.NewSmall(i), memo.Tags(tags[i])); err != nil {
						return err
					}
				}
				return nil
			},
			Loop: func(n int) {
				for i, k := range ks[:n] {
					if err := do(ctx, k, tags[i]); err != nil && !errors.Is(err, memo.ErrDeferred) {
						failed = err
					}
				}
			},
			Check: func() error { return failed },
			Close: func() { _ = c.Close(ctx) },
		}, nil
	}}
}

func invalidateFar() lab.Event {
	return lab.Event{Group: InvalidateGroup, Name: InvalidateFar, Contenders: []lab.Contender{
		far("tiermemo Invalidate", func(ctx context.Context, key, _ string) error { return memo.Invalidate(ctx, key) }),
		{Name: "gomemcache Delete, which nobody is told of", Floor: true, Needs: "memcached", New: func(env lab.Env) (lab.Bench, error) {
			c, ks, value := peer.NewGomemcache(env.Memcached), make([]string, farKeys), payload(100)
			prefix := space()
			for i := range ks {
				ks[i] = fmt.Sprintf("%s:user:%d", prefix, i)
			}
			var failed error
			return lab.Bench{
				Block: farKeys,
				Ready: func() error {
					for _, k := range ks {
						if err := c.Set(&memcache.Item{Key: k, Value: value}); err != nil {
							return err
						}
					}
					return nil
				},
				Loop: func(n int) {
					for _, k := range ks[:n] {
						if err := c.Delete(k); err != nil { // a key that is not there, too
							failed = err
						}
					}
				},
				Check: func() error { return failed },
				Close: func() { _ = c.Close() },
			}, nil
		}},
		deleting(peer.Named[string, data.Small]{Name: "go-redis/cache Delete, which no other process is told of", New: peer.NewGoRedisCache[data.Small], Needs: "redis"}, farKeys),
		deleting(peer.Named[string, data.Small]{Name: "rueidis DEL, clients that have read it told", New: peer.NewRueidis[data.Small], Needs: "redis"}, farKeys),
	}}
}

func invalidateFarTag() lab.Event {
	return lab.Event{Group: InvalidateGroup, Name: InvalidateFarT, Contenders: []lab.Contender{
		far("tiermemo InvalidateTags", func(ctx context.Context, _, tag string) error { return memo.InvalidateTags(ctx, tag) }),
	}}
}
