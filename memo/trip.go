package memo

import (
	"context"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// Between domain.go and a Node: one call, with the time that it has, its end, and what is
// counted of it.

// do makes one call of a read's path, within its budget, and tells the health of
// the Node about it.
func (d *domain) do(ctx context.Context, op string, fn func(ctx context.Context) error) error {
	return d.doInto(ctx, op, nil, fn)
}

// doInto is do for a read into slabs, if there are any.
func (d *domain) doInto(ctx context.Context, op string, into *slabs, fn func(ctx context.Context) error) error {
	t := &trip{Context: ctx, life: d.life, slabs: into, budget: time.Now().Add(d.cache.cfg.ReadTimeout)}
	if own, ok := ctx.Deadline(); ok && !t.budget.Before(own) {
		t.budget = time.Time{}
	}
	err := d.measured(t, op, fn)
	switch {
	case tier.IsAnswer(err):
		d.readAnswered()
	case !impatient(ctx): // else it is the caller's end, not the Node's
		d.errs.Add(1)
		d.readFailed(err)
	}
	return err
}

// impatient reports whether the time of a caller with ctx is up. It asks for the deadline
// because another timer for the same moment, that of a connection, may ring before the
// ctx's.
func impatient(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

// timed makes one call of the protocol, within the time that ctx has for all of them,
// and counts its failure.
func (d *domain) timed(ctx context.Context, op string, fn func(ctx context.Context) error) error {
	err := d.measured(&trip{Context: ctx, life: d.life}, op, fn)
	if !tier.IsAnswer(err) {
		d.errs.Add(1)
	}
	return err
}

// measured counts one call, and names its failure.
func (d *domain) measured(t *trip, op string, fn func(ctx context.Context) error) error {
	defer t.over()
	begin := d.cache.clock.Exact()
	err := fn(t)
	d.ops.Add(1)
	d.opTime.Add(d.cache.clock.Exact() - begin)
	if err == nil {
		return nil
	}
	return &TierError{Op: op, Tier: d.node.Name(), Err: err}
}

// trip is the ctx of one call of a Node. It ends with its caller's, after its time, and
// with the domain's life, which a write's own ctx does not: Close would wait for it,
// however little time it has.
//
// A ctx that can end in three ways is a timer and three registrations, made and taken
// back for each call: a tenth of a hit in the shared tier. So a trip makes them when it
// is asked for its Done. memo/memcached, which knows the deadline and puts it on its
// connection, asks for what it needs beside it: see Ends and Interrupts.
type trip struct {
	context.Context // its caller's
	life            context.Context
	slabs           *slabs    // nil: what is read is kept
	budget          time.Time // zero: the caller's deadline is nearer, or there is none

	mu    sync.Mutex
	whole context.Context // as anybody else would make it; nil: nobody has asked
	end   func()
	ended bool
}

// loading is the ctx of a load: it ends when Close has no more time. Where the Node leaves
// the list its life ends before that, and a call under way has its ReadTimeout.
type loading struct{ context.Context }

// Deadline implements context.Context.
func (t *trip) Deadline() (time.Time, bool) {
	if t.budget.IsZero() {
		return t.Context.Deadline()
	}
	return t.budget, true
}

// Done implements context.Context.
func (t *trip) Done() <-chan struct{} { return t.made().Done() }

// Err implements context.Context.
func (t *trip) Err() error {
	t.mu.Lock()
	whole := t.whole
	t.mu.Unlock()
	switch { // whole is told of the end of the others after those who wait for Ends
	case whole != nil && whole.Err() != nil:
		return whole.Err()
	case t.Context.Err() != nil:
		return t.Context.Err()
	case t.life.Err() != nil:
		return t.life.Err()
	case !t.budget.IsZero() && !time.Now().Before(t.budget):
		return context.DeadlineExceeded
	}
	return nil
}

// Ends are closed when t ends before its deadline, and maybe then; nil: never. Who waits
// for an answer anyway waits for them beside it, which makes nothing.
func (t *trip) Ends() (caller, life <-chan struct{}) {
	if l, ok := t.Context.(loading); ok {
		return l.Context.Done(), nil
	}
	return t.Context.Done(), t.life.Done()
}

// Interrupts runs f, on a goroutine of its own, when t ends before its deadline, and
// maybe then, until stop is called; stop is that of context.AfterFunc.
func (t *trip) Interrupts(f func()) (stop func() bool) {
	if t.Context.Done() == nil {
		return context.AfterFunc(t.life, f)
	}
	if l, ok := t.Context.(loading); ok {
		return context.AfterFunc(l.Context, f)
	}
	return context.AfterFunc(t.made(), f)
}

func (t *trip) made() context.Context {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.whole == nil {
		var cancel context.CancelFunc
		if t.budget.IsZero() { // a timer of its own could ring before the caller's
			t.whole, cancel = context.WithCancel(t.Context)
		} else {
			t.whole, cancel = context.WithDeadline(t.Context, t.budget)
		}
		stop := context.AfterFunc(t.life, cancel)
		t.end = func() { stop(); cancel() }
		if t.ended { // a Node's goroutine that was left behind
			t.end()
		}
	}
	return t.whole
}

// over ends t with its call.
func (t *trip) over() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if t.end != nil {
		t.end()
	}
}
