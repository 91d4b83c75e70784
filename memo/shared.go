package memo

import (
	"context"
	"errors"
	"math/rand/v2"
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
	place, token := d.space.Value(l.key), rand.Uint64()
	patience := l.cache.clock.Exact() + int64(l.policy.loadTimeout)
	wait := leastWait
	for lost := 0; lost < mostTurns; {
		at, err := d.look(ctx, place)
		if err != nil {
			return l.withoutShared(ctx, f)
		}
		e, verdict := l.judge(f, at)
		switch {
		case verdict == coherence.Valid && l.admits(e.Stamp, e.Loaded):
			l.keep(f, e)
			return landing{e, outcomeL3}, nil
		case verdict == coherence.Valid, verdict == coherence.Foreign:
			return l.unshared(ctx, f, at)
		case verdict != coherence.Leased:
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
			return l.fill(ctx, f, d, place, token, at.seq)
		case errors.Is(err, tier.ErrRefused), !tier.IsAnswer(err):
			return l.unshared(ctx, f, at)
		}
		lost++
	}
	return l.withoutShared(ctx, f)
}

// judge returns what at found: the entry, if it is Valid. It tells the flight how
// new its result will be at least: as the load that is, or was, another's, or as
// the one that l is about to begin.
func (l *load) judge(f *call, at look) (*tier.Entry, coherence.Verdict) {
	var v wire.Value
	verdict := coherence.Judge(l.reader(), at.item, at.seq, time.Now().UnixMilli(), &v)
	switch verdict {
	case coherence.Leased:
		f.Stamp(v.Stamp)
	case coherence.Valid:
		if e, err := l.decode(&v, at); err == nil {
			f.Stamp(v.Stamp)
			return e, verdict
		}
		verdict = coherence.Void // its writer's codec did not keep its word
		fallthrough
	default:
		f.Stamp(at.seq)
	}
	return nil, verdict
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
		Took: time.Duration(v.Took) * time.Microsecond, Tags: v.Tags, Bytes: len(v.Payload),
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
