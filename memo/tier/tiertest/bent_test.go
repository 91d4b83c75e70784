package tiertest_test

import (
	"context"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// bent_test.go is what brokenshared_test.go is made of: good Nodes and Shareds
// with some methods replaced.

type bentNode struct {
	tier.Node
	name   func() string
	get    func(ctx context.Context, keys []string, items []tier.Item) error
	add    func(ctx context.Context, key string, value []byte, ttl time.Duration) error
	swap   func(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error
	remove func(ctx context.Context, key string, cas uint64) error
	incr   func(ctx context.Context, key string, delta uint64) (uint64, error)
	touch  func(ctx context.Context, key string, ttl time.Duration) error
	forget func(ctx context.Context, keys ...string) error
	ping   func(ctx context.Context) error
}

func (b *bentNode) Name() string {
	if b.name != nil {
		return b.name()
	}
	return b.Node.Name()
}

func (b *bentNode) GetMulti(ctx context.Context, keys []string, items []tier.Item) error {
	if b.get != nil {
		return b.get(ctx, keys, items)
	}
	return b.Node.GetMulti(ctx, keys, items)
}

func (b *bentNode) Add(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if b.add != nil {
		return b.add(ctx, key, value, ttl)
	}
	return b.Node.Add(ctx, key, value, ttl)
}

func (b *bentNode) CompareAndSwap(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
	if b.swap != nil {
		return b.swap(ctx, key, cas, value, ttl)
	}
	return b.Node.CompareAndSwap(ctx, key, cas, value, ttl)
}

func (b *bentNode) CompareAndDelete(ctx context.Context, key string, cas uint64) error {
	if b.remove != nil {
		return b.remove(ctx, key, cas)
	}
	return b.Node.CompareAndDelete(ctx, key, cas)
}

func (b *bentNode) Incr(ctx context.Context, key string, delta uint64) (uint64, error) {
	if b.incr != nil {
		return b.incr(ctx, key, delta)
	}
	return b.Node.Incr(ctx, key, delta)
}

func (b *bentNode) Touch(ctx context.Context, key string, ttl time.Duration) error {
	if b.touch != nil {
		return b.touch(ctx, key, ttl)
	}
	return b.Node.Touch(ctx, key, ttl)
}

func (b *bentNode) Delete(ctx context.Context, keys ...string) error {
	if b.forget != nil {
		return b.forget(ctx, keys...)
	}
	return b.Node.Delete(ctx, keys...)
}

func (b *bentNode) Ping(ctx context.Context) error {
	if b.ping != nil {
		return b.ping(ctx)
	}
	return b.Node.Ping(ctx)
}

// read is the item of one key, as the good Node has it.
func (b *bentNode) read(ctx context.Context, key string) (tier.Item, error) {
	items := make([]tier.Item, 1)
	err := b.Node.GetMulti(ctx, []string{key}, items)
	return items[0], err
}

// onWrites calls begin before each call that writes, and what it returns after.
func (b *bentNode) onWrites(begin func() (end func())) {
	n := b.Node
	b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
		defer begin()()
		return n.Add(ctx, key, value, ttl)
	}
	b.swap = func(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
		defer begin()()
		return n.CompareAndSwap(ctx, key, cas, value, ttl)
	}
	b.remove = func(ctx context.Context, key string, cas uint64) error {
		defer begin()()
		return n.CompareAndDelete(ctx, key, cas)
	}
	b.incr = func(ctx context.Context, key string, delta uint64) (uint64, error) {
		defer begin()()
		return n.Incr(ctx, key, delta)
	}
	b.touch = func(ctx context.Context, key string, ttl time.Duration) error {
		defer begin()()
		return n.Touch(ctx, key, ttl)
	}
	b.forget = func(ctx context.Context, keys ...string) error {
		defer begin()()
		return n.Delete(ctx, keys...)
	}
}

// bentShared is a list that may change, unless it says that it is fixed.
type bentShared struct {
	nodes func() []tier.Node
	fixed bool
}

func (b bentShared) Nodes() []tier.Node { return b.nodes() }
func (b bentShared) Fixed() bool        { return b.fixed }

type bentCloser struct {
	tier.Shared
	end func() error
}

func (b bentCloser) Close() error { return b.end() }

// bentNodeCloser is a Node that can be closed.
type bentNodeCloser struct {
	*bentNode
	end func() error
}

func (b *bentNodeCloser) Close() error { return b.end() }

// sliceNode is a Node that cannot be compared.
type sliceNode struct {
	tier.Node
	_ []int
}
