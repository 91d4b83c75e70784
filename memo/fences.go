package memo

import (
	"sync"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Beside L2: what this process knows of invalidated tags and trees. A hit compares
// two numbers; only when fences have moved since its last look is an entry
// compared with them.

// mostFences bounds what is remembered of invalidations. Half of them are
// forgotten at a time.
const mostFences = 1 << 16

type fences struct {
	turn   atomic.Uint64 // of known
	hidden atomic.Uint64 // the turn in which everything was hidden

	mu    sync.RWMutex // a leaf; no I/O under it
	known coherence.Fences
}

// everything hides all that this process has begun to load or to read until now.
func (f *fences) everything() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known.Everything()
	f.hidden.Store(f.known.Turn())
	f.turn.Store(f.known.Turn())
}

// again has every entry looked at again.
func (f *fences) again() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known.Again()
	f.turn.Store(f.known.Turn())
}

// made hides what this process has begun to load or to read until now.
func (f *fences) made(about wire.Subject, names []string) {
	f.put(about, names, func(targets []coherence.Target) { f.known.Made(targets...) })
}

// heard hides what is older than the record r, wherever it comes from.
func (f *fences) heard(r wire.Record) {
	f.put(r.About, r.Names, func(targets []coherence.Target) { f.known.Heard(r.Seq, targets...) })
}

func (f *fences) put(about wire.Subject, names []string, up func([]coherence.Target)) {
	targets := make([]coherence.Target, len(names))
	for i, name := range names {
		targets[i] = coherence.Target{About: about, Name: name}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	up(targets)
	f.turn.Store(f.known.Turn())
}

// hides reports whether a fence hides e, which was last checked in the turn checked.
func (f *fences) hides(e *tier.Entry, checked uint64) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.known.Hides(e.Key, e.Tags(), e.Stamp, e.Began, checked)
}

// since reports whether any tag or tree was invalidated since the load of e began.
func (f *fences) since(e *tier.Entry) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.known.Since(e.Stamp, e.Began)
}
