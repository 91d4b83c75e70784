package tiertest

import (
	"errors"
	"fmt"
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
	n := j.node(open)
	type stored struct {
		method, key string
		ttl         time.Duration
	}
	var all []stored
	for _, ttl := range []time.Duration{time.Second, time.Millisecond} { // a millisecond is the least that the engine asks for
		added, swapped := j.key("added"+ttl.String()), j.key("swapped"+ttl.String())
		item := j.add(n, swapped, "v", time.Hour)
		for method, err := range map[string]error{
			"Add":            n.Add(j.ctx, added, []byte("v"), ttl),
			"CompareAndSwap": n.CompareAndSwap(j.ctx, swapped, item.CAS, []byte("v"), ttl),
		} {
			if err != nil {
				j.broken("%s with a ttl of %v: %s", method, ttl, answer(err))
			}
		}
		all = append(all, stored{"Add", added, ttl}, stored{"CompareAndSwap", swapped, ttl})
	}
	begin := time.Now()
	for _, s := range all {
		if !j.watch(begin, s.ttl+patience, func() bool { return !j.get(n, s.key).Found() }) {
			j.broken("%s with a ttl of %v: the item is still there %v later", s.method, s.ttl, time.Since(begin))
		}
		j.stopped("Add in place of an item that has expired", n.Add(j.ctx, s.key, []byte("v"), time.Hour))
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
	swapped := j.key("swapped")
	j.stopped("CompareAndSwap", n.CompareAndSwap(j.ctx, swapped, j.add(n, swapped, "v", time.Hour).CAS, []byte("v"), tier.NoExpiry))
	j.watch(begin, 1100*time.Millisecond, func() bool { // over a tick of a clock that counts seconds
		for _, ttl := range ttls {
			if !j.get(n, j.key(ttl.String())).Found() {
				j.broken("Add with a ttl of %v: the item was gone within %v", ttl, time.Since(begin))
			}
		}
		if !j.get(n, touched).Found() {
			j.broken("Touch with NoExpiry: the item was gone within %v", time.Since(begin))
		}
		if !j.get(n, swapped).Found() {
			j.broken("CompareAndSwap with NoExpiry: the item was gone within %v", time.Since(begin))
		}
		return false
	})
}

func incrKeepsTheTTL(j *judge, open func() tier.Shared) {
	n, short, long := j.node(open), j.key("short"), j.key("long")
	before := j.add(n, long, "7", tier.NoExpiry)
	j.add(n, short, "7", time.Second)
	begin := time.Now()
	for _, key := range []string{short, long} {
		if _, err := n.Incr(j.ctx, key, 1); err != nil && key == long {
			j.stopped("Incr", err)
		}
	}
	if after := j.get(n, long); after.CAS == before.CAS {
		j.broken("Incr changed the value and left the CAS id as it was, %d", before.CAS)
	}
	if !j.watch(begin, time.Second+patience, func() bool { return !j.get(n, short).Found() }) {
		j.broken("an item with a ttl of 1s is still there %v later: an Incr after it was stored has changed its ttl", time.Since(begin))
	}
	j.watch(begin, 1100*time.Millisecond, func() bool {
		if !j.get(n, long).Found() {
			j.broken("an item without expiry is gone after an Incr")
		}
		return false
	})
}

func touchKeepsTheCAS(j *judge, open func() tier.Shared) {
	n := j.node(open)
	j.answers("Touch of an absent key", n.Touch(j.ctx, j.key("none"), time.Hour), tier.ErrNotFound)
	if j.get(n, j.key("none")).Found() {
		j.broken("Touch of an absent key made one")
	}
	long, short := j.touchInTime(n), j.key("shorter")
	j.add(n, short, "v", time.Hour)
	begin := time.Now()
	if err := n.Touch(j.ctx, short, time.Second); err != nil {
		j.broken("Touch of a present item: %s", answer(err))
	}
	if !j.watch(begin, time.Second+patience, func() bool { return !j.get(n, short).Found() }) {
		j.broken("an item of an hour was touched with a ttl of 1s, and is still there %v later", time.Since(begin))
	}
	j.watch(begin, 3500*time.Millisecond, func() bool { // over what a second may become where seconds are counted
		if !j.get(n, long).Found() {
			j.broken("an item of 1s was touched with a ttl of an hour, and was gone %v later", time.Since(begin))
		}
		return false
	})
}

// touchInTime returns the key of an item of a second that was touched with a ttl
// of an hour. Where the machine took more than the second for that, the item had
// ended, which is nobody's mistake: then it tries another one.
func (j *judge) touchInTime(n tier.Node) (key string) {
	j.Helper()
	for round := 0; ; round++ {
		key := j.key(fmt.Sprint("longer", round))
		begin := time.Now()
		before := j.add(n, key, "v", time.Second)
		err := n.Touch(j.ctx, key, time.Hour)
		if errors.Is(err, tier.ErrNotFound) && time.Since(begin) >= time.Second {
			continue
		}
		if err != nil {
			j.broken("Touch of a present item: %s", answer(err))
		}
		if after := j.get(n, key); after.CAS != before.CAS || string(after.Value) != "v" {
			j.broken("Touch changed the item: the CAS id was %d and is %d, the value is %q", before.CAS, after.CAS, after.Value)
		}
		return key
	}
}
