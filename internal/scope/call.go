package scope

import (
	"context"

	"github.com/tiermemo/tiermemo/internal/ended"
)

// Call is one computation of a key: one caller leads and computes, the others
// wait. A nil Call is that of a leader whose result nobody keeps.
type Call struct {
	table *Table
	key   string
	done  chan struct{} // made for the first who waits: most calls have one caller
	value any           // this and err are written once, before done is closed
	err   error

	// Under Scope.mu.
	prev, next *Call // in table.calls
	detached   bool  // no longer there
	ended      bool
	parent     *Call   // the computation that this one is a part of, or nil
	needs      []*Call // what this computation cannot end without
	walk       uint64  // the last search for a circle that came by
}

// Begin looks again, with the lock, and says what to do about key:
//
//   - v is not nil: here it is.
//   - lead is false: Wait for c.
//   - lead is true: compute, then end c by Done or Fail, whatever happens. c is
//     nil where the Scope is closed or full: nothing is kept, nobody waits.
//
// It keeps key.
func (t *Table) Begin(key string) (v any, c *Call, lead bool) {
	return t.BeginWithin(nil, key)
}

// BeginWithin is Begin for a caller that is itself a part of the computation
// parent; nil: of none.
func (t *Table) BeginWithin(parent *Call, key string) (v any, c *Call, lead bool) {
	t.scope.mu.Lock()
	defer t.scope.mu.Unlock()
	if v := t.Get(key); v != nil {
		return v, nil, false
	}
	if c := t.calls.find(key); c != nil {
		if c.done == nil {
			c.done = make(chan struct{})
		}
		return nil, c, false
	}
	if !t.scope.room() {
		return nil, nil, true
	}
	c = &Call{table: t, key: key}
	if parent.shares(c) && !parent.ended {
		c.parent = parent
		parent.need(c)
	}
	t.calls.add(c)
	t.scope.running++
	return nil, c, true
}

// Done ends c with v, which must not be nil, keeps it and wakes those who wait.
// It returns the value that key has in the request now: v, or one that was
// added first. If key was forgotten, put or the Scope closed since Begin, v is
// not kept: it goes to those who waited, who began before that too, and is
// returned.
func (c *Call) Done(v any) any {
	if c == nil {
		return v
	}
	s := c.table.scope
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.detach() {
		v = c.table.add(c.key, v)
	}
	c.end(v, nil)
	return v
}

// Fail ends c without a value. Those who wait get err; if it is nil, they are
// told to try again, because the leader left. After Done or Fail it does
// nothing.
func (c *Call) Fail(err error) {
	if c == nil {
		return
	}
	s := c.table.scope
	s.mu.Lock()
	defer s.mu.Unlock()
	c.detach()
	c.end(nil, err)
}

// detach takes c out of its table, which frees its key and its place, and
// reports whether it was still there.
func (c *Call) detach() bool {
	if c.detached {
		return false
	}
	c.detached = true
	c.table.calls.remove(c)
	c.table.scope.running--
	return true
}

func (c *Call) end(v any, err error) {
	if c.ended {
		return
	}
	c.ended, c.value, c.err = true, v, err
	c.leave()
	if c.done != nil {
		close(c.done)
	}
}

// Wait returns what c ended with. If ctx ends first it returns
// ended.Err(ctx), and c goes on for the others. retry says that the leader left
// without a result, and the caller is to Begin again.
func (c *Call) Wait(ctx context.Context) (v any, err error, retry bool) {
	return c.WaitWithin(ctx, nil)
}

// WaitWithin is Wait for a caller that is itself a part of the computation
// parent; nil: of none. It returns ErrCircle at once if the wait would never
// end.
func (c *Call) WaitWithin(ctx context.Context, parent *Call) (v any, err error, retry bool) {
	if !c.await(parent) {
		return nil, ErrCircle, false
	}
	defer c.awaited(parent)
	select {
	case <-c.done:
		return c.value, c.err, c.value == nil && c.err == nil
	case <-ctx.Done():
		return nil, ended.Err(ctx), false
	}
}
