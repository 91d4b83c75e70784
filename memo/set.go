package memo

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Set takes the way of an invalidation, L3 first (invalidate.go says why), and
// brings a value.

// Set stores v under key in all tiers, in place of what is there. A load of key
// that is in flight does not replace it. If an invalidation overlaps, either of
// the two may be the later one: a v that was read from the database before
// somebody else's commit may be set after their Invalidate.
// Like an invalidation it reaches the other processes, works when ctx has ended,
// and returns ErrDeferred when the shared tier does not answer, or the list of its
// servers changes: v is stored here then, and the other processes will load.
//
// What the shared tier cannot hold, because it is too large or loses a part of
// it when encoded, is stored here and invalidated there.
func Set[T any](ctx context.Context, key string, v T, opts ...Option) error {
	_, err := store("Set", ctx, nil, strings.Clone(key), v, opts, false)
	return err
}

// store is Set, and Add, which stores only what is absent.
func store[T any](op string, ctx context.Context, c *Cache, key string, v T, opts []Option, absent bool) (stored bool, err error) {
	if err := checkCall(op, ctx, key); err != nil {
		return false, err
	}
	c, n, err := writer(ctx, c)
	if err != nil {
		return false, err
	}
	defer c.writers.leave()
	if n.bypassed() {
		kept, problem := n.vary.keepKey(key)
		if problem != nil {
			problem.Op = op
			return false, problem
		}
		return false, invalidateOwn(ctx, c, told{wire.Keys, []string{kept}})
	}
	l, _, err := newLoad[T](c, n, key, opts)
	if err != nil {
		return false, misuse(err, op, keys.Kind(key))
	}
	if l.policy.exempt(ctx) {
		return false, invalidateOwn(ctx, c, told{wire.Keys, []string{l.key}})
	}
	if err := l.tagged(l.tagsOf(v)); err != nil {
		return false, misuse(err, op, keys.Kind(key))
	}
	if n.recordSet(l.key, v, absent) {
		return false, nil
	}
	l.settles(context.WithoutCancel(ctx)) // the first poll forgets what has begun
	l.begins()
	l.absent = absent
	e := l.entry(v, 0)
	if l.policy.place == placeRequest || l.skips(v) {
		return false, c.setNowhere(ctx, n, l, e)
	}
	stored, err = c.set(ctx, n, l, e)
	return stored, c.counted(err)
}

// setNowhere is set for what no tier is to have: it takes the place of what is there all
// the same.
func (c *Cache) setNowhere(ctx context.Context, n *node, l *load, e *tier.Entry) error {
	if l.absent {
		return nil
	}
	err := invalidateOwn(ctx, c, told{wire.Keys, []string{l.key}})
	if n.table != nil && !errors.Is(err, ErrClosed) {
		n.table.Put(itemOf(e))
	}
	return err
}

func (c *Cache) set(ctx context.Context, n *node, l *load, e *tier.Entry) (stored bool, err error) {
	if l.absent && l.hasValue() {
		return false, nil
	}
	claim := c.flights.Claim(l.key)
	defer claim.Release()
	var w written
	if l.domain != nil {
		w = l.domain.write(ctx, l, e, claim)
	}
	if w.taken {
		return false, nil
	}
	var parts []*part
	if c.cfg.Shared != nil { // the other Nodes, where the key is moving
		parts, err = c.tellOnce(context.WithoutCancel(ctx), told{wire.Keys, []string{l.key}}, l.domain)
		w.err = cmp.Or(w.err, err)
	}
	decided := w.held || !l.absent // else what is here decides, in one step against those who Add beside it
	kept := false
	if !w.lost {
		claim.Keep(func() {
			if kept = decided || l.policy.local() && !l.hasValue(); kept {
				l.put(e)
			}
		})
	}
	if !kept && decided {
		c.drop(l.key)
	}
	if n.table != nil {
		n.table.Forget(l.key)
		if kept {
			n.table.Put(itemOf(e))
		}
	}
	if w.number != 0 {
		l.domain.settled([]uint64{w.number})
	}
	settle(parts)
	return kept || decided && !w.lost, w.err
}

// written is how a Set went in the shared tier.
type written struct {
	number uint64 // drawn for it; 0: none
	lost   bool   // an invalidation came in between, and won
	taken  bool   // there is a value, and Add leaves it there
	held   bool   // the shared tier has v now
	err    error
}

