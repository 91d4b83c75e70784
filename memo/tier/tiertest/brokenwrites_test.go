package tiertest_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// brokenwrites_test.go has the mistakes that one makes in what writes, and in
// how long it lasts.

func brokenWrites() []brokenNode {
	return []brokenNode{
		{"Add", "overwrites", "Add of a present key: got no error, want tier.ErrExists", func(b *bentNode) {
			b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				err := b.Node.Add(ctx, key, value, ttl)
				if !errors.Is(err, tier.ErrExists) {
					return err
				}
				if err := b.Node.Delete(ctx, key); err != nil {
					return err
				}
				return b.Node.Add(ctx, key, value, ttl)
			}
		}},
		{"Add", "looks, and then stores", "8 calls at once, Add of one absent key: 8 succeeded, want 1", func(b *bentNode) {
			b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				item, err := b.read(ctx, key)
				time.Sleep(time.Millisecond)
				if err == nil && !item.Found() {
					err = b.Node.Delete(ctx, key)
				}
				if err := errors.Join(err, b.Node.Add(ctx, key, value, ttl)); !errors.Is(err, tier.ErrExists) || item.Found() {
					return err
				}
				return nil
			}
		}},
		{"CompareAndSwap", "any version", "CompareAndSwap of the version before: got no error, want tier.ErrConflict", func(b *bentNode) {
			b.swap = func(ctx context.Context, key string, _ uint64, value []byte, ttl time.Duration) error {
				item, err := b.read(ctx, key)
				if err != nil {
					return err
				}
				return b.Node.CompareAndSwap(ctx, key, item.CAS, value, ttl)
			}
		}},
		{"CompareAndSwap", "absent is a conflict", "CompareAndSwap of an absent key: got tier.ErrConflict, want tier.ErrNotFound", func(b *bentNode) {
			b.swap = func(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
				err := b.Node.CompareAndSwap(ctx, key, cas, value, ttl)
				if errors.Is(err, tier.ErrNotFound) {
					return tier.ErrConflict
				}
				return err
			}
		}},
		{"CompareAndSwap", "a version outlives its item", "CompareAndSwap of a version that was deleted: got no error, want tier.ErrNotFound", func(b *bentNode) {
			var versions sync.Map // by key, the last that was read
			b.onItems(func(key string, item *tier.Item) {
				if item.Found() {
					versions.Store(key, item.CAS)
				}
			})
			b.swap = func(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
				err := b.Node.CompareAndSwap(ctx, key, cas, value, ttl)
				if last, ok := versions.Load(key); errors.Is(err, tier.ErrNotFound) && ok && last == cas {
					return b.Node.Add(ctx, key, value, ttl)
				}
				return err
			}
		}},
		{"CompareAndSwap", "under a lock that Delete does not take", "both have returned, and the item is there", func(b *bentNode) {
			b.swapUnder(make(lock, 1))
		}},
		{"CompareAndDelete", "any version", "CompareAndDelete of the version before: got no error, want tier.ErrConflict", func(b *bentNode) {
			b.remove = func(ctx context.Context, key string, cas uint64) error {
				if err := b.Node.CompareAndDelete(ctx, key, cas); !errors.Is(err, tier.ErrConflict) {
					return err
				}
				return b.Node.Delete(ctx, key)
			}
		}},
		{"Incr", "signed numbers", `Incr of 9223372036854775807: "value is out of range"`, func(b *bentNode) {
			b.incr = func(ctx context.Context, key string, delta uint64) (uint64, error) {
				item, err := b.read(ctx, key)
				if n, bad := strconv.ParseInt(string(item.Value), 10, 64); item.Found() && (bad != nil || n+int64(delta) < 0) {
					return 0, errors.New("value is out of range")
				}
				if err != nil {
					return 0, err
				}
				return b.Node.Incr(ctx, key, delta)
			}
		}},
		{"Incr", "two get the same sum", "want each number once", func(b *bentNode) {
			b.incr = func(ctx context.Context, key string, delta uint64) (uint64, error) {
				item, _ := b.read(ctx, key)
				was, _ := strconv.ParseUint(string(item.Value), 10, 64)
				time.Sleep(time.Millisecond)
				_, err := b.Node.Incr(ctx, key, delta)
				return was + delta, err
			}
		}},
		{"Incr", "begins at 0", "Incr of an absent key: got no error, want tier.ErrNotFound", func(b *bentNode) {
			b.incr = func(ctx context.Context, key string, delta uint64) (uint64, error) {
				sum, err := b.Node.Incr(ctx, key, delta)
				if errors.Is(err, tier.ErrNotFound) {
					return delta, b.Node.Add(ctx, key, fmt.Append(nil, delta), time.Hour)
				}
				return sum, err
			}
		}},
		{"Incr makes a version with the same ttl", "the CAS id stays", "left the CAS id as it was", func(b *bentNode) {
			b.onItems(func(key string, item *tier.Item) {
				if _, err := strconv.Atoi(string(item.Value)); err == nil {
					item.CAS = hash([]byte(key))
				}
			})
		}},
		{"Incr makes a version with the same ttl", "the ttl is lost", "has changed its ttl", func(b *bentNode) {
			b.incr = func(ctx context.Context, key string, delta uint64) (uint64, error) {
				sum, err := b.Node.Incr(ctx, key, delta)
				if err == nil {
					err = b.Node.Touch(ctx, key, tier.NoExpiry)
				}
				return sum, err
			}
		}},
		{"Touch", "stores it again", "Touch changed the item: the CAS id was", func(b *bentNode) {
			b.touch = func(ctx context.Context, key string, ttl time.Duration) error {
				item, err := b.read(ctx, key)
				if err != nil {
					return err
				}
				return b.Node.CompareAndSwap(ctx, key, item.CAS, item.Value, ttl)
			}
		}},
		{"Touch", "only looks", "was touched with a ttl of", func(b *bentNode) {
			b.touch = func(ctx context.Context, key string, ttl time.Duration) error {
				item, err := b.read(ctx, key)
				switch {
				case err == nil && ttl <= 0:
					return errors.New("bad ttl")
				case err == nil && !item.Found():
					return tier.ErrNotFound
				}
				return err
			}
		}},
		{"Delete", "an absent key is an error", "Delete of an absent key: tier.ErrNotFound", func(b *bentNode) {
			b.forget = func(ctx context.Context, keys ...string) error {
				for _, key := range keys {
					if item, err := b.read(ctx, key); err == nil && !item.Found() {
						return tier.ErrNotFound
					}
				}
				return b.Node.Delete(ctx, keys...)
			}
		}},
		{"Delete", "a hundred keys at most", `Delete of 1000 keys: "too many keys"`, func(b *bentNode) {
			b.forget = func(ctx context.Context, keys ...string) error {
				if len(keys) > 100 {
					return errors.New("too many keys")
				}
				return b.Node.Delete(ctx, keys...)
			}
		}},
		{"Delete", "the first absent key ends it", "number 1 is still there", func(b *bentNode) {
			b.forget = func(ctx context.Context, keys ...string) error {
				for _, key := range keys {
					if item, err := b.read(ctx, key); err != nil || !item.Found() {
						return err
					}
					if err := b.Node.Delete(ctx, key); err != nil {
						return err
					}
				}
				return nil
			}
		}},
	}
}

