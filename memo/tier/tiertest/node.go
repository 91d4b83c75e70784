package tiertest

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// node.go is one server of a Memory: the end of a call's path. Every method
// looks at its arguments, takes the one lock, and answers as memcached would.

// sweepFloor is how many items are not worth looking through for expired ones.
const sweepFloor = 1024

// memoryNode is a Node as a client has it: several may be clients of one server.
type memoryNode struct {
	name   string
	closed atomic.Bool
	*server
}

type server struct {
	mu    sync.Locker // guards all below; never held while calling out
	items map[string]*stored
	cas   uint64 // the id given last
	sweep int    // how many items there may be before the expired ones are looked for
}

// stored is one version of an item. Its value is written once.
type stored struct {
	value   []byte
	cas     uint64
	expires time.Time // zero: never
}

func (s *stored) expired(now time.Time) bool {
	return !s.expires.IsZero() && !now.Before(s.expires)
}

func (n *memoryNode) Name() string { return n.name }

func (n *memoryNode) GetMulti(ctx context.Context, keys []string, items []tier.Item) error {
	if len(keys) != len(items) {
		return fmt.Errorf("tiertest: room for %d items, asked for %d", len(items), len(keys))
	}
	if err := n.admit(ctx, keys...); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, key := range keys {
		items[i] = tier.Item{}
		if s := n.live(key); s != nil {
			items[i] = tier.Item{Value: clone(s.value), CAS: s.cas}
		}
	}
	return nil
}

func (n *memoryNode) Add(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := n.admitItem(ctx, key, value, ttl); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.live(key) != nil {
		return tier.ErrExists
	}
	n.store(key, value, deadline(ttl))
	return nil
}

func (n *memoryNode) CompareAndSwap(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
	if err := n.admitItem(ctx, key, value, ttl); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.compare(key, cas); err != nil {
		return err
	}
	n.store(key, value, deadline(ttl))
	return nil
}

func (n *memoryNode) CompareAndDelete(ctx context.Context, key string, cas uint64) error {
	if err := n.admit(ctx, key); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.compare(key, cas); err != nil {
		return err
	}
	delete(n.items, key)
	return nil
}

// Incr wraps around at 2^64, as memcached does.
func (n *memoryNode) Incr(ctx context.Context, key string, delta uint64) (uint64, error) {
	if err := n.admit(ctx, key); err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.live(key)
	if s == nil {
		return 0, tier.ErrNotFound
	}
	was, err := strconv.ParseUint(string(s.value), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("tiertest: %s: incr of what is not a decimal number", n.name)
	}
	sum := was + delta
	n.store(key, strconv.AppendUint(nil, sum, 10), s.expires)
	return sum, nil
}

func (n *memoryNode) Touch(ctx context.Context, key string, ttl time.Duration) error {
	if err := n.admitItem(ctx, key, nil, ttl); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.live(key)
	if s == nil {
		return tier.ErrNotFound
	}
	s.expires = deadline(ttl)
	return nil
}

func (n *memoryNode) Delete(ctx context.Context, keys ...string) error {
	if err := n.admit(ctx, keys...); err != nil {
		return err
	}
	n.evict(keys)
	return nil
}

func (n *memoryNode) Ping(ctx context.Context) error { return n.admit(ctx) }

// live returns the item of key, or nil. It, compare and store run with n.mu held.
func (n *memoryNode) live(key string) *stored {
	s := n.items[key]
	if s == nil {
		return nil
	}
	if s.expired(time.Now()) {
		delete(n.items, key)
		return nil
	}
	return s
}

func (n *memoryNode) compare(key string, cas uint64) error {
	switch s := n.live(key); {
	case s == nil:
		return tier.ErrNotFound
	case s.cas != cas:
		return tier.ErrConflict
	}
	return nil
}

// store makes a new version of the item. An item that is never asked for again
// is found by no one but the sweep, which doubles its distance to what it left
// and so costs each store the same.
func (n *memoryNode) store(key string, value []byte, expires time.Time) {
	if len(n.items) >= n.sweep {
		now := time.Now()
		maps.DeleteFunc(n.items, func(_ string, s *stored) bool { return s.expired(now) })
		n.sweep = 2*len(n.items) + sweepFloor
	}
	n.cas++
	n.items[key] = &stored{value: clone(value), cas: n.cas, expires: expires}
}

// The four that follow take the lock themselves; they are what befalls a server
// without a call to it.

func (n *memoryNode) flush() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.items)
}

func (n *memoryNode) restart() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.items)
	n.cas = 0
}

func (n *memoryNode) evict(keys []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, key := range keys {
		delete(n.items, key)
	}
}

func (n *memoryNode) appendKeys(keys []string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	for key, s := range n.items {
		if !s.expired(now) {
			keys = append(keys, key)
		}
	}
	return keys
}

func deadline(ttl time.Duration) time.Time {
	if ttl == tier.NoExpiry {
		return time.Time{}
	}
	return time.Now().Add(ttl)
}

// clone, unlike bytes.Clone, makes no nil: the value of an item that exists is
// never nil.
func clone(value []byte) []byte { return append([]byte{}, value...) }
