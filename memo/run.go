package memo

import (
	"context"
	"slices"
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
	n := &node{Context: ctx, cache: c, counts: l.node.counts, load: r}

	begin := c.clock.Exact()
	c.runs.Add(1)
	loads.Begins(ctx, l.key)
	returned := false
	defer func() {
		c.runTime.Add(c.clock.Exact() - begin)
		if !returned {
			c.runPanics.Add(1)
		}
	}()
	v, err := l.run(n)
	returned = true
	if err == nil && ctx.Err() != nil { // it may be what a query that was cut short had found
		err = context.Cause(ctx)
	}
	if err != nil {
		c.runErrors.Add(1)
		return nil, err
	}
	took := time.Duration(c.clock.Exact() - begin)
	l.typ.took.Store(int64(took))
	if err := r.amend(&l.policy); err != nil {
		return nil, misuse(err, "Amend", keys.Kind(l.key))
	}
	return l.entry(v, took), nil
}

// Amend adds options to what the running loader returns: TTL and Tags, for what is
// known only when it is loaded. The Tags add up, and of two TTLs the last one
// counts. An option that makes no sense is a *UsageError of the calls that wait for
// the loader. Outside of a loader Amend does nothing.
func Amend(ctx context.Context, opts ...Option) {
	n := find(ctx)
	if n == nil || n.load == nil {
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
		case optionNone, optionTTL, optionTags:
		default:
			return &UsageError{Problem: "an option that is not about the value", Fix: "give Amend a TTL or Tags, and others to the call"}
		}
	}
	return p.apply(r.amended)
}
