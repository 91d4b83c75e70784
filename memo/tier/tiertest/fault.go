package tiertest

import (
	"context"
	"slices"
	"strings"
	"time"
)

// fault.go says what can go wrong, and with which calls. How it goes wrong is
// in faulty.go.

// An Op names a method of tier.Node.
type Op string

// The methods of tier.Node.
const (
	OpGetMulti         Op = "get_multi"
	OpAdd              Op = "add"
	OpCompareAndSwap   Op = "compare_and_swap"
	OpCompareAndDelete Op = "compare_and_delete"
	OpIncr             Op = "incr"
	OpTouch            Op = "touch"
	OpDelete           Op = "delete"
	OpPing             Op = "ping"
)

// A Fault says what goes wrong and where. The zero Fault changes nothing.
//
// Node, Ops and Match pick the calls. A call that is hit then meets the other
// fields in this order:
//
//  1. Delay passes.
//  2. Before is called.
//  3. The Node is called, unless Err is set, or Hang is and Lost is not.
//  4. After is called, if the Node was.
//  5. Hang waits for the end of ctx.
//  6. The caller gets the error of ctx if it hung, else Err, else Lost, else
//     the Node's answer.
//
// With Lost and Late, steps 2 to 4 happen in the background, Late after step 1,
// with the values of the caller's ctx but not its end; the caller does not wait
// for them. So Hang, Lost and Late together are a server that stopped: its
// client times out, and it does the work when it goes on.
type Fault struct {
	Node  string        // the Node's name; empty: all
	Ops   []Op          // empty: all
	Match string        // only calls with a key that contains it; a Ping has no key
	Delay time.Duration // wait before the call; if ctx ends first, that is the answer and the call is not applied
	Hang  bool          // answer only when ctx ends, with its error; the call is not applied, unless Lost is set
	Err   error         // fail with it, before the call is applied
	Lost  error         // apply the call, then fail with it, whatever the Node said
	Late  time.Duration // with Lost: apply the call this much later
	Times int           // stop after so many hits; 0: never

	// Before is called before the call is passed on, and After after it was
	// applied and before its answer is returned. Each runs on the call's own
	// goroutine with no lock held, and holds the call there until it returns:
	// it is how a test stops an operation at an exact point and runs another
	// in between. keys must not be modified, and are nil for a Ping.
	Before func(ctx context.Context, op Op, keys []string)
	After  func(ctx context.Context, op Op, keys []string)
}

func (f *Fault) hits(node string, c call) bool {
	if f.Node != "" && f.Node != node {
		return false
	}
	if len(f.Ops) > 0 && !slices.Contains(f.Ops, c.op) {
		return false
	}
	return f.Match == "" || slices.ContainsFunc(c.keys, func(key string) bool { return strings.Contains(key, f.Match) })
}

// late reports whether the call outlives its caller.
func (f *Fault) late() bool { return f.Lost != nil && f.Late > 0 && f.Err == nil }

// applies reports whether the call reaches the Node.
func (f *Fault) applies() bool { return f.Err == nil && (!f.Hang || f.Lost != nil) }
