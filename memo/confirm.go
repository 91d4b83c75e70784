package memo

import (
	"context"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// Beside fn, in L3: which version the leases are that were placed for it. Nobody waits for
// that before fn runs, so those of a batch are looked for together when its loader is
// called, in one round trip.

// confirmation is the look that tells of some leases of one Node which version they are:
// Add does not say it.
type confirmation struct {
	domain *domain
	gather *gather  // nil: run was called when it was made
	leases []*lease // more of them as long as gather has it
	done   chan struct{}
}

// confirms returns the confirmation of s, which is a lease of one of g's loads.
func (g *gather) confirms(s *lease) *confirmation {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := g.leases[s.domain]
	if k == nil {
		if g.leases == nil {
			g.leases = map[*domain]*confirmation{}
		}
		k = &confirmation{domain: s.domain, gather: g, done: make(chan struct{})}
		g.leases[s.domain] = k
	}
	k.leases = append(k.leases, s)
	return k
}

// begin sees to it that k runs, for a load that waits for it, and may be one that does not
// go to the loader: a caller who was the last has left.
func (k *confirmation) begin() {
	if k == nil || k.gather == nil {
		return
	}
	g := k.gather
	g.mu.Lock()
	waits := g.leases[k.domain] == k
	if waits {
		delete(g.leases, k.domain)
	}
	g.mu.Unlock()
	if waits {
		go k.run(context.Background())
	}
}

// run looks for the leases of k, the counter first: what they need is what was counted
// when they were there.
func (k *confirmation) run(ctx context.Context) {
	looked := false
	defer func() {
		if !looked { // a Goexit of a user's tier: what has no version was not confirmed
			for _, s := range k.leases {
				s.lost = errAway
			}
		}
		close(k.done)
	}()
	d := k.domain
	if len(k.leases) == 1 { // as of all who load alone
		s := k.leases[0]
		at, err := d.look(ctx, s.place)
		looked = true
		s.is(at, err, d.cache.clock.Exact())
		return
	}
	lookers := make([]looker, len(k.leases))
	d.seek(ctx, k.leases, lookers, func(s *lease) string { return s.place })
	now := d.cache.clock.Exact()
	looked = true
	for i, s := range k.leases {
		s.is(lookers[i].at(), lookers[i].err, now)
	}
}

// is notes what a look at s's place has found, which ended at now.
func (s *lease) is(at look, err error, now int64) {
	switch {
	case err != nil:
		s.lost = err
	case !own(at.item.Value, s.token):
		s.lost = errLeaseLost
	}
	s.cas, s.seq, s.at = at.item.CAS, at.seq, now
	if s.lost != nil {
		s.domain.leases.remove(s)
	}
}

// seek looks for one place of each of leases.
func (d *domain) seek(ctx context.Context, leases []*lease, lookers []looker, place func(*lease) string) {
	all := make([]*looker, len(leases))
	for i, s := range leases {
		lookers[i].place, lookers[i].again = place(s), true
		all[i] = &lookers[i]
	}
	d.lookFor(ctx, all)
	for _, w := range all {
		if w.panicked != nil && w.err == nil {
			w.err = &PanicError{Value: w.panicked.Value, Stack: w.panicked.Stack}
		}
	}
}

// own reports whether data is the lease with token.
func own(data []byte, token uint64) bool {
	if wire.KindOf(data) != wire.KindLease {
		return false
	}
	var l wire.Lease
	return wire.ParseLease(data, &l) == nil && l.Token == token
}
