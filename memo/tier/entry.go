package tier

import (
	"math"
	"sync/atomic"
	"time"
)

// What an Entry does not have itself, and what it says of that. An Entry takes 128 bytes, two
// lines of a processor's memory, and what a hit looks at is the first of them: where there are
// more entries than the processor's caches hold, a hit costs as much as the lines that it has
// to wait for. With 224 bytes, and what a hit needs on three lines, one over 10,000 keys took
// 1.1 to 1.3 times as long.

// Kind is what all entries of one name that belong to one Node have in common: one
// object, which is near whenever any of them is in use. It does not change.
type Kind struct {
	Home  any // the engine's: of which Node an entry has to hear, to know that it is still valid
	Tally any // the engine's: where its hits are counted
}

// More is what an Entry has that is no plain value with a TTL.
type More struct {
	Retry atomic.Int64 // the engine's: until when it is not refreshed again, since that has just failed; 0: it has not
	Err   error        // a cached negative (memo.ErrNotFound); then Value is nil
	Tags  []string     // with which it was stored

	Last time.Duration // how long it is fresh after Early; 0: as most, it is not refreshed before its time

	// The windows, both from Fresh on; 0: none.
	Stale        time.Duration // in which it may be served while it is refreshed
	StaleIfError time.Duration // in which it may be served in place of an error
}

// Err is the cached negative, or nil.
func (e *Entry) Err() error {
	if e.More == nil {
		return nil
	}
	return e.More.Err
}

// Tags are those with which it was stored.
func (e *Entry) Tags() []string {
	if e.More == nil {
		return nil
	}
	return e.More.Tags
}

// Fresh is until when it is fresh; NoExpiry: for ever.
func (e *Entry) Fresh() int64 {
	if e.More == nil {
		return e.Early
	}
	return e.Early + int64(e.More.Last)
}

// Stale is how long after Fresh it may be served while it is refreshed.
func (e *Entry) Stale() time.Duration {
	if e.More == nil {
		return 0
	}
	return e.More.Stale
}

// StaleIfError is how long after Fresh it may be served in place of an error.
func (e *Entry) StaleIfError() time.Duration {
	if e.More == nil {
		return 0
	}
	return e.More.StaleIfError
}

// Expires is until when anybody may use it: the later end of the two windows; never before Fresh.
func (e *Entry) Expires() int64 {
	window := int64(max(e.Stale(), e.StaleIfError()))
	fresh := e.Fresh()
	if fresh > math.MaxInt64-window {
		return math.MaxInt64
	}
	return fresh + window
}

// Took is how long the load ran, in whole microseconds; 0 for what was set. What took more
// than an hour may have taken longer.
func (e *Entry) Took() time.Duration { return time.Duration(e.Micros) * time.Microsecond }
