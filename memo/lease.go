package memo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Between a miss in L3 and fn: shared.go places the lease, confirm.go learns its version
// and renew.go keeps it while fn runs, and fill.go trades it for the value.

// leaseTTL is how long a lease lives without being renewed: how long others
// wait for a process that died while it was loading. memcached counts seconds,
// and one of them may be short.
const leaseTTL = 2 * time.Second

// token names a lease of a load. Its first half names the process.
func (c *Cache) token() uint64 { return c.source>>32<<32 | uint64(rand.Uint32()) }

// left reports whether data is a lease that a load of this process has left behind.
// Others wait for it until it lapses, and nobody here has to:
//
//  1. a load places its lease on a server that hangs, and goes on without
//  2. the server goes on, and does what it was asked
//  3. the next load here finds the lease, which nobody will fill or give back
//
// The lease of another load that does run here, and began too early to be joined, is
// waited for like anybody's.
func (d *domain) left(data []byte) bool {
	var found wire.Lease
	if wire.ParseLease(data, &found) != nil || found.Token>>32 != d.cache.source>>32 {
		return false
	}
	return !d.leases.holds(found.Token)
}

// errLeaseLost says that what stands in a place is not the lease that was put
// there: an invalidation deleted it, or the server forgot it.
var errLeaseLost = fmt.Errorf("memo: the lease is gone: %w", tier.ErrNotFound)

// errAway is no answer of a server.
var errAway = errors.New("memo: the shared tier does not answer")

// errHeld says that another process loads.
var errHeld = errors.New("memo: another process loads it")

// lease is this process's right to fill one place, while its load runs.
//
// Its token stands in the place itself; or, where that holds an old value which others
// are served meanwhile, in a lock beside it. The lock is named after the version that
// it is about, and is left behind when the version is replaced:
//
//  1. a late process has read the old version, and is about to take its lock
//  2. the one that has it stores the new version, and removes the lock
//  3. the late one takes it, and loads once more
type lease struct {
	domain    *domain
	load      context.Context // the load's
	place     string          // where the value goes
	token     uint64
	tokenAt   string          // where the token is; empty: nowhere, see holdOver
	confirmed <-chan struct{} // closed when cas, seq and at are known, or lost is
	confirms  *confirmation   // nil: they are known from the start
	bearing   chan struct{}   // closed when born is known; nil: there is nothing to bear
	ended     bool

	// Written before confirmed is closed.
	cas  uint64 // of what the value is to replace
	seq  uint64 // the counter, read after that was there
	at   int64  // when that was
	lost error

	born bool // the markers that said nothing; written before bearing is closed

	term // of leases
}

// take carries out the plan p of a load: it makes what at found in place this process's
// to fill, or returns errHeld, or an error of the Node. birth, if there is one, runs
// beside the load. g is what the load travels with, or nil.
func (d *domain) take(ctx context.Context, g *gather, p plan, place string, at look, mine wire.Lease, birth func(context.Context) bool) (*lease, error) {
	switch p {
	case wait:
		return nil, errHeld
	case resume:
		return d.hold(ctx, g, place, mine.Token, birth), nil
	case overwrite:
		return d.holdOver(ctx, place, "", mine.Token, at), nil
	case replace:
		lock := d.space.Lock(place, at.item.CAS)
		if err := d.lock(loading{ctx}, lock, at, mine); err != nil {
			return nil, err
		}
		return d.holdOver(ctx, place, lock, mine.Token, at), nil
	case inherit:
		if err := d.lock(loading{ctx}, d.space.Lock(place, at.item.CAS), at, mine); err != nil {
			return nil, err
		}
	}
	if err := d.placeLease(loading{ctx}, place, at, mine); err != nil {
		return nil, err
	}
	return d.hold(ctx, g, place, mine.Token, birth), nil
}

// hold confirms and renews the lease that this process has placed.
func (d *domain) hold(ctx context.Context, g *gather, place string, token uint64, birth func(context.Context) bool) *lease {
	s := &lease{domain: d, load: ctx, place: place, token: token, tokenAt: place}
	d.leases.add(s)
	if g != nil {
		s.confirms = g.confirms(s)
	} else {
		s.confirms = &confirmation{domain: d, leases: []*lease{s}, done: make(chan struct{})}
		go s.confirms.run(context.WithoutCancel(ctx))
	}
	s.confirmed = s.confirms.done
	if birth != nil {
		s.bearing = make(chan struct{})
		go s.bear(birth)
	}
	return s
}

// bear runs birth, if s is there.
func (s *lease) bear(birth func(context.Context) bool) {
	defer close(s.bearing)
	if <-s.confirmed; s.lost == nil {
		s.born = birth(context.WithoutCancel(s.load))
	}
}

// holdOver is the lease of who replaces the version that at found. With a lock it is
// renewed.
func (d *domain) holdOver(ctx context.Context, place, lock string, token uint64, at look) *lease {
	known := make(chan struct{})
	close(known)
	s := &lease{domain: d, load: ctx, place: place, token: token, tokenAt: lock, confirmed: known}
	s.cas, s.seq, s.at = at.item.CAS, at.seq, d.cache.clock.Exact()
	if lock != "" {
		d.leases.add(s)
	}
	return s
}

// end stops the renewal and waits until the lease's version is known.
func (s *lease) end() {
	if s.ended {
		return
	}
	s.ended = true
	s.domain.leases.remove(s)
	s.confirms.begin()
	<-s.confirmed
	if s.bearing != nil {
		<-s.bearing
	}
}

// store puts data in place of what the lease is about, if the server is not known to
// be away: then somebody would wait for nothing. After end.
func (s *lease) store(ctx context.Context, data []byte, ttl time.Duration) error {
	if s.lost != nil {
		return s.lost
	}
	if !s.domain.reachable() {
		return errAway
	}
	return s.domain.swap(context.WithoutCancel(ctx), s.place, s.cas, data, ttl)
}

// release gives the lease back, so that others need not wait until it lapses. What it
// is about is not left there if it is known to be replaced by what cannot be stored.
// After end.
func (s *lease) release(ctx context.Context, replaced bool) {
	ctx = context.WithoutCancel(ctx)
	switch {
	case s.lost != nil, !s.domain.reachable():
	case s.tokenAt == s.place || replaced:
		_ = s.domain.compareAndDelete(ctx, s.place, s.cas)
	case s.tokenAt != "":
		if at, err := s.domain.look(ctx, s.tokenAt); err == nil && own(at.item.Value, s.token) {
			_ = s.domain.compareAndDelete(ctx, s.tokenAt, at.item.CAS)
		}
	}
}
