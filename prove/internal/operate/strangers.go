package operate

// strangers.go is processes that an operator has given settings which are not those of
// the others.

import (
	"errors"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

const some = 50 // rows that a stranger reads

// otherPrefix changes what may not be changed while a fleet runs.
func otherPrefix(s *site) error {
	return s.stranger(fleet.Setup{Prefix: "other"}, func(old int) {
		s.holds(old == some, "with another Prefix nothing is heard of the others", "%d of %d are old", old, some)
	})
}

// otherPlacementKey changes what may be, and is dear.
func otherPlacementKey(s *site) error {
	return s.stranger(fleet.Setup{PlacementKey: "another secret"}, func(old int) {
		s.holds(old == 0, "with another PlacementKey nothing old is read", "%d of %d are old", old, some)
	})
}

// stranger starts a process that shares nothing with the others, and tells judge how many
// rows it reads as they were before an invalidation by one of these.
func (s *site) stranger(setup fleet.Setup, judge func(old int)) (err error) {
	setup.TTL, setup.Servers = s.setup.TTL, s.list
	p, err := s.fleet.Start(setup)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if err := p.DoAll(busy + some); err != nil {
		return err
	}
	loaded := s.anew()
	if !wait(s.ctx, heard) {
		return s.ctx.Err()
	}
	var keys []fleet.Key
	versions := make([]uint64, some)
	for k := range some {
		keys = append(keys, fleet.Row(busy+k))
		if versions[k], err = s.workers[0].Commit(keys[k]); err != nil {
			return err
		}
	}
	if _, err := s.workers[0].Invalidate(keys...); err != nil {
		return err
	}
	if !wait(s.ctx, heard) {
		return s.ctx.Err()
	}
	old := 0
	for i, k := range keys {
		version, err := p.Do(k)
		if err != nil {
			return err
		}
		if version < versions[i] {
			old++
		}
	}
	s.note("it loads %d of %d for itself, and reads %d as they were before an Invalidate by another process", len(loaded), some, old)
	s.holds(len(loaded) == some, "it loads all for itself", "%d of %d", len(loaded), some)
	judge(old)
	_, err = s.rest()
	return err
}
