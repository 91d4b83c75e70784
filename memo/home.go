package memo

import (
	"sync"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// Beside L2: what decides whether an entry is still valid, be it ever so fresh. Each
// Node counts its own invalidations, so each has its home here, and an entry belongs
// to that of the Node which held its key when it was made. A cache without a shared
// tier has one home for all.

// home is what the entries of one Node have in common.
type home struct {
	horizon atomic.Int64 // until when an entry may be used, however old; on the cache's clock
	bound   atomic.Int64 // how old one may be beyond that
	fences  fences
	moved   func(e *tier.Entry, now int64) bool // another Node holds e's key by now, or did meanwhile; nil: none ever does
	kinds   sync.Map                            // *tally to *tier.Kind; as many as there are names
}

// kind is what the entries of h whose hits are counted in t have in common. It lies here and
// not in t, which lives longer than a Node.
func (h *home) kind(t *tally) *tier.Kind {
	k, ok := h.kinds.Load(t)
	if !ok {
		k, _ = h.kinds.LoadOrStore(t, &tier.Kind{Home: h, Tally: t})
	}
	return k.(*tier.Kind)
}

// homeOf returns where e belongs, or nil: the Local may have entries from elsewhere.
func homeOf(e *tier.Entry) *home {
	if e.Kind == nil {
		return nil
	}
	h, _ := e.Kind.Home.(*home)
	return h
}

// homes are all that there are in this process.
func (c *Cache) homes() []*home {
	homes := []*home{&c.solo, &c.nowhere}
	for _, d := range c.members.all() {
		homes = append(homes, &d.home)
	}
	return homes
}

// init bounds what h remembers.
func (h *home) init() { h.fences.known.Most = mostFences }

// sound reports whether e, whatever its age, is hidden by no invalidation.
func sound(e *tier.Entry, now int64) bool {
	h := homeOf(e)
	if h == nil || now > h.horizon.Load() && now-e.Loaded > h.bound.Load() {
		return false // this process has not heard of others' invalidations for too long
	}
	// or a tag of it, or a tree that it stands in, was invalidated
	return atomic.LoadUint64(&e.Checked) == h.fences.turn.Load() || !h.hides(e)
}

// hides reports whether e, which is of h, is hidden, and notes that it is not.
func (h *home) hides(e *tier.Entry) bool { return h.hidesAt(e, 0) }

// hidesAt is hides for who has just asked what time it is; 0: he has not. The turn is read
// first:
//
//  1. e is found to be where it belongs
//  2. its key moves to another Node, and a turn begins in which that is looked at again
//  3. e is noted as checked in the turn of 2, and is used for as long as it lives
func (h *home) hidesAt(e *tier.Entry, now int64) bool {
	turn, checked := h.fences.turn.Load(), atomic.LoadUint64(&e.Checked)
	if checked == turn {
		return false
	}
	if h.moved != nil && h.moved(e, now) || h.fences.hides(e, checked) {
		return true
	}
	atomic.StoreUint64(&e.Checked, turn)
	return false
}
