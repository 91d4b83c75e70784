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
	place, token := d.space.Value(l.key), l.cache.token()
	patience := l.cache.clock.Exact() + int64(l.policy.loadTimeout)
	tags := l.likelyTags()
	wait := leastWait
	for lost := 0; lost < mostTurns; {
		at, err := d.look(ctx, place, d.marks(l.key, tags)...)
		if err != nil {
			return l.withoutShared(ctx, f)
		}
		e, verdict, all := l.judge(f, at, tags)
		if len(all) > len(tags) {
			tags = all
			lost++
			continue
		}
		switch {
		case verdict == coherence.Valid && l.admits(e.Stamp, e.Loaded):
			l.keep(f, e)
			return landing{e, outcomeL3}, nil
		case verdict == coherence.Valid, verdict == coherence.Foreign:
			return l.unshared(ctx, f, at)
		case verdict != coherence.Leased:
			d.held.Store(token, nil)
			defer d.held.Delete(token)
			err = d.placeLease(ctx, place, at, token)
		case own(at.item.Value, token): // a repeated command's first try has arrived
		case l.cache.clock.Exact() > patience:
			return l.unshared(ctx, f, at)
		default:
			if err := sleep(ctx, wait/2+rand.N(wait/2)); err != nil {
				return landing{}, err
			}
			wait = min(2*wait, mostWait)
			continue
		}
		switch {
		case err == nil:
			return l.fill(ctx, f, d, place, token, at, tags)
		case errors.Is(err, tier.ErrRefused), !tier.IsAnswer(err):
			return l.unshared(ctx, f, at)
		}
		lost++
	}
	return l.withoutShared(ctx, f)
}

// likelyTags are the tags that the value will have as far as one can tell: those
// of the call, and those of what stands in L2, however old it is. To look at their
// markers together with the value saves a round trip.
func (l *load) likelyTags() []string {
	tags := l.policy.tags
	if e := l.cache.cfg.Local.Peek(l.key); e != nil {
		tags = mergeTags(slices.Clip(tags), e.Tags)
	}
	return tags
}

// judge returns what at found: the entry, if it is Valid. It tells the flight how
// new its result will be at least: as the load that is, or was, another's, or as
// the one that l is about to begin. The markers that were looked at are those of
// tags; if the value has more, judge returns all of them, and no verdict.
func (l *load) judge(f *call, at look, tags []string) (e *tier.Entry, _ coherence.Verdict, all []string) {
	var v wire.Value
	verdict := coherence.Judge(l.reader(), at.item, at.seq, time.Now().UnixMilli(), &v)
	if verdict == coherence.Valid || verdict == coherence.Foreign {
		if all = mergeTags(slices.Clip(tags), v.Tags); len(all) > len(tags) {
			return nil, verdict, all
		}
	}
	switch {
	case verdict == coherence.Leased && (v.Stamp < at.marks.Last || l.cache.domain.left(at.item.Value)):
		verdict = coherence.Void // what its holder will store is hidden, or nobody holds it
	case verdict == coherence.Leased:
		f.Stamp(v.Stamp)
		return nil, verdict, tags
	case verdict == coherence.Valid && !at.marks.Hide(v.Stamp):
		if e, err := l.decode(&v, at); err == nil && !l.cache.fences.hide(e) {
			if l.cache.domain.awaits(l.key, e.Tags) {
				verdict = coherence.Foreign // its invalidation has not reached the shared tier
				break
			}
			f.Stamp(v.Stamp)
			return e, verdict, tags
		}
		verdict = coherence.Void // its writer's codec did not keep its word, or its marker is about to be raised
	case verdict == coherence.Valid, verdict == coherence.Foreign && v.Stamp != 0 && at.marks.Hide(v.Stamp): // 0: of a version that cannot be read
		verdict = coherence.Void
	}
	f.Stamp(at.seq)
	return nil, verdict, tags
}

// reader says which values l can use.
func (l *load) reader() coherence.Reader {
	return coherence.Reader{Key: l.key, Codec: l.typ.name, Fingerprint: l.typ.fingerprint}
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
	e, err := l.execute(ctx, f, &running{cache: l.cache, need: need{seq: at.seq, at: l.cache.clock.Exact()}})
	if err != nil {
		return landing{}, err
	}
	e.Stamp = at.seq
	l.keep(f, e)
	return landing{e, outcomeLoad}, nil
}

// decode makes an entry of what another process stored.
func (l *load) decode(v *wire.Value, at look) (*tier.Entry, error) {
	value, err := l.typ.decode(v.Payload)
	if err != nil {
		return nil, err
	}
	left := int64(NoExpiry)
	if v.Fresh != int64(NoExpiry) {
		left = (v.Fresh - time.Now().UnixMilli()) * int64(time.Millisecond)
		left += l.cache.clock.Exact()
	}
	return &tier.Entry{
		Key: l.key, Value: value, Stamp: v.Stamp, Loaded: at.began, Fresh: left, Expires: left,
		Took: time.Duration(v.Took) * time.Microsecond, Tags: v.Tags, Bytes: len(v.Payload), Began: at.turn,
	}, nil
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
