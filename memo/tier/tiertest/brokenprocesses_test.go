package tiertest_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// brokenprocesses_test.go has the mistakes that show only between two processes,
// and the tests that have only one.

func brokenProcesses() []brokenShared {
	return []brokenShared{
		{twoProcesses, "each has a store of its own", "each call of open has made a store of its own", func(*tiertest.Memory) tier.Shared {
			return tiertest.NewMemory()
		}},
		{twoProcesses, "one client for both", "open returned one Shared twice", func(m *tiertest.Memory) tier.Shared {
			return m
		}},
		{twoProcesses, "one node for both", "open returned one Shared twice", func(m *tiertest.Memory) tier.Shared {
			return tier.Single(m.Nodes()[0])
		}},
		{twoProcesses, "a lagging replica", "that one reads a replica which lags", laggingReplica},
		{twoProcesses, "each process keeps what it has read", "has returned in one process, and another then reads", bent(func(b *bentNode) {
			l, kept := make(lock, 1), map[string]tier.Item{}
			var since time.Time
			b.onWrites(func() (release func()) {
				release = l.take()
				clear(kept)
				return release
			})
			b.get = func(ctx context.Context, keys []string, items []tier.Item) error {
				defer l.take()()
				if time.Since(since) > 10*time.Millisecond {
					clear(kept)
					since = time.Now()
				}
				if err := b.Node.GetMulti(ctx, keys, items); err != nil {
					return err
				}
				for i, key := range keys {
					if old, ok := kept[key]; ok {
						items[i] = old
					}
					kept[key] = tier.Item{Value: slices.Clone(items[i].Value), CAS: items[i].CAS}
				}
				return nil
			}
		})},
		{twoProcesses, "a lock in the process", "CompareAndSwap of one version in two processes: 2 succeeded", bent(func(b *bentNode) {
			l := make(lock, 1)
			b.onWrites(l.take)
			b.swapUnder(l)
		})},
	}
}

// laggingReplica reads what the process has written itself from the primary, and
// all else from a copy that is up to 50ms old.
func laggingReplica(m *tiertest.Memory) tier.Shared {
	l, own, copied := make(lock, 1), map[string]bool{}, map[string]tier.Item{}
	primary, since := m.Nodes()[0], time.Now()
	b := &bentNode{Node: primary}
	b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
		release := l.take()
		own[key] = true
		release()
		return primary.Add(ctx, key, value, ttl)
	}
	b.get = func(ctx context.Context, keys []string, items []tier.Item) error {
		defer l.take()()
		if time.Since(since) >= 50*time.Millisecond {
			since = time.Now()
			for _, key := range m.Keys() {
				copied[key], _ = b.read(ctx, key)
			}
		}
		if err := primary.GetMulti(ctx, keys, items); err != nil {
			return err
		}
		for i, key := range keys {
			if !own[key] {
				items[i] = copied[key]
			}
		}
		return nil
	}
	return tier.Single(b)
}

// A lock is a mutex in which a goroutine waits durably, as a bubble has it.
type lock chan struct{}

func (l lock) take() (release func()) {
	l <- struct{}{}
	return func() { <-l }
}

// swapUnder makes CompareAndSwap a look and a store, which l keeps together.
func (b *bentNode) swapUnder(l lock) {
	b.swap = func(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
		defer l.take()()
		item, err := b.read(ctx, key)
		switch {
		case err != nil:
			return err
		case !item.Found():
			return tier.ErrNotFound
		case item.CAS != cas:
			return tier.ErrConflict
		}
		time.Sleep(time.Millisecond)
		if item, err = b.read(ctx, key); err == nil && item.Found() {
			return b.Node.CompareAndSwap(ctx, key, item.CAS, value, ttl)
		}
		return errors.Join(err, b.Node.Add(ctx, key, value, ttl))
	}
}
