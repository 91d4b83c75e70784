package chaos

import (
	"math/rand/v2"
	"time"
)

// faults.go is what can go wrong with the bytes, and how often it did.

// Faults is what happens to bytes that are under way from now on. A chance is
// from 0, never, to 1, always, and is drawn for each chunk: what one read of a
// socket returned, which for small requests and replies is one of them. The zero
// Faults is a good network.
type Faults struct {
	Requests, Replies Way

	Cut      float64 // a request never arrives, and both sides are closed
	Reset    float64 // the same, by a reset
	Late     float64 // a request is held for LateBy, whether its client waits or has left
	Again    float64 // a request arrives once more after LateBy, on another connection; nobody hears the reply
	Truncate float64 // of a reply only a part arrives, or nothing, and both sides are closed
	Surplus  float64 // a reply arrives once more after LateBy

	LateBy   time.Duration // the least; the most is twice as long
	CutAfter int64         // bytes of replies of one connection, after which both sides are closed; 0: never
}

// A Way is one direction.
type Way struct{ Delay, Jitter time.Duration }

// takes is how long a chunk is under way.
func (w Way) takes() time.Duration { return w.Delay + upTo(w.Jitter) }

// late is how long something is late.
func (f *Faults) late() time.Duration { return f.LateBy + upTo(f.LateBy) }

func upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}

func happens(chance float64) bool { return chance > 0 && rand.Float64() < chance }

// Counts is how often each fault has happened, and how many chunks the clients
// have sent.
type Counts struct {
	Requests int

	Connections, Cut, Reset, Late, Again, Truncated, Surplus int
}

// Sum is how many faults there were.
func (c Counts) Sum() int { return c.Cut + c.Reset + c.Late + c.Again + c.Truncated + c.Surplus }
