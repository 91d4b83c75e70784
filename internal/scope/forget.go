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
	keys := make([]string, 0, int(t.live)+t.calls.n)
	for c := range t.calls.all {
		keys = append(keys, c.key)
	}
	f := t.few.Load()
	if f == nil {
		return keys
	}
	for s := range f.live {
		keys = append(keys, s.key)
	}
	if f.many != nil {
		for it := range f.many.index.Range {
			keys = append(keys, it.Key)
		}
	}
	return keys
}

// Reset drops every key of t.
func (t *Table) Reset() {
	t.scope.mu.Lock()
	defer t.scope.mu.Unlock()
	t.clear()
}

// remove drops the value of key, if any.
func (t *Table) remove(key string) {
	if t.Get(key) == nil {
		return
	}
	if f := t.few.Load(); f.many != nil {
		f.many.remove(key)
	} else {
		f.forget(f.find(key))
	}
	t.live--
	t.scope.live--
	if t.live == 0 {
		t.few.Store(nil) // gives the memory back
	}
}

func (t *Table) clear() {
	t.epoch.Add(1)
	for c := range t.calls.all {
		c.detach()
	}
	t.scope.live -= t.live
	t.live = 0
	t.few.Store(nil)
}

// poison lets the running Call of key, if any, end without being kept.
func (t *Table) poison(key string) {
	if c := t.calls.find(key); c != nil {
		c.detach()
	}
}
