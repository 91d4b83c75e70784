package memo

import (
	"cmp"
	"context"
	"runtime/debug"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/loads"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// The end of the way down for a batch: one call of the loader for the loads that have
// come to it, and each goes up again with its own part of the result.

// chunksAtOnce is how many calls of its loader a batch makes at once.
const chunksAtOnce = 4

// runner is a load that waits for its part of what the loader returns.
type runner struct {
	load    *load
	seat    *seat
	call    *call
	running *running // as which it would run alone
	chunk   *chunk   // nil until it is known when the loader runs
	gone    bool     // it does not wait any more
	index   int      // of its argument, among those that chunk asks for
	done    chan struct{}
}

// chunk is one call of the loader. What can change is under the lock of its gather.
type chunk struct {
	gather  *gather
	runners []*runner
	asked   []any
	running *running

	cancel context.CancelCauseFunc // nil: it has not begun
	left   int                     // runners who wait

	// Written before they are done.
	found []found
	err   error
	took  time.Duration
}

// executePart is execute for a load that travels with others.
func (l *load) executePart(ctx context.Context, f *call, r *running) (*tier.Entry, error) {
	v, took, err := l.together(ctx, f, r)
	if p, panicked := err.(*flight.Panic); panicked { // the loader's own: run has noted it
		if l.replaces != nil {
			l.postpone()
		}
		return nil, p
	}
	var tags []string
	if err == nil {
		returned := false
		defer func() {
			if returned {
				return
			}
			l.tally.runPanics.Add(1)
			if l.replaces != nil {
				l.postpone()
				l.cache.log.panicked(l.typ.of, panickedAt())
			}
		}()
		tags = l.tagsOf(v)
		returned = true
	}
	return l.conclude(ctx, f, r, v, tags, took, err)
}

// together runs the loader for l and those who travel with it, and returns what it found
// for l.
func (l *load) together(ctx context.Context, f *call, r *running) (v any, took time.Duration, err error) {
	g := l.seat.gather
	w := &runner{load: l, seat: l.seat, call: f, running: r, done: make(chan struct{})}
	g.mu.Lock()
	g.runs = append(g.runs, w)
	l.seat.flight = false // it does not come back
	g.out--
	g.depart()
	select {
	case <-w.done:
	case <-ctx.Done():
		if g.abandons(w, context.Cause(ctx)) {
			return nil, 0, context.Cause(ctx)
		}
		<-w.done
	}
	k := w.chunk
	switch {
	case w.index < len(k.found) && k.found[w.index].ok:
		return k.found[w.index].value, k.took, nil
	case k.err != nil:
		return nil, k.took, k.err
	}
	return nil, k.took, ErrNotFound
}

// abandons notes that nobody waits for w's load, and reports whether it may go. The last
// one of a call of the loader ends that call, and stays until it has ended: Close waits
// for loads.
func (g *gather) abandons(w *runner, cause error) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	w.gone = true
	if w.chunk == nil {
		if i := slices.Index(g.runs, w); i >= 0 {
			g.runs = slices.Delete(g.runs, i, i+1)
		}
		return true
	}
	if w.chunk.cancel == nil {
		return true
	}
	if w.chunk.left--; w.chunk.left > 0 {
		return true
	}
	w.chunk.cancel(cause)
	return false
}

// runAll calls the loader for runners, in as many calls as it takes.
func (g *gather) runAll(runners []*runner) {
	slices.SortFunc(runners, func(a, b *runner) int { return cmp.Compare(a.seat.at, b.seat.at) })
	calls := make([]*call, len(runners))
	for i, w := range runners {
		calls[i] = w.call
	}
	together, end := flight.Together(g.parent.flight(), calls)
	defer end()
	var chunks []*chunk
	for part := range slices.Chunk(runners, g.size) {
		chunks = append(chunks, &chunk{gather: g, runners: part})
	}
	g.mu.Lock()
	for _, k := range chunks {
		for _, w := range k.runners {
			w.chunk = k
		}
	}
	g.mu.Unlock()
	_ = each(len(chunks), chunksAtOnce, func(i int) error {
		for _, later := range chunks[min(i+1, len(chunks)):] { // waits for this one
			for _, w := range later.runners {
				w.call.Extend(2 * w.load.policy.loadTimeout)
			}
		}
		k := chunks[i]
		if ctx := k.begin(together); ctx != nil {
			ended := make(chan struct{})
			go k.run(ctx, ended) // which may call Goexit
			<-ended
		}
		for _, w := range k.runners {
			close(w.done)
		}
		return nil
	})
}

// begin prepares the call of the loader for those who still wait; nil: nobody does.
func (k *chunk) begin(together *call) context.Context {
	g := k.gather
	g.mu.Lock()
	defer g.mu.Unlock()
	index := make(map[string]int, len(k.runners)) // two loads of a key run at once where one may not join the other
	of := &several{}
	k.running = &running{cache: g.cache, call: together, several: of}
	var longest time.Duration
	for _, w := range k.runners {
		if w.gone {
			continue
		}
		i, known := index[w.load.key]
		if !known {
			i = len(k.asked)
			index[w.load.key] = i
			k.asked = append(k.asked, w.seat.arg)
		}
		k.left++
		w.index, w.running.batch, w.running.index = i, k.running, i
		of.parts = append(of.parts, w.running)
		longest = max(longest, w.load.policy.loadTimeout)
	}
	if k.left == 0 {
		return nil
	}
	of.asked = k.asked
	k.running.due = after(g.cache.clock.Exact(), longest)
	k.running.home = of.parts[0].home
	for _, part := range of.parts {
		if part.home != k.running.home {
			k.running.home = nil // of none in particular
		}
	}
	ctx, cancel := context.WithCancelCause(g.base)
	k.cancel = cancel
	return ctx
}

// run calls the loader, on a goroutine of its own.
func (k *chunk) run(ctx context.Context, ended chan struct{}) {
	defer close(ended)
	defer k.cancel(nil)
	g, c, first := k.gather, k.gather.cache, k.runners[0].load
	for _, w := range k.runners {
		w.call.Extend(w.load.policy.loadTimeout)
		loads.Begins(ctx, keys.Asked(w.load.key))
	}
	begin := c.clock.Exact()
	first.tally.runs.Add(1)
	if g.behind {
		first.tally.refreshes.Add(1)
	}
	returned := false
	defer func() {
		k.took = time.Duration(c.clock.Exact() - begin)
		first.tally.runTime.Add(int64(k.took))
		if returned {
			return
		}
		k.err = &flight.Panic{Value: recover(), Stack: debug.Stack()}
		first.tally.runPanics.Add(1)
		if g.behind {
			c.log.panicked(first.typ.of, panickedAt())
		}
	}()
	k.found, k.err = g.load(first.inside(ctx, k.running), k.asked)
	returned = true
	if failedRun(ctx, k.err) {
		first.tally.runErrors.Add(1)
	}
}