// write replaces what the shared tier has under l's key by e, in the steps of a
// load: a lease, so that older loads lose; a number and its record, so that
// other processes drop what they have; and the swap, which fails if an
// invalidation came in between.
func (d *domain) write(ctx context.Context, l *load, e *tier.Entry, claim *call) written {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.cache.cfg.WriteTimeout)
	defer cancel()
	var w written
	err := d.orQueue(told{wire.Keys, []string{l.key}}, func() error {
		w = d.writeWithin(ctx, l, e, claim)
		return w.err
	})
	if err != nil {
		return written{err: err}
	}
	return w
}

func (d *domain) writeWithin(ctx context.Context, l *load, e *tier.Entry, claim *call) written {
	if l.typ.lossy != nil || l.policy.place == placeLocal && !l.absent {
		return d.writeAbsence(ctx, l, e, claim)
	}
	place, mine := d.space.Value(l.key), wire.Lease{Token: rand.Uint64(), Version: l.policy.version}
	tags := e.Tags()
	for range mostTurns {
		at, err := d.look(ctx, place, d.marks(l.key, tags)...)
		if err != nil {
			return written{err: err}
		}
		if l.absent {
			found, all := l.holds(claim, at, tags)
			if len(all) > len(tags) {
				tags = all
				continue
			}
			if found {
				return written{taken: true}
			}
		}
		if l.policy.place == placeLocal {
			break
		}
		if err := d.placeLease(ctx, place, at, mine); err != nil && tier.IsAnswer(err) {
			continue
		} else if err != nil {
			return written{err: err}
		}
		return d.writeUnder(ctx, l, e, claim, place, mine.Token, len(at.marks.Unknown) > 0)
	}
	return d.writeAbsence(ctx, l, e, claim) // it is to stay here, or too many others write it
}

// writeUnder draws a number and swaps e for the lease token. With unborn there are
// markers of e that say nothing yet.
func (d *domain) writeUnder(ctx context.Context, l *load, e *tier.Entry, claim *call, place string, token uint64, unborn bool) written {
	var number uint64
	var at look
	err := both(
		func() (err error) { number, err = d.draw(ctx, 1); return err },
		func() (err error) { at, err = d.look(ctx, place); return err },
	)
	if err != nil {
		return written{err: err}
	}
	e.Stamp = number
	claim.Stamp(number) // its own record does not concern it
	data, encodeErr := l.encode(e)
	held := false
	swap := func() error {
		switch {
		case !own(at.item.Value, token):
			return errLeaseLost
		case encodeErr != nil:
			d.cache.log.unencoded(reflect.TypeOf(e.Value), encodeErr)
			return d.compareAndDelete(ctx, place, at.item.CAS)
		}
		if unborn {
			if seen, err := d.bear(ctx, e); err != nil {
				return err
			} else if !seen { // it would be void
				return d.compareAndDelete(ctx, place, at.item.CAS)
			}
		}
		err := d.swap(ctx, place, at.item.CAS, data, ttlOf(e, l.cache.clock.Exact()))
		if errors.Is(err, tier.ErrRefused) {
			d.cache.log.refused(reflect.TypeOf(e.Value), err)
			return d.compareAndDelete(ctx, place, at.item.CAS)
		}
		if held = err == nil; held {
			l.tally.valueBytes.Add(uint64(len(data)))
		}
		return err
	}
	var swapErr error
	err = both(
		func() error { return d.record(ctx, wire.Keys, []uint64{number}, [][]string{{l.key}}) },
		func() error { swapErr = swap(); return nil },
	)
	if err == nil && !tier.IsAnswer(swapErr) {
		err = swapErr
	}
	return written{number: number, lost: swapErr != nil, held: held, err: err}
}

// writeAbsence invalidates l's key in the shared tier, for a value that it
// cannot hold.
func (d *domain) writeAbsence(ctx context.Context, l *load, e *tier.Entry, claim *call) written {
	var number uint64
	err := both(
		func() error { return d.delete(ctx, []string{d.space.Value(l.key)}) },
		func() (err error) { number, err = d.draw(ctx, 1); return err },
	)
	if err != nil {
		return written{err: err}
	}
	e.Stamp = number
	claim.Stamp(number) // its own record does not concern it
	return written{number: number, err: d.record(ctx, wire.Keys, []uint64{number}, [][]string{{l.key}})}
}
