package memo

import (
	"fmt"
	"reflect"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// On the way back up: in which tiers a value is kept, and for how long in this
// process. On the way down these options change one thing: who is not to leave
// anything in the shared tier takes no lease there.

// place is where a value is kept.
type place uint8

const (
	placeAll     place = iota // in every tier
	placeLocal                // not in the shared one
	placeShared               // not in the process's
	placeRequest              // in the request's memory alone
)

// LocalOnly keeps the value out of the shared tier, for what is cheaper to load than to
// fetch, or has no form in bytes: a compiled template, a client. Each process loads it
// for itself then, and does not look for it in the shared tier. Invalidations reach it
// as any other value, in all processes.
//
// Set with LocalOnly stores v here and forgets the key everywhere else. Add looks in
// the shared tier too, and adds nothing to what is there. Of the calls that wait for one
// load, the one that started it decides, here as with all options about storing.
func LocalOnly() Option { return Option{kind: optionLocalOnly, quiet: true, places: true} }

// SharedOnly keeps the value out of the process tier, for what is large, or must not be
// older than the shared tier's log allows: each request that asks for the key asks the
// shared tier, and has the answer in its own memory until it ends. A value that is past
// its time is held here all the same while it is refreshed, if Stale or StaleIfError may
// have to serve it.
//
// Where there is no shared tier, while it is away, and for a value that it cannot hold,
// SharedOnly means the request's memory alone.
func SharedOnly() Option { return Option{kind: optionSharedOnly, quiet: true, places: true} }

// LocalTTL is the TTL in the process tier alone, above 0, for a value that the shared
// tier may keep longer. When it ends the process asks the shared tier, and keeps what it
// finds for another LocalTTL. It does not make a TTL longer, Jitter takes its part off
// it, and Stale begins with the end of the TTL. Where no other tier keeps the value, as
// with LocalOnly, it is the TTL, if it is the shorter of the two. A LocalTTL is its own
// process's: the others go by those of their calls.
func LocalTTL(d time.Duration) Option {
	return Option{kind: optionLocalTTL, d: d, quiet: d > 0, places: true}
}

// NoStore returns the value to those who wait and stores it in no tier but the
// request's. It is mostly given to Amend, by a loader that has found a part of the
// answer only. As any other result of the loader it takes the place of an old value,
// which is gone then. NoStore says nothing about looking: what a tier has answers the
// call.
//
// A call with NoStore does not wait for the load of another process. Where Amend says
// it, the processes that had waited load one after the other. Set with NoStore stores v
// in the request's memory and invalidates the key; Add adds nothing.
func NoStore() Option { return Option{kind: optionNoStore, quiet: true, places: true} }

// SkipNil does not store a nil pointer, map, slice or interface, or an interface that
// holds such a nil: as with NoStore, those who wait get it, and an old value is gone. Set
// with a nil invalidates the key, and Add adds nothing. Where many ask for what is not
// there, NegativeTTL is the better answer.
//
// On a V that cannot be nil it is a *UsageError of each call that L1 and L2 cannot answer.
// Given to New it concerns the types that can.
func SkipNil() Option { return Option{kind: optionSkipNil, quiet: true} }

// contradiction says what is wrong with two options about the place of one value, in
// either order, or returns nil. A nearer list of options may contradict a farther one,
// and wins.
func contradiction(a, b Option) *UsageError {
	has := func(kind optionKind) bool { return a.kind == kind || b.kind == kind }
	switch {
	case a.kind == b.kind, !a.places || !b.places:
	case has(optionNoStore):
		other := a
		if a.kind == optionNoStore {
			other = b
		}
		return &UsageError{Problem: fmt.Sprintf("NoStore and %s: no tier stores the value, and one does", other.kind), Fix: "leave one of them out"}
	case has(optionLocalOnly) && has(optionSharedOnly):
		return &UsageError{Problem: "LocalOnly and SharedOnly: no tier is left", Fix: "leave one of them out, or give NoStore for a value that only the request keeps"}
	case has(optionSharedOnly):
		return &UsageError{Problem: "SharedOnly and LocalTTL: the process tier does not keep the value", Fix: "leave SharedOnly out for a value that it keeps for a while, or leave LocalTTL out"}
	}
	return nil
}

// String is the name that the user gave it by.
func (k optionKind) String() string {
	switch k {
	case optionLocalOnly:
		return "LocalOnly"
	case optionSharedOnly:
		return "SharedOnly"
	case optionLocalTTL:
		return "LocalTTL"
	}
	return "another option"
}

// puts adds o, which is about the place. What a farther list has said against it is
// over.
func (p *policy) puts(o Option) error {
	switch o.kind {
	case optionLocalOnly:
		p.place = placeLocal
	case optionSharedOnly:
		p.place, p.localTTL = placeShared, 0
	case optionNoStore:
		p.place, p.localTTL = placeRequest, 0
	case optionLocalTTL:
		if o.d <= 0 {
			return badDuration("LocalTTL", o.d, "above 0 (memo.SharedOnly for a value that the process does not keep)")
		}
		if p.localTTL = o.d; p.place != placeLocal {
			p.place = placeAll
		}
	}
	return nil
}

// shares reports whether the shared tier may keep the value.
func (p *policy) shares() bool { return p.place == placeAll || p.place == placeShared }

// local reports whether the process tier may.
func (p *policy) local() bool { return p.place == placeAll || p.place == placeLocal }

// staysHere reports whether no tier but the process's keeps l's value, while all is well.
func (l *load) staysHere() bool {
	return l.cache.cfg.Shared == nil || l.policy.place == placeLocal || l.typ.lossy != nil
}

// bounded is ttl, or the LocalTTL where that is all there is.
func (l *load) bounded(ttl time.Duration) time.Duration {
	if l.policy.localTTL > 0 && l.staysHere() {
		return min(ttl, l.policy.localTTL)
	}
	return ttl
}

// put stores e in L2, or, if that is not to have it, sees to it that it has nothing
// older either. Under the lock of its flight.
func (l *load) put(e *tier.Entry) {
	if l.policy.local() {
		l.cache.keepLocal(l.here(e))
	} else {
		l.cache.dropLocal(l.key)
	}
}

// here is e as L2 keeps it: for a LocalTTL at most. It is not served stale then, as the
// shared tier has what is fresh; but in place of an error it is, as long as e would be.
func (l *load) here(e *tier.Entry) *tier.Entry {
	if l.policy.localTTL == 0 || l.staysHere() {
		return e
	}
	if end := l.until(l.policy.localTTL); end < e.Fresh() {
		return freshUntil(e, end, 0)
	}
	return e
}

// skipsNil decides whether p skips nils of type t, which a farther list may have asked for
// in general.
func (p *policy) skipsNil(t reflect.Type, inGeneral bool) error {
	can := nilable(t)
	if p.skipNil && !can {
		return &UsageError{Problem: fmt.Sprintf("SkipNil for a value of type %v, which is never nil", t), Fix: "leave it out; a loader that finds nothing returns ErrNotFound, or says NoStore by Amend"}
	}
	p.skipNil = p.skipNil || inGeneral && can
	return nil
}

// nilable reports whether values of type t can be nil.
func nilable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return true
	}
	return false
}

// isNil reports whether v is nil, or an interface that holds a nil.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return nilable(r.Type()) && r.IsNil()
}
