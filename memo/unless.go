package memo

import "context"

// Ahead of a read, and of a Set: whether this call goes around the cache, by what the
// program says about its ctx.

// Unless bypasses the cache when fn is true: the call touches no tier and no other
// caller's load, as under Bypass, and is counted so. When fn is false the call is as it
// would be without the option. fn is asked once for each call, on the caller's goroutine
// and with the caller's ctx, and may be called concurrently; if it panics, the call does.
//
// Given to New it is about every call of Do, Refresh, Get, Peek, Set and Add, and each
// pays for the question: a hit in L1 or L2 costs a few allocations more. Of several the
// nearest counts. Invalidations do not ask. Inside of a loader, what a bypassed function
// reads is bypassed too.
func Unless(fn func(ctx context.Context) bool) Option {
	if fn == nil {
		return Option{kind: optionUnless}
	}
	return Option{kind: optionUnless, fn: fn}
}

// exempts adds an Unless.
func (p *policy) exempts(o Option) error {
	fn, ok := o.fn.(func(context.Context) bool)
	if !ok {
		return &UsageError{Problem: "Unless has no function", Fix: "give it one, or leave Unless out"}
	}
	p.unless = fn
	return nil
}

// exempt reports whether a call with ctx goes around the cache.
func (p *policy) exempt(ctx context.Context) bool { return p.unless != nil && p.unless(ctx) }
