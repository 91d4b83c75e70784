package flight

import "sync"

// circles guards the waits of all calls: a circle can lead through several
// groups. Only a load that asks for another key takes it.
var circles sync.Mutex

// loads reports whether c, or a load that it is a part of, loads key. Such a
// load asks for its own result. One that has ended asks for nothing: a
// goroutine that it left behind does.
func (c *Call[V]) loads(g *Group[V], key string) bool {
	for ; c != nil && !c.ended(); c = c.parent.Load() {
		if c.group == g && c.is(key) {
			return true
		}
	}
	return false
}

// await notes that a part of c waits for other, or reports that this would
// never end:
//
//  1. request 1 loads A, request 2 loads B
//  2. the load of A asks for B and waits for request 2
//  3. the load of B asks for A and would wait for request 1
//
// It does not look through the queue of a key, see MaxRuns: a circle that leads
// there ends with the Timeout of the load that queues.
func (c *Call[V]) await(other *Call[V]) bool {
	if c == nil {
		return true
	}
	circles.Lock()
	defer circles.Unlock()
	if other.reaches(c, map[*Call[V]]bool{}) {
		return false
	}
	t := c.tied()
	if t.waits == nil {
		t.waits = map[*Call[V]]int{}
	}
	t.waits[other]++
	return true
}

// awaited ends an await.
func (c *Call[V]) awaited(other *Call[V]) {
	if c == nil {
		return
	}
	circles.Lock()
	defer circles.Unlock()
	t := c.tied()
	if t.waits[other]--; t.waits[other] == 0 {
		delete(t.waits, other)
	}
}

// reaches reports whether c waits for target, if by way of others. One that has
// ended waits for nothing, although who waited for it may not be awake yet.
func (c *Call[V]) reaches(target *Call[V], seen map[*Call[V]]bool) bool {
	if c.ended() || seen[c] {
		return false
	}
	if c == target {
		return true
	}
	seen[c] = true
	t := c.ties.Load()
	if t == nil {
		return false
	}
	if t.with != nil && t.with.reaches(target, seen) {
		return true
	}
	for next := range t.waits {
		if next.reaches(target, seen) {
			return true
		}
	}
	return false
}
