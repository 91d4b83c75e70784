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
	"time"

	"github.com/tiermemo/tiermemo/internal/ended"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/loads"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// The end of the way down: fn runs, and its result turns back up, by fill.go if
// there is a lease.

// running is fn at work. Loads that fn makes know it by their ctx.
type running struct {
	cache    *Cache
	home     *home // of its key
	call     *call
	deadline time.Time
	lease    *lease // nil: none
	need     need

	mu      sync.Mutex // guards amended
	amended []Option
}

// flight returns the call that r belongs to, or nil.
func (r *running) flight() *call {
	if r == nil {
		return nil
	}
	return r.call
}

// leased waits until r's lease is confirmed, which takes one round trip beside
// fn: until then nobody knows how new a value has to be.
func (r *running) leased(ctx context.Context) error {
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
	if r.lease != nil {
		return need{seq: r.lease.seq, at: r.lease.at}
	}
	return r.need
}

// execute runs fn. Its ctx is nobody's: it has the cache and what
// Config.LoadContext lets through, and of no request the memory, the deadline or
// a value. One caller's would be shown to the others.
func (l *load) execute(ctx context.Context, f *call, r *running) (*tier.Entry, error) {
	c := l.cache
	r.call = f
	r.deadline = time.Now().Add(l.policy.loadTimeout)
	f.Extend(l.policy.loadTimeout)
	n := &node{Context: ctx, cache: c, counts: l.counts, load: r}

	begin := c.clock.Exact()
	c.runs.Add(1)
	if l.replaces != nil {
		c.refreshes.Add(1)
	}
	loads.Begins(ctx, l.key)
	returned := false
	defer func() {
		c.runTime.Add(c.clock.Exact() - begin)
		if returned {
			return
		}
		c.runPanics.Add(1)
		if l.replaces != nil {
			l.postpone()
			c.log.panicked(l.typ.of, panickedAt())
		}
	}()
	v, err := l.run(n)
	returned = true
	absent := errors.Is(err, ErrNotFound)
	if (err == nil || absent) && ctx.Err() != nil { // it may be what a query that was cut short had found, or had not
		err, absent = context.Cause(ctx), false
	}
	if err != nil && !absent {
		c.runErrors.Add(1)
		if failed(ctx) {
			l.postpone()
		}
		return nil, err
	}
	took := time.Duration(c.clock.Exact() - begin)
	l.typ.took.Store(int64(took))
	if err := r.amend(&l.policy); err != nil {
		return nil, misuse(err, "Amend", keys.Kind(l.key))
	}
	switch {
	case !absent:
		return l.entry(v, took), nil
	case l.policy.negative > 0:
		return l.negative(took), nil
	}
	f.Keep(func() { c.cfg.Local.Delete(l.key) }) // an old value, which is no more
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
// NegativeTTL and Tags, for what is known only when it is loaded. The Tags add up, and
// of two others of a kind the last one counts. Another option, or one that makes no
// sense, is a *UsageError of the calls that wait for the loader. ctx is the loader's,
// or one made from it; goroutines of the loader may call Amend at once, before it
// returns. Outside of a loader Amend does nothing.
func Amend(ctx context.Context, opts ...Option) {
	n := find(ctx)
	if n == nil || n.load == nil || n.mode&modeBypass != 0 {
		return
	}
	r := n.load
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range opts {
		o.tags = slices.Clone(o.tags)
		r.amended = append(r.amended, o)
	}
}

// amend adds what the loader has said to p.
func (r *running) amend(p *policy) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range r.amended {
		switch o.kind {
		case optionNone, optionTTL, optionStale, optionStaleIfError, optionNegativeTTL, optionTags:
		default:
			return &UsageError{Problem: "an option that is not about the value", Fix: "give Amend a TTL, Stale, StaleIfError, NegativeTTL or Tags, and others to the call"}
		}
	}
	return p.apply(r.amended)
}
