// Package scope is the memory of one request: the first place where a call
// looks, and the last where it keeps. Package reqcache is its public face, and
// package memo uses it as its first tier; neither sees the other's keys.
package scope

import (
	"math"
	"sync"
	"sync/atomic"
)

const defaultLimit = 10_000

// Scope is what one request remembers, one Table for each owner. The zero Scope
// is open and has the default limit. It must not be copied, and holds no
// goroutine and nothing to wait for.
//
// A Scope serves one request and is never pooled. A pool would save 112 bytes a
// request and hand one user's data to another:
//
//  1. Alice's handler starts a goroutine with its ctx and returns.
//  2. The Scope goes back to the pool; Bob's request takes it.
//  3. The goroutine finishes and keeps Alice's profile, in Bob's memory.
//
// A Scope that was closed stays closed instead, and 3 keeps nothing.
//
// All methods are safe for concurrent use, Init excepted.
type Scope struct {
	head   atomic.Pointer[Table] // &first, and by way of next all others
	closed atomic.Bool

	limit   int32      // this and all that is counted is small, as every request pays for it
	mu      sync.Mutex // serializes every change; those who only look never take it
	live    int32      // values in all tables
	running int32      // calls that may yet become a value
	walk    uint64     // names the current search for a circle

	first Table // most requests meet one owner: it costs no allocation
}

// Init sets the most entries that all tables together may hold, calls that are
// still running included; limit below 1 means 10 000. It is to be called before
// the first use, if at all.
func (s *Scope) Init(limit int) { s.limit = int32(min(limit, math.MaxInt32)) }

// InitFor is Init, and returns the Table of the first owner: nobody else can be
// there yet, which saves the lock.
func (s *Scope) InitFor(limit int, owner any) *Table {
	s.Init(limit)
	t := &s.first
	t.scope, t.owner = s, owner
	s.head.Store(t)
	return t
}

// Table returns the part of owner, a comparable value: equal keys of two owners
// never meet. An owner gets the same Table every time. It does not allocate,
// except for the second and later owners' first call.
func (s *Scope) Table(owner any) *Table {
	for t := s.head.Load(); t != nil; t = t.next.Load() {
		if t.owner == owner {
			return t
		}
	}
	return s.addTable(owner)
}

func (s *Scope) addTable(owner any) *Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	end := &s.head
	for t := end.Load(); t != nil; t = end.Load() {
		if t.owner == owner {
			return t
		}
		end = &t.next
	}
	t := &s.first
	if end != &s.head {
		t = new(Table)
	}
	t.scope, t.owner = s, owner
	end.Store(t)
	return t
}

// Close seals s: from now on Get finds nothing, Begin passes its caller
// through, and Add, Put and Done keep nothing. The values are released even if
// a goroutine that was left behind still holds the request's context. Callers
// that wait for a running Call still get its result. A nil Scope is closed.
func (s *Scope) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed.Store(true)
	s.clear()
}

// Closed reports whether Close was called.
func (s *Scope) Closed() bool { return s.closed.Load() }

// Reset forgets the keys of every Table.
func (s *Scope) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}

func (s *Scope) clear() {
	for t := s.head.Load(); t != nil; t = t.next.Load() {
		t.clear()
	}
}

// Len is the number of values in all tables.
func (s *Scope) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.live)
}

// room reports whether s may take one more entry.
func (s *Scope) room() bool {
	limit := s.limit
	if limit < 1 {
		limit = defaultLimit
	}
	return !s.closed.Load() && s.live+s.running < limit
}
