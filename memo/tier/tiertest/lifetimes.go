package tiertest

import (
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// lifetimes.go checks when items end. Against a real server that takes real
// time; no check depends on the machine being fast: what must still be there is
// missed only if it was gone before its ttl, by the clock of this process.

// patience is how late an item may end: servers count seconds, and machines are busy.
const patience = 10 * time.Second

func ttlIsALowerBound(j *judge, open func() tier.Shared) {
	n, added, swapped := j.node(open), j.key("added"), j.key("swapped")
	const ttl = 1500 * time.Millisecond // cut to whole seconds it is noticeably shorter
	item := j.add(n, swapped, "v", time.Hour)
	begin := time.Now()
	j.stopped("Add", n.Add(j.ctx, added, []byte("v"), ttl))
	j.stopped("CompareAndSwap", n.CompareAndSwap(j.ctx, swapped, item.CAS, []byte("v"), ttl))
	j.watch(begin, ttl, func() bool {
		for method, key := range map[string]string{"Add": added, "CompareAndSwap": swapped} {
			found, after := j.get(n, key).Found(), time.Since(begin)
			if !found && after < ttl {
				j.broken("%s with a ttl of %v: the item was gone after %v", method, ttl, after)
			}
		}
		return false
	})
}

func ttlEnds(j *judge, open func() tier.Shared) {
	n, added, swapped := j.node(open), j.key("added"), j.key("swapped")
	item := j.add(n, swapped, "v", time.Hour)
	j.stopped("Add", n.Add(j.ctx, added, []byte("v"), time.Second))
	j.stopped("CompareAndSwap", n.CompareAndSwap(j.ctx, swapped, item.CAS, []byte("v"), time.Second))
	begin := time.Now()
	for method, key := range map[string]string{"Add": added, "CompareAndSwap": swapped} {
		if !j.watch(begin, time.Second+patience, func() bool { return !j.get(n, key).Found() }) {
			j.broken("%s with a ttl of 1s: the item is still there %v later", method, time.Since(begin))
		}
		j.stopped("Add in place of an item that has expired", n.Add(j.ctx, key, []byte("v"), time.Hour))
	}
}

func ttlIsPositive(j *judge, open func() tier.Shared) {
	n := j.node(open)
	for _, ttl := range []time.Duration{0, -1, -time.Hour} {
		item := j.add(n, j.key(ttl.String()), "v", time.Hour)
		for method, err := range map[string]error{
			"Add":            n.Add(j.ctx, j.key("none"+ttl.String()), []byte("v"), ttl),
			"CompareAndSwap": n.CompareAndSwap(j.ctx, j.key(ttl.String()), item.CAS, []byte("v"), ttl),
			"Touch":          n.Touch(j.ctx, j.key(ttl.String()), ttl),
		} {
			if err == nil {
				j.broken("%s with a ttl of %v: no error", method, ttl)
			}
		}
	}
}

func longTTLs(j *judge, open func() tier.Shared) {
	const day = 24 * time.Hour
	n, begin := j.node(open), time.Now()
	ttls := []time.Duration{29 * day, 31 * day, 400 * day, 36500 * day, tier.NoExpiry}
	for _, ttl := range ttls {
		j.stopped("Add", n.Add(j.ctx, j.key(ttl.String()), []byte("v"), ttl))
	}
	touched := j.key("touched")
	j.add(n, touched, "v", time.Hour)
	j.stopped("Touch", n.Touch(j.ctx, touched, tier.NoExpiry))
	j.watch(begin, 1100*time.Millisecond, func() bool { // over a tick of a clock that counts seconds
		for _, ttl := range ttls {
			if !j.get(n, j.key(ttl.String())).Found() {
				j.broken("Add with a ttl of %v: the item was gone within %v", ttl, time.Since(begin))
			}
		}
		if !j.get(n, touched).Found() {
			j.broken("Touch with NoExpiry: the item was gone within %v", time.Since(begin))
		}
		return false
	})
}
