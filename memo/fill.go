package memo

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/internal/clock"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// The way back up from fn: the value takes the place of its lease in L3, and then
// goes into L2.

// fill loads under the lease s and stores the value in its place, if that is as it
// was. What overlapped an invalidation never is: the invalidation deleted the lease,
// and the swap fails.
//
//  1. this process takes the lease, and reads v1 from the database
//  2. a writer commits v2, and deletes what stands under the key: the lease
//  3. this process would store v1, and everyone would read it until its TTL ends
//
// What is old is replaced in the same way, and not before: its readers have nothing
// else meanwhile.
func (l *load) fill(ctx context.Context, f *call, d *domain, s *lease, at look, tags []string) (landing, error) {
	kept, known := false, false
	defer func() { // also when fn fails, panics or calls Goexit
		s.end()
		if !kept {
			s.release(ctx, known)
		}
	}()
	e, err := l.execute(ctx, f, &running{cache: l.cache, home: l.home, lease: s})
	known = err == nil || errors.Is(err, ErrNotFound)
	if err != nil {
		return landing{}, err
	}
	e.Stamp = at.seq
	s.end()
	if !l.policy.shares() { // known only now
		l.keep(f, e)
		return landing{e, outcomeLoad}, nil
	}
	if d.awaits(l.key, e.Tags()) { // its invalidation has not reached the shared tier
		l.keep(f, e)
		return landing{e, outcomeLoad}, nil
	}
	unborn := len(at.marks.Unknown) > 0 && !s.born
	if s.lost == nil && d.reachable() && (unborn || len(mergeTags(slices.Clip(tags), e.Tags())) > len(tags)) {
		if seen, _ := d.bear(context.WithoutCancel(ctx), e); !seen {
			l.keep(f, e)
			return landing{e, outcomeLoad}, nil
		}
	}
	data, err := l.encode(e)
	if err != nil {
		l.cache.log.unencoded(reflect.TypeOf(e.Value), err)
		l.keep(f, e)
		return landing{e, outcomeLoad}, nil
	}
	switch err := s.store(ctx, data, ttlOf(e, l.cache.clock.Exact())); {
	case err == nil:
		kept = true
		l.tally.valueBytes.Add(uint64(len(data)))
	case errors.Is(err, tier.ErrConflict), errors.Is(err, tier.ErrNotFound):
		kept = true // by somebody else, or by nobody: there is nothing to release
		if l.forced {
			d.overtaken(ctx, l)
		}
		return landing{e, outcomeLoad}, nil
	case errors.Is(err, tier.ErrRefused):
		l.cache.log.refused(reflect.TypeOf(e.Value), err)
	}
	l.keep(f, e)
	if kept && l.forced {
		d.announce(ctx, l.key)
	}
	return landing{e, outcomeLoad}, nil
}

// birth brings those markers of l's value into the world that were not there when
// at was read, beside the load, as it depends on the number of the load and not on
// its result. nil: there are none.
func (l *load) birth(d *domain, at look, tags []string) func(ctx context.Context) bool {
	if len(at.marks.Unknown) == 0 {
		return nil
	}
	e := &tier.Entry{Key: l.key, More: &tier.More{Tags: tags}, Stamp: at.seq, Kind: l.home.kind(l.kind), Began: l.turn}
	return func(ctx context.Context) bool {
		seen, _ := d.bear(ctx, e)
		return seen
	}
}

// encode is e as the shared tier holds it.
func (l *load) encode(e *tier.Entry) ([]byte, error) {
	var payload []byte
	if e.Err() == nil {
		var err error
		if payload, err = l.typ.encode(e.Value); err != nil {
			return nil, err
		}
	}
	until := int64(NoExpiry)
	if e.Fresh() != int64(NoExpiry) {
		until = clock.UnixMilli() + millis(time.Duration(e.Fresh()-l.cache.clock.Exact()))
	}
	v := wire.Value{
		Stamp: e.Stamp, Created: e.Created, Fresh: until, Took: e.Micros, Version: l.policy.version,
		Stale: uint64(millis(e.Stale())), StaleIfError: uint64(millis(e.StaleIfError())), Negative: e.Err() != nil,
		Codec: l.typ.name, Fingerprint: l.typ.fingerprint, Key: l.key, Tags: e.Tags(), Payload: payload,
	}
	return wire.AppendValue(make([]byte, 0, len(payload)+len(l.key)+96), &v), nil
}

// millis is d in milliseconds, rounded up.
func millis(d time.Duration) int64 {
	return int64((d + min(time.Millisecond-1, NoExpiry-d)) / time.Millisecond)
}

// ofMillis is the duration of ms milliseconds, or the longest there is.
func ofMillis(ms uint64) time.Duration {
	return time.Duration(min(ms, uint64(NoExpiry/time.Millisecond))) * time.Millisecond
}

// lingers is how much longer than it may be used a value is there that took so long to
// load.
func lingers(took time.Duration) time.Duration { return 2*took + leaseTTL }

// ttlOf is how long the shared tier has to hold e: if it may be refreshed, for longer
// than anybody may use it. A refresh replaces what it finds:
//
//  1. it begins just before the end of the old value
//  2. the old value ends, and the shared tier forgets it
//  3. the refresh finds nothing to replace; others load, as nothing tells them of it
func ttlOf(e *tier.Entry, now int64) time.Duration {
	end := e.Expires()
	if e.Early < end {
		end = after(end, lingers(e.Took()))
	}
	if end == int64(NoExpiry) {
		return NoExpiry
	}
	return max(time.Duration(end-now), time.Millisecond)
}
