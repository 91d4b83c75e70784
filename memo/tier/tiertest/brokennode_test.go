package tiertest_test

import (
	"bytes"
	"context"
	"errors"
	"hash/fnv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// brokennode_test.go has the mistakes that one makes in what reads.

type brokenNode struct {
	breaks, how, saying string
	bend                func(b *bentNode)
}

func hash(text []byte) uint64 {
	h := fnv.New64a()
	h.Write(text)
	return h.Sum64() | 1
}

// onItems changes each item that is read.
func (b *bentNode) onItems(change func(key string, item *tier.Item)) {
	b.get = func(ctx context.Context, keys []string, items []tier.Item) error {
		if err := b.Node.GetMulti(ctx, keys, items); err != nil {
			return err
		}
		for i := range items {
			change(keys[i], &items[i])
		}
		return nil
	}
}

// countVersions makes CAS ids that count from 1 for each item: anew where it has
// expired, and where it was deleted only if deletesToo is set.
func (b *bentNode) countVersions(deletesToo bool) {
	var mu sync.Mutex
	first := map[string]uint64{} // by key, the good Node's id when the count began
	deleted := map[string]bool{}
	b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
		err := b.Node.Add(ctx, key, value, ttl)
		mu.Lock()
		defer mu.Unlock()
		if err == nil && (deletesToo || !deleted[key]) {
			delete(first, key)
		}
		return err
	}
	b.forget = func(ctx context.Context, keys ...string) error {
		mu.Lock()
		defer mu.Unlock()
		for _, key := range keys {
			deleted[key] = true
		}
		return b.Node.Delete(ctx, keys...)
	}
	b.onItems(func(key string, item *tier.Item) {
		mu.Lock()
		defer mu.Unlock()
		if item.Found() && first[key] == 0 {
			first[key] = item.CAS
		}
		if item.Found() {
			item.CAS -= first[key] - 1
		}
	})
	real := func(key string, cas uint64) uint64 {
		mu.Lock()
		defer mu.Unlock()
		return cas + first[key] - 1
	}
	b.swap = func(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
		return b.Node.CompareAndSwap(ctx, key, real(key, cas), value, ttl)
	}
	b.remove = func(ctx context.Context, key string, cas uint64) error {
		return b.Node.CompareAndDelete(ctx, key, real(key, cas))
	}
}

