package memo

import (
	"context"
	"sync"
)

// At the door of invalidate.go and set.go: who writes is let in and counted here,
// as the flights count who loads.

// writers counts the invalidations and Sets under way. Close lets no more begin,
// and waits for them: what they queue has to be delivered, or to be said lost.
type writers struct {
	mu     sync.Mutex
	count  int
	closed bool
	idle   chan struct{} // made by close, closed when count is 0
}

func (w *writers) enter() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.count++
	return true
}

func (w *writers) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.count--; w.count == 0 && w.closed {
		close(w.idle)
	}
}

// close is called once, and reports whether all writes have ended before ctx.
func (w *writers) close(ctx context.Context) bool {
	w.mu.Lock()
	w.closed, w.idle = true, make(chan struct{})
	none := w.count == 0
	w.mu.Unlock()
	if none {
		return true
	}
	select {
	case <-w.idle:
		return true
	case <-ctx.Done():
		return false
	}
}
