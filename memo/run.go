package memo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/internal/ended"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/loads"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// The end of the way down: fn runs, and its result turns back up, by fill.go if
// there is a lease.

// body is fn of any type.
type body interface {
	run(ctx context.Context) (any, error)
}

// bodyOf is the body of a T: a func in an interface is one pointer, which a closure around
// it would allocate.
type bodyOf[T any] func(ctx context.Context) (T, error)

func (fn bodyOf[T]) run(ctx context.Context) (any, error) { return fn(ctx) }

// running is fn at work. Loads that fn makes know it by their ctx.
type running struct {
	cache    *Cache
	home     *home // of its key
	call     *call
	due      int64                     // on the cache's clock, when fn is to have ended; 0: nothing is known of that
	deadline atomic.Pointer[time.Time] // the same for others; nil: nobody has asked
	lease    *lease                    // nil: none
	need     need

	batch *running // of which it is a part, if one run serves several loads: the loader knows that one
	index int      // of its argument in that

	several *several // nil: it serves one load
	mu      sync.Mutex
	remarks *remarks // of the loader, guarded by mu; nil: it has made none
}

// several is what a running of a batch knows of its keys.
type several struct {
	parts []*running
	asked []any // their arguments
	next  int   // of asked: where AmendKey looks first. It is guarded by the running's mu
}

// flight returns the call that r belongs to, or nil.
func (r *running) flight() *call {
	if r == nil {
		return nil
	}
	return r.call
}

// ends returns when r's loader is to have ended, by the wall clock of now: it may be sent
// to others. Few ask, and to have it ready took two readings of the system's clocks.
func (r *running) ends() (at time.Time, ok bool) {
	if r.due == 0 {
		return time.Time{}, false
	}
	if at := r.deadline.Load(); at != nil {
		return *at, true
	}
	at = time.Now().Add(time.Duration(r.due - r.cache.clock.Exact()))
	if !r.deadline.CompareAndSwap(nil, &at) { // all are told the same
		at = *r.deadline.Load()
	}
	return at, true
}

// leased waits until r's lease is confirmed, which takes one round trip beside
// fn: until then nobody knows how new a value has to be.
func (r *running) leased(ctx context.Context) error {
	if r.several != nil {
		for _, part := range r.several.parts {
			if err := part.leased(ctx); err != nil {
				return err
			}
		}
	}
	if r.lease == nil {
		return nil
	}
	select {
	case <-r.lease.confirmed:
		return nil
	case <-ctx.Done():
		return ended.Err(ctx)
	}
}

// needs returns how new what fn reads must be. After leased.
func (r *running) needs() need {
	if r.several != nil {
		return needsOf(r.several.parts)
	}
	if r.lease != nil {
		return need{seq: r.lease.seq, at: r.lease.at}
	}
	return r.need
}

// execute runs fn. Its ctx is nobody's: it has the cache, what the key is varied by, and
// what Config.LoadContext lets through, and of no request the memory, the deadline or
// a value. One caller's would be shown to the others.
func (l *load) execute(ctx context.Context, f *call, r *running) (*tier.Entry, error) {
	r.call = f
	if l.seat != nil {
		return l.executePart(ctx, f, r)
	}
	c := l.cache
	begin := c.clock.Exact()
	r.due = after(begin, l.policy.loadTimeout)
	if !l.single() {
		f.Extend(l.policy.loadTimeout)
	}
	l.tally.runs.Add(1)
	if l.replaces != nil {
		l.tally.refreshes.Add(1)
	}
	loads.Begins(ctx, keys.Asked(l.key))
	returned := false
	defer func() {
		if returned {
			return
		}
		l.tally.runTime.Add(c.clock.Exact() - begin)
		l.tally.runPanics.Add(1)
		if l.replaces != nil {
			l.postpone()
			c.log.panicked(l.typ.of, panickedAt())
		}
	}()
	v, err := l.fn.run(l.inside(ctx, r))
	var tags []string
	if err == nil {
		tags = l.tagsOf(v)
	}
	returned = true
	took := time.Duration(c.clock.Exact() - begin)
	l.tally.runTime.Add(int64(took))
	if failedRun(ctx, err) {
		l.tally.runErrors.Add(1)
	}
	return l.conclude(ctx, f, r, v, tags, took, err)
}

