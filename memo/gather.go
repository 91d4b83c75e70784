package memo

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/internal/ended"
	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Beside the way down, where several go it at once: the loads of one batch. Each is the
// load of its key, as if it were alone: it leads a flight or joins one, takes its own
// lease, is stored or not by itself. They only wait for each other at the two places
// where one trip serves all: the look in the shared tier (shared.go, looks.go), and the
// run of the loader (run.go, chunk.go).

// gather is the loads that travel together. At both places they wait until nobody is
// left who might still come. Who waits for something that is not of this gather is not
// waited for, or two batches that share keys would wait for each other:
//
//  1. batch 1 leads the load of A, batch 2 that of B
//  2. batch 1 joins the load of B, and batch 2 that of A
//  3. the loader of batch 1 would run when B is there, and that of batch 2 when A is
type gather struct {
	cache   *Cache
	base    context.Context // of the loads
	parent  *running        // the load that the callers are a part of
	load    loader          // of several keys
	size    int             // most keys of one call of it
	behind  bool            // nobody waits for these loads
	refresh *gather         // those that it began behind its readers; nil: none so far

	mu      sync.Mutex
	seats   int         // that were given away
	full    bool        // of a window: nobody may join any more
	window  *time.Timer // of a window: ends it
	out     int         // loads that may still come to where others wait
	callers int         // callers who have not come to wait, or to an end, for the first time
	looks   map[*domain][]*looker
	runs    []*runner
	leases  map[*domain]*confirmation // of the loads at runs, and of those that are on their way there
}

// loader loads what is asked for: an answer for each. The arguments are those of a
// batch's user.
type loader func(ctx context.Context, asked []any) (found []found, err error)

// found is what a loader of many keys has for one of them.
type found struct {
	value any
	ok    bool
}

// seat is one load's place in a gather. A nil seat is that of a load which travels alone.
type seat struct {
	gather *gather
	arg    any // of the loader, for the load's key
	at     int // its place in the order in which the loader gets them

	caller bool // the caller is counted among those who are out
	passed bool // it is not counted among the callers any more
	flight bool // the load is counted among those who are out
}

// together is the gather that s is a place in, or nil.
func (s *seat) together() *gather {
	if s == nil {
		return nil
	}
	return s.gather
}

// seat returns a place for a load whose caller is about to ask for it.
func (g *gather) seat(arg any) *seat {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.sit(arg)
}

func (g *gather) sit(arg any) *seat {
	s := &seat{gather: g, arg: arg, at: g.seats, caller: true}
	g.seats++
	g.out++
	g.callers++
	return s
}

// enter notes one more who is out.
func (g *gather) enter() {
	g.mu.Lock()
	g.out++
	g.mu.Unlock()
}

// leave takes one of those who are out away.
func (g *gather) leave() {
	g.mu.Lock()
	g.out--
	g.depart()
}

// depart sends those who wait on their way if nobody is left to come, and unlocks g.
// Who looks is not at the loader yet, so the looks go first.
func (g *gather) depart() {
	var looks map[*domain][]*looker
	var runs []*runner
	var leases map[*domain]*confirmation
	switch {
	case g.out > 0:
	case len(g.looks) > 0:
		looks, g.looks = g.looks, nil
		for _, lookers := range looks {
			g.out += len(lookers)
		}
	default:
		runs, g.runs = g.runs, nil
		leases, g.leases = g.leases, nil
	}
	g.mu.Unlock()
	for d, lookers := range looks {
		go d.lookFor(context.Background(), lookers)
	}
	for _, k := range leases {
		go k.run(context.Background())
	}
	if len(runs) > 0 {
		go g.runAll(runs)
	}
}

// waits says that the caller of s waits for others, or is done.
func (s *seat) waits() {
	if s == nil || !s.caller {
		return
	}
	s.caller = false
	if !s.passed {
		s.passed = true
		s.gather.pass()
	}
	s.gather.leave()
}

// goesOn says that the caller of s has waited, and is on its way again.
func (s *seat) goesOn() {
	if s == nil || s.caller {
		return
	}
	s.caller = true
	s.gather.enter()
}

// pass counts one of the callers off. With the last one the refreshes that they began go.
func (g *gather) pass() {
	g.mu.Lock()
	g.callers--
	r := g.refresh
	last := g.callers == 0 && r != nil
	g.mu.Unlock()
	if last {
		r.leave()
	}
}

// begins says that the load of s is about to run.
func (s *seat) begins() {
	if s != nil {
		s.flight = true
		s.gather.enter()
	}
}

// lands says that the load of s has ended.
func (s *seat) lands() {
	if s != nil && s.flight {
		s.flight = false
		s.gather.leave()
	}
}

// sleeps waits as sleep does, with nobody waiting for s.
func (s *seat) sleeps(sleep func() error) error {
	if s == nil {
		return sleep()
	}
	s.gather.leave()
	defer s.gather.enter()
	return sleep()
}

// refreshing is the place of a load that refreshes, behind its reader, what s was about.
// Nobody waits for such loads, so they wait for each other only as long as their readers
// may begin more of them.
func (s *seat) refreshing() *seat {
	if s == nil {
		return nil
	}
	g := s.gather
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refresh == nil {
		g.refresh = &gather{cache: g.cache, base: g.base, load: g.load, size: g.size, behind: true}
		if g.callers > 0 {
			g.refresh.out = 1
		}
	}
	return &seat{gather: g.refresh, arg: s.arg, at: s.at}
}

// looker is a load that waits for its look.
type looker struct {
	place string
	marks []string
	done  chan struct{} // closed when at and err are there; nil: nobody else waits
	seen  *look         // what it shares with others that were read with it: all but the item
	item  tier.Item
	slot  int    // of place, among the names of its look
	again bool   // another one of its look may be for the same place
	slabs *slabs // of who looks ahead: where item is until it is judged
	err   error

	panicked *flight.Panic // in a user's tier
}

// at is what w's look has found.
func (w *looker) at() (at look) {
	if w.seen != nil {
		at = *w.seen
	}
	at.item = w.item
	return at
}

// look is d.look for l: with those of the loads that l travels with.
func (l *load) look(ctx context.Context, d *domain, place string, marks []string) (look, error) {
	if l.seat == nil {
		return d.look(ctx, place, marks...)
	}
	g, w := l.seat.gather, &looker{place: place, marks: marks, done: make(chan struct{}), again: true}
	g.mu.Lock()
	if g.looks == nil {
		g.looks = map[*domain][]*looker{}
	}
	g.looks[d] = append(g.looks[d], w)
	g.out--
	g.depart()
	select {
	case <-w.done:
	case <-ctx.Done():
		if g.withdraws(d, w) {
			return look{}, ended.Err(ctx)
		}
		<-w.done // it is under way
	}
	if w.panicked != nil {
		panic(w.panicked.Value)
	}
	return w.at(), w.err
}

// withdraws takes w, who does not want to wait any more, back among those who are out. It
// reports false if w's look is under way.
func (g *gather) withdraws(d *domain, w *looker) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.looks[d], w)
	if i < 0 {
		return false
	}
	g.looks[d] = slices.Delete(g.looks[d], i, i+1)
	if len(g.looks[d]) == 0 {
		delete(g.looks, d)
	}
	g.out++
	return true
}
