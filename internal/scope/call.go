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
	item  *Item         // this and err are written once, before done is closed
	err   error

	// Under Scope.mu.
	prev, next *Call // in the calls of the Scope
	detached   bool  // no longer there
	ended      bool
	parent     *Call   // the computation that this one is a part of, or nil
	needs      []*Call // what this computation cannot end without
	walk       uint64  // the last search for a circle that came by
}

// Begin looks again, with the lock, and says what to do about key:
//
//   - it is not nil: here it is.
//   - lead is false: Wait for c.
//   - lead is true: compute, then end c by Done or Fail, whatever happens. c is
//     nil where the Scope is closed or full: nothing is kept, nobody waits.
//
// It keeps key.
func (t *Table) Begin(key string) (it *Item, c *Call, lead bool) {
	return t.BeginWithin(nil, key)
}

// BeginWithin is Begin for a caller that is itself a part of the computation
// parent; nil: of none.
func (t *Table) BeginWithin(parent *Call, key string) (it *Item, c *Call, lead bool) {
	t.scope.mu.Lock()
	defer t.scope.mu.Unlock()
	if it := t.Get(key); it != nil {
		return it, nil, false
	}
	rest := t.scope.more()
	if c := rest.calls.find(t, key); c != nil {
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
	rest.calls.add(c)
	rest.running++
	return nil, c, true
}

// Done ends c with it, an Item of c's key, keeps it and wakes those who wait.
// It returns the Item that the key has in the request now: it, or one that was
// added first. If the key was forgotten, put or the Scope closed since Begin, it is
// not kept: it goes to those who waited, who began before that too, and is
// returned.
func (c *Call) Done(it *Item) *Item {
	if c == nil {
		return it
	}
	s := c.table.scope
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.detach() {
		it = c.table.add(it)
	}
	c.end(it, nil)
	return it
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
	rest := c.table.scope.rest.Load()
	rest.calls.remove(c)
	rest.running--
	return true
}

func (c *Call) end(it *Item, err error) {
	if c.ended {
		return
	}
	c.ended, c.item, c.err = true, it, err
	c.leave()
	if c.done != nil {
		close(c.done)
	}
}

// Wait returns what c ended with. If ctx ends first it returns
// ended.Err(ctx), and c goes on for the others. retry says that the leader left
// without a result, and the caller is to Begin again.
func (c *Call) Wait(ctx context.Context) (it *Item, err error, retry bool) {
	return c.WaitWithin(ctx, nil)
}

// WaitWithin is Wait for a caller that is itself a part of the computation
// parent; nil: of none. It returns ErrCircle at once if the wait would never
// end.
func (c *Call) WaitWithin(ctx context.Context, parent *Call) (it *Item, err error, retry bool) {
	if !c.await(parent) {
		return nil, ErrCircle, false
	}
	defer c.awaited(parent)
	select {
	case <-c.done:
		return c.item, c.err, c.item == nil && c.err == nil
	case <-ctx.Done():
		return nil, ended.Err(ctx), false
	}
}