func brokenLifetimes() []brokenNode {
	return []brokenNode{
		{"a ttl is a lower bound", "cut to whole seconds", "Add with a ttl of 1.5s: the item was gone after", func(b *bentNode) {
			b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				if ttl > time.Second {
					ttl = ttl.Truncate(time.Second)
				}
				return b.Node.Add(ctx, key, value, ttl)
			}
		}},
		{"a ttl ends", "a swap has none", "CompareAndSwap with a ttl of 1s: the item is still there", func(b *bentNode) {
			b.swap = func(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
				if ttl > 0 {
					ttl = tier.NoExpiry
				}
				return b.Node.CompareAndSwap(ctx, key, cas, value, ttl)
			}
		}},
		{"a ttl ends", "rounded to whole seconds, and 0 is for ever", "Add with a ttl of 1ms: the item is still there", func(b *bentNode) {
			b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				if 0 < ttl && ttl < time.Second/2 {
					ttl = tier.NoExpiry
				}
				return b.Node.Add(ctx, key, value, ttl)
			}
		}},
		{"errors name no key and no value", "the call is in the text of its failure", `has the key or the value in its text: "incr `, func(b *bentNode) {
			b.incr = func(ctx context.Context, key string, delta uint64) (uint64, error) {
				sum, err := b.Node.Incr(ctx, key, delta)
				if err != nil {
					err = fmt.Errorf("incr %q: %w", key, err)
				}
				return sum, err
			}
		}},
		{"errors name no key and no value", "what was too large is quoted", `has the key or the value in its text: "add `, func(b *bentNode) {
			b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				err := b.Node.Add(ctx, key, value, ttl)
				if errors.Is(err, tier.ErrRefused) {
					err = fmt.Errorf("add %.40q: %w", value, err)
				}
				return err
			}
		}},
		{"a ttl of 0 or less is an error", "0 is for ever", "Add with a ttl of 0s: no error", func(b *bentNode) {
			b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				if ttl == 0 {
					ttl = tier.NoExpiry
				}
				return b.Node.Add(ctx, key, value, ttl)
			}
		}},
		{"a long ttl and NoExpiry", "a swap has no number of seconds for it", "CompareAndSwap with NoExpiry: the item was gone within", func(b *bentNode) {
			b.swap = func(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
				if ttl == tier.NoExpiry {
					ttl = 1
				}
				return b.Node.CompareAndSwap(ctx, key, cas, value, ttl)
			}
		}},
		{"a long ttl and NoExpiry", "30 days in seconds are a time of day", "Add with a ttl of 744h0m0s: the item was gone within", func(b *bentNode) {
			b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
				if ttl > 30*24*time.Hour && ttl != tier.NoExpiry {
					ttl = 1
				}
				return b.Node.Add(ctx, key, value, ttl)
			}
		}},
	}
}
