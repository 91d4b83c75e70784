package memo

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/ended"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Here is L3: look, else take the lease, load and fill. The stamp is taken going
// down, before anything is loaded; the compare-and-swap that fills checks it
// coming up.

const (
	leastWait, mostWait = 2 * time.Millisecond, 50 * time.Millisecond // between two looks at another process's lease
	mostTurns           = 16                                          // lost races before a load goes on without the shared tier
)

// shared looks in the shared tier, and loads for the fleet if nobody else does.
func (l *load) shared(ctx context.Context, f *call, d *domain) (landing, error) {
	deepen(0) // before a frame of any size
	return l.fleet(ctx, f, d)
}

// fleet looks, and loads if that is up to this process.
func (l *load) fleet(ctx context.Context, f *call, d *domain) (landing, error) {
	place, mine := d.space.Value(l.key), wire.Lease{Token: l.cache.token(), Version: l.policy.version}
	patience := l.cache.clock.Exact() + int64(l.policy.loadTimeout)
	tags := l.likelyTags()
	nap := leastWait
	held := false
	defer func() {
		if held {
			d.leases.forget(mine.Token)
		}
	}()
	for lost := 0; lost < mostTurns; {
		at, marked, err := l.first(ctx, d, place, tags)
		if tags = marked; err != nil {
			return l.withoutShared(ctx, f)
		}
		e, verdict, all := l.judge(f, at, tags)
		if len(all) > len(tags) {
			tags = all
			lost++
			continue
		}
		p := l.plan(e, verdict, at, mine.Token)
		switch p {
		case use:
			return l.use(f, e), nil
		case leave:
			return l.unshared(ctx, f, at)
		case replace:
			l.keepSpare(f, e)
		}
		if p != wait && !held {
			held = true
			d.leases.keep(mine.Token)
		}
		s, err := d.take(ctx, l.seat.together(), p, place, at, mine, l.birth(d, at, tags))
		switch {
		case err == nil:
			f.Stamp(at.seq) // and not that of what was found, which it replaces
			return l.fill(ctx, f, d, s, at, tags)
		case errors.Is(err, errHeld) && l.policy.place != placeRequest && l.cache.clock.Exact() <= patience:
			if err := l.seat.sleeps(func() error { return sleep(ctx, nap/2+rand.N(nap/2)) }); err != nil {
				return landing{}, err
			}
			nap = min(2*nap, mostWait)
			continue
		case errors.Is(err, errHeld), errors.Is(err, tier.ErrRefused), !tier.IsAnswer(err):
			return l.unshared(ctx, f, at)
		}
		lost++
	}
	return l.withoutShared(ctx, f)
}

// A plan is what a load does about what it found in the shared tier.
type plan uint8

const (
	use       plan = iota // return it
	leave                 // load for this process alone
	wait                  // another process loads
	begin                 // put a lease in its place, and load
	inherit               // the same, unless it is being refreshed: the value has ended meanwhile
	resume                // this process's lease is there already: a repeated command's first try has arrived
	replace               // load under a lock, and put the value in its place
	overwrite             // the same, without a lock
)

// plan decides about what judge has found.
func (l *load) plan(e *tier.Entry, verdict coherence.Verdict, at look, token uint64) plan {
	if l.policy.place == placeRequest && verdict != coherence.Valid {
		return leave // others need not wait for what they will not get
	}
	switch verdict {
	case coherence.Foreign:
		return leave
	case coherence.Leased:
		switch {
		case own(at.item.Value, token):
			return resume
		case l.forced:
			return begin
		case l.apart && !l.sure: // what it waits for will not do
			return leave
		}
		return wait
	case coherence.Valid:
		switch a := ageOf(e, l.cache.clock.Exact(), 0); {
		case l.forced:
			return overwrite
		case l.takes(e, a) && l.admits(e.Stamp, e.Loaded):
			return use
		case l.replaces == nil && a == fresh:
			return leave // it may be about to be deleted
		case a == gone: // since it was judged; others judge it to be over
			if l.renewed(e.Stale(), e.StaleIfError()) {
				return inherit
			}
			return begin
		}
		return replace
	case coherence.Past:
		if !l.forced {
			return inherit
		}
	}
	return begin
}

// use returns e, which another process has stored.
func (l *load) use(f *call, e *tier.Entry) landing {
	l.keep(f, e)
	if l.cache.clock.Exact() >= e.Fresh() {
		return landing{e, outcomeStale}
	}
	return landing{e, outcomeL3}
}

// likelyTags are the tags that the value will have as far as one can tell: those
// of the call, and those of what stands in L2, however old it is. To look at their
// markers together with the value saves a round trip.
func (l *load) likelyTags() []string {
	tags := l.policy.tags
	if e := l.cache.cfg.Local.Peek(l.key); e != nil {
		tags = mergeTags(slices.Clip(tags), e.Tags())
	}
	return tags
}

