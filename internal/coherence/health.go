package coherence

import "time"

// A State says what the store may be used for.
type State uint8

const (
	Starting State = iota // nothing was read yet
	Up                    // everything
	Down                  // nothing: only the poller asks whether it is back
	Quiet                 // it is back: invalidations, and no reads yet
)

func (s State) String() string {
	return [...]string{"starting", "up", "down", "quiet"}[s]
}

// failuresToDown is how many reads in a row may fail before the store counts as
// down. A poll or an invalidation, which waits longer, needs to fail once.
const failuresToDown = 5

// A Health follows one store. It is the breaker: while the store is down nobody
// waits for it.
type Health struct {
	// Blip is the outage up to which other processes' invalidations are sure to be
	// delivered within the Calm; a longer one asks for a new epoch.
	Blip time.Duration
	// Calm is how long reads stay off a store that came back: one poll, one
	// operation and the skew between the processes that see it come back.
	Calm time.Duration

	state    State
	failures int
	lost     int64 // when it was last seen well before it went down
	well     int64 // when it last answered
	reads    int64 // when reads may come back
}

// State returns the state at now.
func (h *Health) State(now int64) State {
	if h.state == Quiet && now >= h.reads {
		h.state = Up
	}
	return h.state
}

// Answered notes that the store answered a read.
func (h *Health) Answered(now int64) {
	h.failures, h.well = 0, now
}

// ReadFailed notes that a read failed, and reports whether the store went down.
func (h *Health) ReadFailed(now int64) bool {
	if h.failures++; h.failures < failuresToDown {
		return false
	}
	return h.Failed(now)
}

// Failed notes that a poll or an invalidation failed, and reports whether the
// store went down.
func (h *Health) Failed(now int64) bool {
	switch h.State(now) {
	case Down:
		return false
	case Starting:
		h.lost = now
	case Up:
		h.lost = h.well
	case Quiet: // one outage may come in several parts
	}
	h.state = Down
	return true
}

// Return is what the poller does next about a store that answers.
type Return uint8

const (
	Stay   Return = iota // it was up
	Attach               // it is seen for the first time
	Replay               // it was away for a blip: see Back
	Rotate               // it was away for long: what it holds may be older than an invalidation that was lost
)

// Polled notes that the poller reached the store at now.
func (h *Health) Polled(now int64) Return {
	h.failures, h.well = 0, now
	switch h.State(now) {
	case Starting:
		return Attach
	case Down:
		if now-h.lost > int64(h.Blip) {
			return Rotate
		}
		return Replay
	}
	return Stay
}

// Back ends an outage at now. With calm, reads stay off the store for a while:
//
//  1. a writer is cut off, and queues its invalidation
//  2. both it and this process reach the store again, this process first
//  3. this process reads the old value, before the writer delivers
func (h *Health) Back(now int64, calm bool) {
	h.failures, h.well = 0, now
	h.state = Up
	if calm {
		h.state = Quiet
		h.reads = now + int64(h.Calm)
	}
}
