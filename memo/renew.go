package memo

import (
	"context"
	"sync"
	"time"
)

// Beside fn, in L3: the leases that this process holds at one Node are renewed by one
// timer. A goroutine and a ticker for each, and a look to confirm it, were a quarter of what
// a load of a batch put on the heap.

// renewEvery is how long a lease is held until it is renewed; who is due renewTogether
// later goes along.
const renewEvery, renewTogether = leaseTTL / 3, leaseTTL / 20

// leases are those of the loads that run here, at one Node, in the order in which they are
// to be renewed: each goes to the end then. The timer runs as long as there is one.
type leases struct {
	domain *domain

	mu          sync.Mutex
	tokens      map[uint64]struct{} // of the loads; some have no lease yet
	first, last *lease
	timer       *time.Timer // nil: there was no lease so far
	armed       bool
	closed      bool
	rounds      sync.WaitGroup // that the timer has begun, or will
}

// term is a lease's place among leases. Under their lock.
type term struct {
	before, next *lease
	listed       bool
	due          int64         // on the cache's clock
	touching     int           // rounds that have gone so far that end waits for them
	touched      chan struct{} // closed when there is none; nil: nobody waits
}

// keep notes the token of a load that is about to take a lease; see left.
func (k *leases) keep(token uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.tokens == nil {
		k.tokens = map[uint64]struct{}{}
	}
	k.tokens[token] = struct{}{}
}

// forget ends keep.
func (k *leases) forget(token uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.tokens, token)
}

// holds reports whether a load with token runs here.
func (k *leases) holds(token uint64) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, held := k.tokens[token]
	return held
}

// add has s renewed until it is removed, or its load is given up: a loader that never
// returns must not keep the other processes waiting.
func (k *leases) add(s *lease) {
	now := k.domain.cache.clock.Exact()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return
	}
	k.append(s, now)
	k.arm(now)
}

// append puts s at the end. Under the lock, as all that follows but remove, close and
// those of a round.
func (k *leases) append(s *lease, now int64) {
	s.due, s.listed, s.before, s.next = now+int64(renewEvery), true, k.last, nil
	if k.last == nil {
		k.first = s
	} else {
		k.last.next = s
	}
	k.last = s
}

func (k *leases) unlist(s *lease) {
	if !s.listed {
		return
	}
	if s.before == nil {
		k.first = s.next
	} else {
		s.before.next = s.next
	}
	if s.next == nil {
		k.last = s.before
	} else {
		s.next.before = s.before
	}
	s.listed, s.before, s.next = false, nil, nil
}

// arm has the next round begin when the first lease is due.
func (k *leases) arm(now int64) {
	if k.armed || k.closed || k.first == nil {
		return
	}
	k.armed = true
	k.rounds.Add(1)
	in := time.Duration(k.first.due - now)
	if k.timer == nil {
		k.timer = time.AfterFunc(in, k.round)
	} else {
		k.timer.Reset(in)
	}
}

// disarm takes the round that is to come back, if it has not begun.
func (k *leases) disarm() {
	if k.armed && k.timer.Stop() {
		k.armed = false
		k.rounds.Done()
	}
}

// remove ends the renewal of s. One that is under way is waited for:
//
//  1. a round has seen s in its place, and is about to touch it
//  2. the load of s ends, and stores the value there, for an hour
//  3. the touch arrives: the value is there for two seconds
func (k *leases) remove(s *lease) {
	k.mu.Lock()
	if k.unlist(s); k.first == nil {
		k.disarm()
	}
	if s.touching == 0 {
		k.mu.Unlock()
		return
	}
	if s.touched == nil {
		s.touched = make(chan struct{})
	}
	over := s.touched
	k.mu.Unlock()
	<-over
}

// close ends all renewals, and waits for those under way. The domain's life has ended.
func (k *leases) close() {
	k.mu.Lock()
	k.closed = true
	k.disarm()
	k.mu.Unlock()
	k.rounds.Wait()
}

// round renews the leases that are due. The next one does not wait for it, and is about the
// same leases if they are due again:
//
//  1. a round looks for all that is held here, on a connection that hangs
//  2. two thirds of a second later they are due for the second time, and the server answers
//     on every other connection
//  3. who left them to the first round would see all of them lapse
func (k *leases) round() {
	defer k.rounds.Done()
	now := k.domain.cache.clock.Exact()
	k.mu.Lock()
	k.armed = false
	var due []*lease
	for s := k.first; s != nil && s.due <= now+int64(renewTogether); s = k.first {
		k.unlist(s)
		if s.load.Err() != nil {
			continue
		}
		k.append(s, now)
		due = append(due, s)
	}
	k.arm(now)
	k.mu.Unlock()
	if len(due) == 0 {
		return
	}
	k.domain.renew(context.Background(), due)
}

// renew gives those of due that are still there another leaseTTL: to touch what somebody
// else stored in the place of one would change how long that lives.
func (d *domain) renew(ctx context.Context, due []*lease) {
	if !d.reachable() {
		return
	}
	lookers := make([]looker, len(due))
	d.seek(ctx, due, lookers, func(s *lease) string { return s.tokenAt })
	_ = each(len(due), valuesAtOnce, func(i int) error {
		if s := due[i]; lookers[i].err == nil && own(lookers[i].item.Value, s.token) { // else the swap will tell
			d.leases.touch(ctx, s)
		}
		return nil
	})
}

// touch renews s, unless it has been removed.
func (k *leases) touch(ctx context.Context, s *lease) {
	k.mu.Lock()
	listed := s.listed
	if listed {
		s.touching++
	}
	k.mu.Unlock()
	if !listed {
		return
	}
	defer func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if s.touching--; s.touching == 0 && s.touched != nil {
			close(s.touched)
			s.touched = nil
		}
	}()
	_ = k.domain.touch(ctx, s.tokenAt, leaseTTL)
}