// judge returns what at found: the entry, if it is Valid. It tells the flight how
// new its result will be at least: as the load that is, or was, another's, or as
// the one that l is about to begin. The markers that were looked at are those of
// tags; if the value has more, judge returns all of them, and no verdict.
func (l *load) judge(f *call, at look, tags []string) (e *tier.Entry, _ coherence.Verdict, all []string) {
	var v wire.Value
	verdict := coherence.Judge(l.reader(), at.item, at.seq, at.milli, &v)
	if verdict == coherence.Valid || verdict == coherence.Past || verdict == coherence.Foreign {
		if all = mergeTags(slices.Clip(tags), v.Tags); len(all) > len(tags) {
			return nil, verdict, all
		}
	}
	switch verdict {
	case coherence.Leased:
		if v.Stamp >= at.marks.Last && !l.domain.left(at.item.Value) {
			stamp(f, v.Stamp)
			return nil, verdict, tags
		}
		verdict = coherence.Void // what its holder will store is hidden, or nobody holds it
	case coherence.Valid:
		verdict = coherence.Void
		if at.marks.Hide(v.Stamp) {
			break
		}
		if e, err := l.decode(&v, at); err == nil && !l.home.hidesAt(e, at.exact) {
			if l.domain.awaits(l.key, e.Tags()) {
				verdict = coherence.Foreign // its invalidation has not reached the shared tier
				break
			}
			stamp(f, v.Stamp)
			return e, coherence.Valid, tags
		} // else its writer's codec did not keep its word, or its marker is about to be raised
	case coherence.Past:
		if at.marks.Hide(v.Stamp) || !l.renewed(ofMillis(v.Stale), ofMillis(v.StaleIfError)) {
			verdict = coherence.Void
		}
	case coherence.Foreign:
		if v.Stamp != 0 && at.marks.Hide(v.Stamp) { // 0: of a version that cannot be read
			verdict = coherence.Void
		}
	}
	stamp(f, at.seq)
	return nil, verdict, tags
}

// stamp is f.Stamp where there is a flight: who glances has none.
func stamp(f *call, seq uint64) {
	if f != nil {
		f.Stamp(seq)
	}
}

// renewed reports whether somebody may be about to put the next version in place of a
// value with these windows, which is over: who refreshes behind its readers.
func (l *load) renewed(stale, ifError time.Duration) bool {
	return stale > 0 || ifError > 0 || l.policy.early > 0
}

// reader says which values l can use.
func (l *load) reader() coherence.Reader {
	return coherence.Reader{Key: l.key, Version: l.policy.version, Codec: l.typ.name, Fingerprint: l.typ.fingerprint}
}

// withoutShared loads for this process alone, because the shared tier failed.
func (l *load) withoutShared(ctx context.Context, f *call) (landing, error) {
	if ctx.Err() != nil {
		return landing{}, context.Cause(ctx)
	}
	return l.alone(ctx, f)
}

// unshared loads for this process alone, and leaves what stands in the shared
// tier: a value of another release, which would otherwise be loaded by the two
// in turn; a lease that ours cannot wait for; or a value that may be about to be
// deleted, where l is a part of a load.
func (l *load) unshared(ctx context.Context, f *call, at look) (landing, error) {
	if ctx.Err() != nil {
		return landing{}, context.Cause(ctx)
	}
	f.Stamp(at.seq)
	e, err := l.execute(ctx, f, &running{cache: l.cache, home: l.home, need: need{seq: at.seq, at: l.cache.clock.Exact()}})
	if err != nil {
		return landing{}, err
	}
	e.Stamp = at.seq
	l.keep(f, e)
	return landing{e, outcomeLoad}, nil
}

// decode makes an entry of what another process stored.
func (l *load) decode(v *wire.Value, at look) (*tier.Entry, error) {
	var value any
	if !v.Negative {
		var err error
		if value, err = l.typ.decode(v.Payload); err != nil {
			return nil, err
		}
	}
	e := newEntry(l.key, v.Negative || len(v.Tags) > 0 || v.Stale > 0 || v.StaleIfError > 0 || l.policy.early > 0)
	e.Value, e.Stamp, e.Began, e.Loaded, e.Created = value, v.Stamp, at.turn, at.began, v.Created
	e.Micros, e.Kind = v.Took, l.home.kind(l.kind)
	if e.More != nil {
		e.More.Tags, e.More.Stale, e.More.StaleIfError = v.Tags, ofMillis(v.Stale), ofMillis(v.StaleIfError)
	}
	fresh := int64(NoExpiry)
	if v.Fresh != int64(NoExpiry) {
		fresh = after(at.exact, time.Duration(min(v.Fresh-at.milli, int64(NoExpiry/time.Millisecond)))*time.Millisecond)
	}
	if v.Negative {
		e.More.Err = ErrNotFound
	}
	l.policy.complete(e, fresh)
	return e, nil
}

// sleep waits for d, or for ctx to end.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ended.Err(ctx)
	}
}
