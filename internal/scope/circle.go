package scope

import "errors"

// ErrCircle says that a computation would wait for its own end.
var ErrCircle = errors.New("scope: a computation waits for itself")

// await notes that parent cannot end before c does, and reports false if c, by
// way of others, cannot end before parent does:
//
//  1. one goroutine computes A, another B
//  2. the computation of A asks for B, and waits for the second
//  3. the computation of B asks for A, and would wait for the first
//
// A computation may ask on many goroutines at once, so it has a list of needs
// and not one. It is taken to need all that it asked for, also on a goroutine
// that it does not wait for: 3 is then an error where it might have passed.
func (c *Call) await(parent *Call) bool {
	if !parent.shares(c) {
		return true
	}
	s := c.table.scope
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := s.more()
	rest.walk++
	if c.reaches(parent, rest.walk) {
		return false
	}
	parent.need(c)
	return true
}

// shares reports whether p and c are of one Scope, and so under one lock. A
// computation that outlives its request may carry its Call into another.
func (p *Call) shares(c *Call) bool { return p != nil && p.table.scope == c.table.scope }

// awaited ends an await.
func (c *Call) awaited(parent *Call) {
	if !parent.shares(c) {
		return
	}
	c.table.scope.mu.Lock()
	defer c.table.scope.mu.Unlock()
	parent.needNot(c)
}

// reaches reports whether c cannot end before target does. One that has ended
// needs nothing more, although some who waited for it may not be awake yet.
func (c *Call) reaches(target *Call, walk uint64) bool {
	if c.ended || c.walk == walk {
		return false
	}
	if c == target {
		return true
	}
	c.walk = walk
	for _, next := range c.needs {
		if next.reaches(target, walk) {
			return true
		}
	}
	return false
}

// need adds c to the needs of p. Two goroutines of p may need the same c: it is
// listed twice then.
func (p *Call) need(c *Call) { p.needs = append(p.needs, c) }

// leave takes c, which has ended, out of the search. Nothing that still runs
// may refer to c after that, or it would keep its value from being freed.
func (c *Call) leave() {
	if c.parent != nil {
		c.parent.needNot(c)
		c.parent = nil
	}
	for _, n := range c.needs {
		if n.parent == c {
			n.parent = nil
		}
	}
	c.needs = nil
}

func (p *Call) needNot(c *Call) {
	for i, n := range p.needs {
		if n == c {
			last := len(p.needs) - 1
			p.needs[i], p.needs[last] = p.needs[last], nil
			p.needs = p.needs[:last]
			return
		}
	}
}
