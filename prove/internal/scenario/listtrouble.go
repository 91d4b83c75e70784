package scenario

// listtrouble.go is what operators do to the list of servers while everybody works.

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

const (
	// settling is what a change of the list may take until it is in use everywhere: the
	// old list counts as somebody's for ten seconds, and the new one is used three
	// seconds after that.
	settling = 15 * time.Second
	// soon is by how much processes learn of a list at different times as a rule, and
	// late by how much they do where each asks DNS on its own.
	soon, late = 500 * time.Millisecond, 5 * time.Second
)

// added puts spare servers into the list, one after the other.
func added(r *run) error {
	return r.changes(func() []*server { return with(r.list, r.spare()) }, func() bool { return r.spare() != nil })
}

// removed takes servers out of the list, which go on to run.
func removed(r *run) error {
	return r.changes(func() []*server { return without(r.list, r.one()) }, func() bool { return len(r.list) > 2 })
}

// replaced takes one out and puts another in, which may have been in the list before
// and still holds what it held then.
func replaced(r *run) error {
	return r.changes(r.replacement, func() bool { return true })
}

func (r *run) replacement() []*server { return with(without(r.list, r.one()), r.spare()) }

// changes makes the list what to returns, again and again while more does.
func (r *run) changes(to func() []*server, more func() bool) error {
	for r.next(between(500*ms, 2*time.Second)) && more() {
		if err := r.relist(to()); err != nil {
			return err
		}
		r.next(settling)
	}
	<-r.writing.Done()
	return nil
}

// putBack takes a server out and puts it back: now so soon that hardly anybody has
// stopped using it, and now when everybody has.
func putBack(r *run) error {
	short := true
	for r.next(between(300*ms, time.Second)) {
		away := between(200*ms, 6*time.Second)
		if !short {
			away = settling + between(0, 2*time.Second)
		}
		short = !short
		if err := r.takeOutFor(away); err != nil {
			return err
		}
		r.next(between(time.Second, settling))
	}
	return nil
}

func (r *run) takeOutFor(away time.Duration) error {
	whole := r.list
	if err := r.relist(without(whole, r.one())); err != nil {
		return err
	}
	r.pause(away)
	return r.relist(whole)
}

// heardLate changes the list in any way, sometimes before everybody uses the last one.
func heardLate(r *run) error {
	for r.next(between(300*ms, time.Second)) {
		if err := r.relist(r.anotherList()); err != nil {
			return err
		}
		r.next(between(0, settling))
	}
	return nil
}

// anotherList is what the list may be next: one more, one less, or one another.
func (r *run) anotherList() []*server {
	grow, shrink := r.spare() != nil, len(r.list) > 2
	switch n := rand.N(3); {
	case n == 0 && grow:
		return with(r.list, r.spare())
	case n == 1 && shrink, !grow:
		return without(r.list, r.one())
	default:
		return r.replacement()
	}
}

// rolledOut restarts the processes one by one with another list, in such steps that
// old ones stand next to new ones all the time; they end as they do in a deploy.
func rolledOut(r *run) error { return r.rollOut(r.retire) }

// rolledOutHard is the same where they are killed: what an invalidation has told
// nobody yet is lost.
func rolledOutHard(r *run) error {
	return r.rollOut(func(p *fleet.Process) error { return p.Kill() })
}

func (r *run) rollOut(end func(*fleet.Process) error) error {
	r.fleet.Explain(time.Hour)
	old := slices.Clone(r.fleet.Alive())
	r.list = r.anotherList()
	until, _ := r.writing.Deadline()
	step := time.Until(until) / time.Duration(len(old)+1)
	for _, p := range old {
		if !r.next(step) {
			return nil
		}
		if err := end(p); err != nil {
			return err
		}
		if err := r.join(r.parts[p.ID]); err != nil {
			return err
		}
		r.did("restarts of processes", 1)
	}
	<-r.writing.Done()
	return nil
}

// retire ends a process in good order.
func (r *run) retire(p *fleet.Process) error {
	if err := p.Calm(); err != nil {
		return err
	}
	if _, err := p.End(); err != nil {
		return err
	}
	return p.Close()
}
