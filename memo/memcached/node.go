package memcached

// node.go is what the engine calls: the operations of tier.Node, each of them
// checked here, run on a lane, and its answer translated.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// node is one server.
type node struct {
	name        string
	maxItemSize int
	pool        *pool
	members     *members
	closing     bool // under members.mu: its pool is closed, or will be
}

var (
	_ tier.Node = (*node)(nil)
	_ io.Closer = (*node)(nil)
)

// deletesAtOnce is how many keys are deleted in one round trip.
const deletesAtOnce = 500

// Name is the server's address, as configured.
func (n *node) Name() string { return n.name }

// Close closes the connections to this server, as (*Client).Close does to all. It
// is for a server that has left the list: if it is a member, the Client has
// another Node for it from now on.
func (n *node) Close() error { return n.members.end(n) }

// GetMulti asks for all keys with one `gets`, which memcached executes in the
// order of the keys. Only what was asked for is taken from the reply; anything
// else in it is an error.
func (n *node) GetMulti(ctx context.Context, keys []string, items []tier.Item) error {
	if len(items) != len(keys) {
		return fmt.Errorf("memcached: get on %s: %d items for %d keys", n.name, len(items), len(keys))
	}
	clear(items)
	if len(keys) == 0 {
		return nil
	}
	r := &request{verb: "gets", keys: keys}
	err := n.together(ctx, "get", keys, r, func(l *lane) error { return l.get(keys, items) })
	if err == nil && !r.alone {
		copy(items, r.items)
	}
	if err != nil {
		clear(items)
	}
	return err
}

// Add may answer ErrExists although it stored the item: if the connection died or hung
// before the first answer came, the request is repeated and finds its own item.
// A caller that cares recognises it by its content, a random token for example.
func (n *node) Add(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	item := &memcache.Item{Key: key, Value: value}
	return n.store(ctx, "add", item, ttl, (*memcache.Client).Add, tier.ErrExists)
}

// CompareAndSwap may be repeated as well. If the first answer is lost, the
// second is ErrConflict, for the swap has changed the CAS id: the caller learns
// less than it could, and nothing wrong is stored.
func (n *node) CompareAndSwap(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
	item := &memcache.Item{Key: key, Value: value, CasID: cas}
	return n.store(ctx, "cas", item, ttl, (*memcache.Client).CompareAndSwap, tier.ErrNotFound)
}

// CompareAndDelete is a swap for an empty value that has already expired: the
// protocol has no conditional delete. Repeated, it answers ErrNotFound.
func (n *node) CompareAndDelete(ctx context.Context, key string, cas uint64) error {
	item := &memcache.Item{Key: key, CasID: cas, Expiration: expired}
	return n.write(ctx, "delete by cas", item, (*memcache.Client).CompareAndSwap, tier.ErrNotFound)
}

type sender func(*memcache.Client, *memcache.Item) error

func (n *node) store(ctx context.Context, op string, item *memcache.Item, ttl time.Duration, send sender, notStored error) (err error) {
	if item.Expiration, err = expiration(ttl, time.Now()); err != nil {
		return err
	}
	if len(item.Value) > n.maxItemSize {
		return fmt.Errorf("memcached: %s on %s: %w: the value has %d bytes, more than Config.MaxItemSize (%d)",
			op, n.name, tier.ErrRefused, len(item.Value), n.maxItemSize)
	}
	return n.write(ctx, op, item, send, notStored)
}

func (n *node) write(ctx context.Context, op string, item *memcache.Item, send sender, notStored error) error {
	r := &request{verb: "cas", key: item.Key, value: item.Value, expiry: item.Expiration, cas: item.CasID}
	if op == "add" {
		r.verb = op
	}
	return n.together(ctx, op, []string{item.Key}, r, func(l *lane) error {
		err := l.call(func(c *memcache.Client) error { return send(c, item) })
		switch {
		case err == nil:
			return nil
		case noRoom(l.reply.said):
			return tier.ErrRefused
		case errors.Is(err, memcache.ErrCASConflict):
			return tier.ErrConflict
		case errors.Is(err, memcache.ErrCacheMiss):
			return tier.ErrNotFound
		case errors.Is(err, memcache.ErrNotStored):
			return notStored
		}
		return err
	})
}

// Incr may be repeated, and then adds delta twice: the sum it returns is still
// larger than any before it and nobody else's, and the protocol lets numbers be
// skipped. An item that is not a number is an error.
func (n *node) Incr(ctx context.Context, key string, delta uint64) (sum uint64, err error) {
	err = n.do(ctx, "incr", []string{key}, func(l *lane) error {
		return found(l.call(func(c *memcache.Client) (err error) { sum, err = c.Increment(key, delta); return err }))
	})
	if err != nil {
		return 0, err
	}
	return sum, nil
}

// Touch gives an existing item a new ttl.
func (n *node) Touch(ctx context.Context, key string, ttl time.Duration) error {
	seconds, err := expiration(ttl, time.Now())
	if err != nil {
		return err
	}
	r := &request{verb: "touch", key: key, expiry: seconds}
	return n.together(ctx, "touch", []string{key}, r, func(l *lane) error {
		return found(l.call(func(c *memcache.Client) error { return c.Touch(key, seconds) }))
	})
}

func found(err error) error {
	if errors.Is(err, memcache.ErrCacheMiss) {
		return tier.ErrNotFound
	}
	return err
}

// Delete sends one request for each key, as many as fit at once, and then reads the
// answers. After an error some keys may be deleted and others not. If one key cannot be a
// key, none is deleted.
func (n *node) Delete(ctx context.Context, keys ...string) error {
	if len(keys) == 1 {
		err := n.together(ctx, "delete", keys, &request{verb: "delete", key: keys[0]}, func(l *lane) error {
			return found(l.call(func(c *memcache.Client) error { return c.Delete(keys[0]) }))
		})
		if err == tier.ErrNotFound {
			return nil
		}
		return err
	}
	if len(keys) == 0 {
		return nil
	}
	return n.do(ctx, "delete", keys, func(l *lane) error {
		for part := range slices.Chunk(keys, deletesAtOnce) {
			t := &train{}
			for _, key := range part {
				r := &request{verb: "delete", key: key}
				t.text, t.requests = r.append(t.text), append(t.requests, r)
			}
			if err := l.ask(0, func(*memcache.Client) error { return l.exchange(t) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// Ping asks for the server's version, on a connection like any other operation.
func (n *node) Ping(ctx context.Context) error {
	return n.do(ctx, "ping", nil, func(l *lane) error { return l.call((*memcache.Client).Ping) })
}
