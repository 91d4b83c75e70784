package flight

import (
	"context"

	"github.com/tiermemo/tiermemo/internal/ended"
)

// Between Lead and the goroutine of a load: who leads may begin it himself. Where he finds
// at once what it is to end with, the goroutine, which grows its stack and is waited for,
// would take longer than all else. To the others it is a load as any: they join it, each
// leaves with his own ctx, and an invalidation marks it.

// Here reports whether c is begun by who leads it: Lead was told so, and it does not queue.
// He is to End it, or have it GoOn, whatever happens to him.
func (c *Call[V]) Here() bool { return c.here }

// End ends c, which is Here, with what its leader has found, who is not to Wait for it.
// Where its Timeout was over, the others have had their answer.
func (c *Call[V]) End(v V, err error) { c.group.land(c, outcome[V]{result: result[V]{v, err}}) }

// GoOn has c, which is Here, go on with its Load on a goroutine of its own, for which its
// leader is to Wait: others may wait for it, or be about to, when he leaves, whose ctx is
// ctx. It reports false where c has ended instead, see Result: its time was over, or no
// load is to begin any more, see Drain.
func (c *Call[V]) GoOn(ctx context.Context) bool {
	if c.forsaken(ctx) {
		c.group.land(c, outcome[V]{})
		return false
	}
	c.goes()
	return true
}

// forsaken reports whether c has its result, and gives it one if it has been cancelled, or
// would begin for nobody while all others end. Else it has a bell from now on.
func (c *Call[V]) forsaken(ctx context.Context) bool {
	c.shard.mu.Lock()
	defer c.shard.mu.Unlock()
	switch {
	case c.settled:
		return true
	case c.ctx.Err() != nil:
		c.group.settle(c, result[V]{err: context.Cause(&c.ctx)})
	case c.waiters == 1 && c.group.closed.Load() && ctx.Err() != nil:
		c.group.settle(c, result[V]{err: ended.Err(ctx)})
	default:
		c.bell = c.shard.takeBell()
	}
	return c.settled
}