// inside is the ctx of the loader that is r.
func (l *load) inside(ctx context.Context, r *running) *node {
	var n *inner
	if l.own != nil && r == &l.own.running {
		n = &l.own.inner
	} else {
		n = new(inner)
	}
	n.own = rare{load: r, vary: l.policy.vary}
	n.node = node{Context: ctx, cache: l.cache, rare: &n.own, mode: l.policy.vary.mode()}
	return &n.node
}

// inner is the ctx of a loader.
type inner struct {
	node
	own rare
}

// failedRun reports whether a loader that returned err, with ctx, has failed.
func failedRun(ctx context.Context, err error) bool {
	return ctx.Err() != nil || err != nil && !errors.Is(err, ErrNotFound)
}

// conclude makes an entry of what the loader has returned for l: v with tags, or err.
func (l *load) conclude(ctx context.Context, f *call, r *running, v any, tags []string, took time.Duration, err error) (*tier.Entry, error) {
	absent := errors.Is(err, ErrNotFound)
	if (err == nil || absent) && ctx.Err() != nil { // it may be what a query that was cut short had found, or had not
		err, absent = context.Cause(ctx), false
	}
	if err != nil && !absent {
		if failed(ctx) {
			l.postpone()
		}
		return nil, err
	}
	l.typ.took.Store(int64(took))
	if err := l.amend(r); err != nil {
		return nil, misuse(err, "Amend", keys.Kind(keys.Asked(l.key)))
	}
	if err := l.tagged(tags); err != nil {
		return nil, misuse(err, "TagsFrom", keys.Kind(keys.Asked(l.key)))
	}
	if !absent && l.skips(v) {
		l.owns().place = placeRequest
	}
	switch {
	case !absent:
		return l.entry(v, took), nil
	case l.policy.negative > 0:
		return l.negative(took), nil
	}
	f.Keep(func() { l.cache.dropLocal(l.key) }) // an old value, which is no more
	return nil, err
}

// panickedAt is the place of the panic, or of the Goexit, that the deferred function
// which calls it was called by.
func panickedAt() string {
	var stack [64]uintptr
	frames := runtime.CallersFrames(stack[:runtime.Callers(2, stack[:])])
	for begun := false; ; {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic" || f.Function == "runtime.Goexit":
			begun = true
		case begun && !strings.HasPrefix(f.Function, "runtime."):
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		}
		if !more {
			return "unknown"
		}
	}
}

// Amend adds options to what the running loader returns: TTL, Stale, StaleIfError,
// NegativeTTL, Tags, NoStore, LocalOnly and LocalTTL, for what is known only when it is
// loaded. They win over those of the call. The Tags add up, and of two others of a kind
// the last one counts. Another option, one that makes no sense, or two that contradict
// each other, in one Amend or in two of one loader, is a *UsageError of the calls that
// wait for the loader. ctx is the loader's,
// or one made from it; goroutines of the loader may call Amend at once, before it
// returns. Outside of a loader Amend does nothing.
func Amend(ctx context.Context, opts ...Option) {
	n := find(ctx)
	if n == nil || n.load == nil || n.mode&modeBypass != 0 || n.loading() {
		return
	}
	r := n.load
	r.mu.Lock()
	defer r.mu.Unlock()
	said := r.remarked()
	for _, o := range opts {
		o.tags = slices.Clone(o.tags)
		said.amended = append(said.amended, amendment{o, n.vary})
	}
}

// amendment is what the loader has said, and under which Vary: whose tags they are.
type amendment struct {
	Option
	vary *varied
}

// amend adds what the loader has said to l's policy.
func (l *load) amend(r *running) error {
	said, err := r.said()
	if err != nil || len(said) == 0 {
		return err
	}
	for _, o := range said {
		switch o.kind {
		case optionNone, optionTTL, optionStale, optionStaleIfError, optionNegativeTTL, optionTags, optionNoStore, optionLocalOnly, optionLocalTTL:
		default:
			return &UsageError{Problem: "an option that is not about the value", Fix: "give Amend a TTL, Stale, StaleIfError, NegativeTTL, Tags, NoStore, LocalOnly or LocalTTL, and others to the call"}
		}
	}
	p := l.owns()
	own := p.vary
	defer func() { p.vary = own }()
	for i, o := range said {
		for _, before := range said[:i] {
			if problem := contradiction(before.Option, o.Option); problem != nil {
				return problem
			}
		}
		p.vary = o.vary
		if err := p.add(o.Option); err != nil {
			return err
		}
	}
	return nil
}
