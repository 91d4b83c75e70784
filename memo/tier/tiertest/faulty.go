package tiertest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// faulty.go stands between the engine and a Shared: it counts each call, finds
// the Fault that hits it, and lets it meet that fault's steps.

// Faulty is a Shared that injects faults into another: into all of its Nodes, or
// into the one that Fault.Node names. Its Nodes are equal (==) whenever the Nodes
// they wrap are, and their Close is that of those. The zero value is not usable;
// see NewFaulty. All methods are safe for concurrent use.
type Faulty struct {
	tier.Shared

	mu     sync.Mutex // guards all below; never held while calling out
	faults []*injected
	calls  map[counted]int
	busy   int           // calls in progress, late ones included
	idle   chan struct{} // closed when busy falls to 0; nil: no one waits
}

// counted is what calls are counted by.
type counted struct {
	node string
	op   Op
}

type injected struct {
	Fault
	hit int
}

// NewFaulty wraps s.
func NewFaulty(s tier.Shared) *Faulty {
	return &Faulty{Shared: s, calls: map[counted]int{}}
}

// Nodes implements tier.Shared: the members of the wrapped Shared, each of them
// faulty.
func (f *Faulty) Nodes() []tier.Node {
	var nodes []tier.Node
	for _, n := range f.Shared.Nodes() {
		nodes = append(nodes, faultyNode{f, n})
	}
	return nodes
}

// Fixed implements tier.Shared with what the wrapped Shared says.
func (f *Faulty) Fixed() bool { return f.Shared.Fixed() }

// Close closes the wrapped Shared if it is an io.Closer. It does not wait for
// late calls, nor fail them; see WaitIdle.
func (f *Faulty) Close() error {
	if c, ok := f.Shared.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Inject adds fault until remove is called. Of several faults that match a
// call, the one injected first hits it, and it alone; one that has hit as often
// as its Times says matches no more. Calls that a fault has hit already meet
// all of its steps, removed or not. To call remove again does nothing.
func (f *Faulty) Inject(fault Fault) (remove func()) {
	in := &injected{Fault: fault}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, in)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.faults = slices.DeleteFunc(f.faults, func(other *injected) bool { return other == in })
	}
}

// Calls counts the calls of op since the start, or of every method for "". A
// call counts from when it begins, and even if a fault keeps it from the Node.
func (f *Faulty) Calls(op Op) int { return f.CallsOf("", op) }

// CallsOf is Calls on the Nodes of one name, or on all for "".
func (f *Faulty) CallsOf(node string, op Op) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := 0
	for c, n := range f.calls {
		if (op == "" || c.op == op) && (node == "" || c.node == node) {
			calls += n
		}
	}
	return calls
}

// WaitIdle returns when no call is in progress, late ones included, or else
// with an error that wraps ctx's when ctx ends.
func (f *Faulty) WaitIdle(ctx context.Context) error {
	f.mu.Lock()
	if f.busy == 0 {
		f.mu.Unlock()
		return nil
	}
	if f.idle == nil {
		f.idle = make(chan struct{})
	}
	busy, idle := f.busy, f.idle
	f.mu.Unlock()

	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("tiertest: waiting for %d calls: %w", busy, ctx.Err())
	}
}

// begin counts c and returns the fault that hits it: the zero Fault if none
// does.
func (f *Faulty) begin(node string, c call) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[counted{node, c.op}]++
	f.busy++
	for _, in := range f.faults {
		if in.Times > 0 && in.hit == in.Times {
			continue
		}
		if in.hits(node, c) {
			in.hit++
			return in.Fault
		}
	}
	return Fault{}
}

func (f *Faulty) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy--
	if f.busy == 0 && f.idle != nil {
		close(f.idle)
		f.idle = nil
	}
}

// later applies c in the background. It is begun before its caller ends, so
// that no WaitIdle can come between the two and find nothing in progress.
func (f *Faulty) later(ctx context.Context, n tier.Node, c call, fault Fault) {
	f.mu.Lock()
	f.busy++
	f.mu.Unlock()

	ctx, c = context.WithoutCancel(ctx), c.clone()
	go func() {
		defer f.end()
		time.Sleep(fault.Late)
		fault.around(ctx, n, c)
	}()
}
