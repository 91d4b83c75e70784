package tiertest

import (
	"context"
	"fmt"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// admit.go is what a Node of a Memory refuses without looking at its items.

const (
	maxKey   = 250         // memcached's own limit
	maxValue = 1<<20 - 512 // memcached's item of 1 MiB, less its header and the key
)

// admit refuses what no server would be asked: a call of a Node that is closed,
// one whose ctx has ended, and a key it cannot hold. One such key refuses the
// whole call, before any of it is done.
func (n *memoryNode) admit(ctx context.Context, keys ...string) error {
	if n.closed.Load() {
		return fmt.Errorf("tiertest: %s: the Node is closed", n.name)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("tiertest: %s: %w", n.name, err)
	}
	for _, key := range keys {
		if !validKey(key) {
			return fmt.Errorf("tiertest: %s: a key of %d bytes: %w", n.name, len(key), tier.ErrRefused)
		}
	}
	return nil
}

// admitItem is admit for a call that stores. The size is looked at before the
// item is, so a value that is too large is refused whether or not the item
// exists, and leaves it as it was.
func (n *memoryNode) admitItem(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if err := n.admit(ctx, key); err != nil {
		return err
	}
	if ttl <= 0 {
		return fmt.Errorf("tiertest: %s: a ttl of %v", n.name, ttl)
	}
	if len(value) > maxValue {
		return fmt.Errorf("tiertest: %s: a value of %d bytes: %w", n.name, len(value), tier.ErrRefused)
	}
	return nil
}

func validKey(key string) bool {
	if key == "" || len(key) > maxKey {
		return false
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] == 0x7f {
			return false
		}
	}
	return true
}
