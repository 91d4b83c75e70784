// Package scope is the memory of one request: the first place where a call
// looks, and the last where it keeps. Package reqcache is its public face, and
// package memo uses it as its first tier; neither sees the other's keys.
package scope

import (
	"math"
	"sync"
	"sync/atomic"
	"unsafe"
)

const defaultLimit = 10_000

// Scope is what one request remembers, one Table for each Owner. The zero Scope
// is open and has the default limit. It must not be copied, and holds no
// goroutine and nothing to wait for.
//
// A Scope serves one request and is never pooled. A pool would save 96 bytes a
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
	mu    sync.Mutex           // serializes every change; those who only look never take it
	rest  atomic.Pointer[rest] // nil: there is nothing of that
	limit int32                // see shut. This and all that is counted is small, as every request pays for it
	live  int32                // values in all tables

	first Table // most requests meet one owner: it costs no allocation
}

// shut is the limit of a Scope that was closed. Who has no lock goes by atomic operations,
// but for Init: nobody is there yet, and an atomic store of what nobody sees is 5 % of a
// request, in each of these.
const shut = -1

// rest is what most requests have no use for: they have one owner, and find all that they
// ask for in the tiers below. All but others is under Scope.mu.
type rest struct {
	running int32  // calls that may yet become a value
	walk    uint64 // names the current search for a circle
	calls   calls
	others  atomic.Pointer[other]
}

// other is the Table of a second owner, or of a later one.
type other struct {
	table Table
	next  atomic.Pointer[other]
}

// Owner is one of those who share a Scope. It is known by its address.
type Owner struct{ _ byte }

// Init sets the most entries that all tables together may hold, calls that are
// still running included; limit below 1 means 10 000. It is to be called before
// the first use, if at all.
func (s *Scope) Init(limit int) { s.limit = int32(max(0, min(limit, math.MaxInt32))) }

// InitFor is Init, and returns the Table of the first owner: nobody else can be
// there yet, which saves the lock.
func (s *Scope) InitFor(limit int, owner *Owner) *Table {
	s.Init(limit)
	s.first.scope, s.first.owner = s, unsafe.Pointer(owner)
	return &s.first
}

// Table returns the part of owner: equal keys of two owners never meet. An owner gets the
// same Table every time. It does not allocate, except for the second and later owners'
// first call.
func (s *Scope) Table(owner *Owner) *Table {
	if s.first.ownedBy() == owner {
		return &s.first
	}
	if r := s.rest.Load(); r != nil {
		for o := r.others.Load(); o != nil; o = o.next.Load() {
			if o.table.ownedBy() == owner {
				return &o.table
			}
		}
	}
	return s.addTable(owner)
}

func (s *Scope) addTable(owner *Owner) *Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.first.ownedBy() {
	case owner:
		return &s.first
	case nil:
		return s.first.open(s, owner)
	}
	end := &s.more().others
	for o := end.Load(); o != nil; o = end.Load() {
		if o.table.ownedBy() == owner {
			return &o.table
		}
		end = &o.next
	}
	o := new(other)
	o.table.open(s, owner)
	end.Store(o)
	return &o.table
}

// more returns the rest of s, which it makes if need be.
func (s *Scope) more() *rest {
	r := s.rest.Load()
	if r == nil {
		r = new(rest)
		s.rest.Store(r)
	}
	return r
}

// Close seals s: from now on Get finds nothing, Begin passes its caller
// through, and Add, Put and Done keep nothing. The values are released even if
// a goroutine that was left behind still holds the request's context. Callers
// that wait for a running Call still get its result. A nil Scope is closed.
func (s *Scope) Close() {
	if s == nil {
		return
	}
	atomic.StoreInt32(&s.limit, shut) // which is enough for AddSince too: there is no room
	if s.first.empty() && s.rest.Load() == nil {
		return // without the lock: 10 % of a request that makes no call. Who is about to keep something looks again
	}
	s.mu.Lock()
	s.clear()
	s.mu.Unlock()
}

// Closed reports whether Close was called.
func (s *Scope) Closed() bool { return atomic.LoadInt32(&s.limit) == shut }

// Reset forgets the keys of every Table.
func (s *Scope) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.tables {
		t.epoch.Add(1)
	}
	s.clear()
}

func (s *Scope) clear() {
	s.first.clear()
	if r := s.rest.Load(); r != nil {
		for c := range r.calls.all {
			c.detach()
		}
		for o := r.others.Load(); o != nil; o = o.next.Load() {
			o.table.clear()
		}
	}
	s.live = 0
}

// tables yields the Tables.
func (s *Scope) tables(yield func(*Table) bool) {
	if !yield(&s.first) {
		return
	}
	if r := s.rest.Load(); r != nil {
		for o := r.others.Load(); o != nil; o = o.next.Load() {
			if !yield(&o.table) {
				return
			}
		}
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
	limit, taken := atomic.LoadInt32(&s.limit), s.live
	if limit == 0 {
		limit = defaultLimit
	}
	if r := s.rest.Load(); r != nil {
		taken += r.running
	}
	return taken < limit
}
