package flight

// Beside the life of one load: several, each the load of its key for those who wait for
// it, which one run of a loader serves. What they have in common here is what they wait
// for.

// Together returns a Call that stands for the loads calls while one run serves them all:
// what that run asks for is a part of it (see Join), so that a run which asks for the
// result of one of its own loads is told so, also by way of others. It is in no Group:
// nobody can join it. end is called once, when the run has ended.
//
// Each of the calls is in one Together at most, they are of one Group, and their leaders
// are parts of the load parent, or, if it is nil, of none.
func Together[V any](parent *Call[V], calls []*Call[V]) (run *Call[V], end func()) {
	run = &Call[V]{group: calls[0].group}
	run.ties.Store(&ties[V]{fellows: calls})
	run.parent.Store(parent)
	circles.Lock()
	defer circles.Unlock()
	for _, c := range calls {
		c.tied().with = run
	}
	return run, func() {
		run.parent.Store(nil)
		run.over.Store(true)
	}
}

// is reports whether c is the load of key, or stands for it.
func (c *Call[V]) is(key string) bool {
	t := c.ties.Load()
	if t == nil || t.fellows == nil {
		return c.key == key
	}
	for _, f := range t.fellows {
		if f.key == key {
			return true
		}
	}
	return false
}
