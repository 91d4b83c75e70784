package scope

import "sync/atomic"

// Table is the part of one owner. Get takes no lock; whatever changes a Table holds the
// lock of its Scope.
//
// Values are pointers in an any, so that nothing is boxed on the way in or out.
type Table struct {
	scope *Scope
	owner any
	next  atomic.Pointer[Table]

	few atomic.Pointer[few] // nil: empty

	epoch atomic.Uint32 // rises with everything that is forgotten
	live  int32         // values; this and calls are under Scope.mu
	calls calls
}

// Add keeps v under key unless key has a value, and returns the value that key
// has now: a request goes on with what it has read first. Where the Scope is
// closed or full it keeps nothing and returns v. v must not be nil.
func (t *Table) Add(key string, v any) any {
	t.scope.mu.Lock()
	defer t.scope.mu.Unlock()
	return t.add(key, v)
}

// Epoch is for AddSince.
func (t *Table) Epoch() uint64 { return uint64(t.epoch.Load()) }

// AddSince is Add for a value that was read below, without a Call, after Epoch
// returned epoch. If anything has been forgotten since, it keeps nothing and
// returns v. Without it:
//
//  1. One goroutine of the request reads v1 of key in a lower tier.
//  2. Another invalidates key: the lower tiers first, then Forget, which finds nothing here.
//  3. The first adds v1, which the request then sees to its end.
func (t *Table) AddSince(epoch uint64, key string, v any) any {
	t.scope.mu.Lock()
	defer t.scope.mu.Unlock()
	if t.Epoch() != epoch {
		return v
	}
	return t.add(key, v)
}

func (t *Table) add(key string, v any) any {
	if old := t.Get(key); old != nil {
		return old
	}
	if t.scope.room() {
		t.put(key, v, false)
	}
	return v
}

// Put keeps v under key, in place of any value before and of what a running
// Call of key would keep. Where the Scope is closed, or full and key is new to
// it, nothing is kept. v must not be nil.
func (t *Table) Put(key string, v any) {
	t.scope.mu.Lock()
	defer t.scope.mu.Unlock()
	t.replace(key, v)
}

// PutSince is Put for a value that was read below after Epoch returned epoch: where
// anything has been forgotten since, it keeps nothing. See AddSince.
func (t *Table) PutSince(epoch uint64, key string, v any) {
	t.scope.mu.Lock()
	defer t.scope.mu.Unlock()
	if t.Epoch() == epoch {
		t.replace(key, v)
	}
}

func (t *Table) replace(key string, v any) {
	t.poison(key)
	replace := t.Get(key) != nil
	if replace || t.scope.room() {
		t.put(key, v, replace)
	}
}

func (t *Table) put(key string, v any, replace bool) {
	if !replace {
		t.live++
		t.scope.live++
	}
	f := t.few.Load()
	switch {
	case f != nil && f.many != nil:
		f.many.put(key, v)
	case f != nil && f.used < slots && !replace:
		f.append(key, v)
	default:
		// A copy, and no change in place: a reader must find the old value or
		// the new one, and the keys here or there, so one store has to do it.
		t.few.Store(f.with(key, v))
	}
}
