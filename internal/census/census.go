// Package census counts the memories of requests that the collector cannot free.
// It stands beside the call's path: the tests of the adapters and the program
// behind `make leak` ask it whether anything outlived its request.
package census

import (
	"context"
	"errors"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/reqcache"
)

// Census counts, and holds nothing of what it counts. The zero Census is ready,
// and is safe for concurrent use.
type Census struct {
	visits, scopes, values atomic.Int64
}

// page is a value that is large enough to be missed.
type page [4096]byte

// ErrNoScope is the answer of a request that has no memory.
var ErrNoScope = errors.New("census: the request has no scope")

// Visit lets the request of ctx remember one more value, and counts its scope
// and that value until they are freed.
func (c *Census) Visit(ctx context.Context) error {
	s := reqcache.From(ctx)
	if s == nil {
		return ErrNoScope
	}
	v, err := memo.Do(ctx, memo.Key("census", c.visits.Add(1)), func(context.Context) (*page, error) { return new(page), nil })
	if err != nil {
		return err
	}
	count(&c.scopes, s)
	count(&c.values, v)
	return nil
}

// count has a cleanup and no weak pointer, which would itself be kept for every
// request and be seen in the heap.
func count[T any](n *atomic.Int64, p *T) {
	n.Add(1)
	runtime.AddCleanup(p, func(n *atomic.Int64) { n.Add(-1) }, n)
}

// Visits is how many calls of Visit had a scope.
func (c *Census) Visits() int64 { return c.visits.Load() }

// Left collects until it has freed all but the given numbers of scopes and
// values, and gives up after patience. It returns how many are left.
func (c *Census) Left(scopes, values int64, patience time.Duration) (int64, int64) {
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) { // cleanups run on goroutines of the runtime
		runtime.GC()
		s, v := c.scopes.Load(), c.values.Load()
		if s <= scopes && v <= values || time.Now().After(end) {
			return s, v
		}
	}
}

// Heap is the size in bytes of the objects that are in use. It collects thrice,
// since a sync.Pool gives up what it holds at the second collection, and what
// that held may be freed at the third.
func Heap() uint64 {
	for range 3 {
		runtime.GC()
	}
	size := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(size)
	return size[0].Value.Uint64()
}