func brokenReads() []brokenNode {
	return []brokenNode{
		{"GetMulti fills each place", "the items that there are, one after the other", "items[", func(b *bentNode) {
			b.get = func(ctx context.Context, keys []string, items []tier.Item) error {
				found := make([]tier.Item, len(keys))
				if err := b.Node.GetMulti(ctx, keys, found); err != nil {
					return err
				}
				clear(items)
				n := 0
				for _, item := range found {
					if item.Found() {
						items[n] = item
						n++
					}
				}
				return nil
			}
		}},
		{"GetMulti fills each place", "absent keys are passed over", `is "left by the last use"`, func(b *bentNode) {
			b.get = func(ctx context.Context, keys []string, items []tier.Item) error {
				found := make([]tier.Item, len(keys))
				err := b.Node.GetMulti(ctx, keys, found)
				for i, item := range found {
					if item.Found() {
						items[i] = item
					}
				}
				return err
			}
		}},
		{"GetMulti fills each place", "a hundred keys at most", `GetMulti of 300 keys: "too many keys"`, func(b *bentNode) {
			b.get = func(ctx context.Context, keys []string, items []tier.Item) error {
				if len(keys) > 100 {
					return errors.New("too many keys")
				}
				return b.Node.GetMulti(ctx, keys, items)
			}
		}},
		{"an item exists even if it is empty", "empty is nil", "want an empty slice that is not nil", func(b *bentNode) {
			b.onItems(func(_ string, item *tier.Item) {
				if len(item.Value) == 0 {
					item.Value = nil
				}
			})
		}},
		{"each version has its own CAS id", "a hash of the value", "with equal bytes left the CAS id as it was", func(b *bentNode) {
			b.onItems(func(_ string, item *tier.Item) {
				if item.Found() {
					item.CAS = hash(item.Value)
				}
			})
			real := func(ctx context.Context, key string, cas uint64) (uint64, error) {
				item, err := b.read(ctx, key)
				if item.Found() && hash(item.Value) == cas {
					return item.CAS, err
				}
				return 0, err
			}
			b.swap = func(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
				cas, err := real(ctx, key, cas)
				if err != nil {
					return err
				}
				return b.Node.CompareAndSwap(ctx, key, cas, value, ttl)
			}
			b.remove = func(ctx context.Context, key string, cas uint64) error {
				cas, err := real(ctx, key, cas)
				if err != nil {
					return err
				}
				return b.Node.CompareAndDelete(ctx, key, cas)
			}
		}},
		{"each version has its own CAS id", "counted from 1 for each item", "was deleted and added again", func(b *bentNode) { b.countVersions(true) }},
		{"each version has its own CAS id", "the count expires with its item", "has expired and was added again", func(b *bentNode) { b.countVersions(false) }},
		{"values come back as they were", "blanks are trimmed", "the value has", func(b *bentNode) {
			b.onItems(func(_ string, item *tier.Item) { item.Value = bytes.TrimRight(item.Value, "\r\n") })
		}},
		{"values come back as they were", "the caller's slice is kept", "whose caller then wrote to its slice", func(b *bentNode) {
			var mu sync.Mutex
			kept := map[string][]byte{}
			b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				err := b.Node.Add(ctx, key, value, ttl)
				if mu.Lock(); err == nil && len(value) == len("first") {
					kept[key] = value
				}
				mu.Unlock()
				return err
			}
			b.swap = func(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
				mu.Lock()
				delete(kept, key)
				mu.Unlock()
				return b.Node.CompareAndSwap(ctx, key, cas, value, ttl)
			}
			b.onItems(func(key string, item *tier.Item) {
				mu.Lock()
				defer mu.Unlock()
				if item.Found() && kept[key] != nil {
					item.Value = bytes.Clone(kept[key])
				}
			})
		}},
		{"a key that cannot be held is refused", "an error of the client", `"malformed key", which is no answer`, func(b *bentNode) {
			b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				if strings.ContainsAny(key, " \r\n") {
					return errors.New("malformed key")
				}
				return b.Node.Add(ctx, key, value, ttl)
			}
		}},
		{"a key that cannot be held is refused", "long keys are cut", "are one item", func(b *bentNode) {
			cut := func(key string) string { return key[:min(len(key), 250)] }
			b.get = func(ctx context.Context, keys []string, items []tier.Item) error {
				short := make([]string, len(keys))
				for i, key := range keys {
					short[i] = cut(key)
				}
				return b.Node.GetMulti(ctx, short, items)
			}
			b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				return b.Node.Add(ctx, cut(key), value, ttl)
			}
		}},
		{"a value that is too large is refused", "an error of the connection", `"broken pipe", which is no answer`, func(b *bentNode) {
			b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				if len(value) > 1<<19 {
					return errors.New("broken pipe")
				}
				return b.Node.Add(ctx, key, value, ttl)
			}
		}},
		{"a value that is too large is refused", "long values are cut", "the value has", func(b *bentNode) {
			b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				return b.Node.Add(ctx, key, value[:min(len(value), 1<<19)], ttl)
			}
		}},
		{"Ping", "fails before the first connection", "which answers other calls", func(b *bentNode) {
			connected := atomic.Bool{}
			b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				connected.Store(true)
				return b.Node.Add(ctx, key, value, ttl)
			}
			b.ping = func(ctx context.Context) error {
				if !connected.Load() {
					return errors.New("not connected")
				}
				return b.Node.Ping(ctx)
			}
		}},
		{"a call ends with its ctx", "ctx is not passed on", "GetMulti with a deadline that has passed: got no error", func(b *bentNode) {
			b.get = func(ctx context.Context, keys []string, items []tier.Item) error {
				return b.Node.GetMulti(context.WithoutCancel(ctx), keys, items)
			}
		}},
		{"a call ends with its ctx", "only a deadline is looked at", "GetMulti with a ctx that was cancelled: got no error", func(b *bentNode) {
			b.get = func(ctx context.Context, keys []string, items []tier.Item) error {
				only := context.WithoutCancel(ctx)
				if d, ok := ctx.Deadline(); ok {
					var cancel context.CancelFunc
					only, cancel = context.WithDeadline(only, d)
					defer cancel()
				}
				return b.Node.GetMulti(only, keys, items)
			}
		}},
		{"a call ends with its ctx", "a failure is an answer", "Touch with a deadline that has passed: got tier.ErrNotFound", func(b *bentNode) {
			b.touch = func(ctx context.Context, key string, ttl time.Duration) error {
				if err := b.Node.Touch(ctx, key, ttl); err == nil || ctx.Err() == nil {
					return err
				}
				return tier.ErrNotFound
			}
		}},
	}
}
