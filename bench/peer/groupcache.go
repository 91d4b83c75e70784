package peer

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/golang/groupcache"
)

// golang/groupcache: https://pkg.go.dev/github.com/golang/groupcache, NewGroup with a
// GetterFunc. It keeps bytes, here in the shortest form that one can write, and forgets
// nothing but by size; without other processes all keys are its own.

type groupCache[V any] struct {
	plain
	group  *groupcache.Group
	decode func([]byte) (V, error)
}

// A group's name is for the whole process, and for ever.
var groups atomic.Int64

// entryBytes is what an entry of the tables takes at most, since the bound is in bytes.
const entryBytes = 1024

// NewGroupcache is a Group of groupcache.
func NewGroupcache[V any](o Options[string, V]) (Cache[string, V], error) {
	name := fmt.Sprint("group", groups.Add(1))
	g := groupcache.NewGroup(name, int64(o.Size)*entryBytes, groupcache.GetterFunc(func(ctx context.Context, key string, dest groupcache.Sink) error {
		v, err := o.Load(ctx, key)
		if err != nil {
			return err
		}
		return dest.SetBytes(o.Encode(v))
	}))
	return &groupCache[V]{group: g, decode: o.Decode}, nil
}

func (c *groupCache[V]) Get(ctx context.Context, k string) (v V, err error) {
	var text []byte
	if err := c.group.Get(ctx, k, groupcache.AllocatingByteSliceSink(&text)); err != nil {
		return v, err
	}
	return c.decode(text)
}

// Delete cannot be: "if key foo is value bar, key foo must always be bar".
func (c *groupCache[V]) Delete(context.Context, string) error { return ErrUnsupported }
