package scope

// Forgetting drops what is kept and, as important, what is about to be: a Call
// that began before the Forget answers those who wait for it, is not kept, and
// is joined by nobody from then on.

// Forget drops keys.
func (t *Table) Forget(keys ...string) {
	t.scope.mu.Lock()
	defer t.scope.mu.Unlock()
	t.epoch.Add(1)
	for _, key := range keys {
		t.poison(key)
		t.remove(key)
	}
}

// ForgetFunc drops the keys for which drop is true, those still being computed
// included. A key that is first asked for while ForgetFunc runs may be dropped
// or not. drop is called without a lock: it may take its time, use the Table, or
// panic.
func (t *Table) ForgetFunc(drop func(key string) bool) {
	keys := t.keys()
	dropped := keys[:0]
	for _, key := range keys {
		if drop(key) {
			dropped = append(dropped, key)
		}
	}
	t.Forget(dropped...)
}

// keys copies the keys that have a value or a Call. It raises the epoch for
// ForgetFunc: what was read before it, and is in nobody's list, may match.
func (t *Table) keys() []string {
	t.scope.mu.Lock()
	defer t.scope.mu.Unlock()
	t.epoch.Add(1)
	keys := make([]string, 0, int(t.live))
	for c := range t.calls {
		keys = append(keys, c.key)
	}
	for it := range t.all {
		keys = append(keys, it.Key)
	}
	return keys
}

// calls yields the running Calls of t; the one it is at may be removed.
func (t *Table) calls(yield func(*Call) bool) {
	r := t.scope.rest.Load()
	if r == nil {
		return
	}
	for c := range r.calls.all {
		if c.table == t && !yield(c) {
			return
		}
	}
}

// Reset drops every key of t.
func (t *Table) Reset() {
	t.scope.mu.Lock()
	defer t.scope.mu.Unlock()
	for c := range t.calls {
		c.detach()
	}
	t.epoch.Add(1)
	t.scope.live -= t.live
	t.clear()
}

// remove drops the Item of key, if any.
func (t *Table) remove(key string) {
	if t.Get(key) == nil {
		return
	}
	m := t.more.Load()
	if m != nil {
		m.remove(key)
	} else {
		t.group.remove(key)
	}
	t.live--
	t.scope.live--
	if t.live == 0 && m != nil {
		t.more.Store(nil) // gives the memory back
	}
}

// clear drops all that t keeps. Its caller has seen to the Calls, the epoch and Scope.live.
func (t *Table) clear() {
	t.live = 0
	t.group.clear()
	if t.more.Load() != nil {
		t.more.Store(nil)
	}
}

// poison lets the running Call of key, if any, end without being kept.
func (t *Table) poison(key string) {
	if r := t.scope.rest.Load(); r != nil {
		if c := r.calls.find(t, key); c != nil {
			c.detach()
		}
	}
}
