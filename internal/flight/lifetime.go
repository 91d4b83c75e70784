package flight

import (
	"context"
	"sync/atomic"
	"time"
)

// A lifetime is the ctx of one load: its base, with a cancellation of its own. It lies
// in the Call, and becomes a context of package context only where somebody asks for
// one: most loaders are done before anyone waits for their ctx, or makes another of it.
// To make it for each load took 3 allocations, 112 B, and a tenth of a miss.
type lifetime struct {
	base context.Context
	real atomic.Pointer[cancellable] // nil: nobody has asked yet, and it has not ended
}

// cancellable is what package context makes of a base.
type cancellable struct {
	context.Context
	cancel context.CancelCauseFunc // nil: it has ended, and is many's
}

// newOver is the lifetime that all have whom nobody has asked for theirs before it was over.
func newOver() *cancellable {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return &cancellable{Context: ctx}
}

// made is l as package context has it.
func (l *lifetime) made() *cancellable {
	if r := l.real.Load(); r != nil {
		return r
	}
	ctx, cancel := context.WithCancelCause(l.base)
	r := &cancellable{ctx, cancel}
	if !l.real.CompareAndSwap(nil, r) {
		cancel(nil)
		return l.real.Load()
	}
	return r
}

// end ends l for cause; nil: it is not needed any more. Where the base can have ended
// before, what it has ended with is not replaced.
func (l *lifetime) end(cause error, over *cancellable) {
	if cause == nil && l.base.Done() == nil && l.real.CompareAndSwap(nil, over) {
		return
	}
	if r := l.made(); r.cancel != nil {
		r.cancel(cause)
	}
}

// Deadline implements context.Context.
func (l *lifetime) Deadline() (time.Time, bool) { return l.base.Deadline() }

// Done implements context.Context.
func (l *lifetime) Done() <-chan struct{} { return l.made().Done() }

// Err implements context.Context.
func (l *lifetime) Err() error {
	if r := l.real.Load(); r != nil {
		return r.Err()
	}
	return l.base.Err()
}

// Value implements context.Context. It is also how package context finds its own:
// context.Cause, and who makes a ctx of l, after they have asked for Err or Done.
func (l *lifetime) Value(key any) any {
	r := l.real.Load()
	if r == nil {
		return l.base.Value(key)
	}
	if v := r.Value(key); v != nil || r.cancel != nil {
		return v
	}
	return l.base.Value(key)
}
