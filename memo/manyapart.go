package memo

import "context"

// DoMany of a function whose loader loads one value: the keys look in the shared tier
// together, and load one by one.

// loadsAtOnce is how many loaders of one such call run beside each other: who asks for a
// thousand values is not to take a thousand connections.
const loadsAtOnce = 16

// apart answers for members. What the shared tier has costs one round trip for
// all; a load looks once more, as what is not there has no lease yet.
func (b *many[K, V]) apart(ctx context.Context, n *node, members []*member) {
	for _, m := range members {
		m.fn = bodyOf[V](func(ctx context.Context) (V, error) { return b.single(ctx, b.args[m.at]) })
	}
	beside(members, func(m *member) { m.fetched(ctx, n) })
	var alone []*member
	for _, m := range members {
		if m.panicked == nil && m.entry == nil {
			alone = append(alone, m)
		}
	}
	free := make(chan struct{}, loadsAtOnce)
	beside(alone, func(m *member) {
		free <- struct{}{}
		defer func() { <-free }()
		m.entry, m.from, m.err = n.cache.request(ctx, n, m.load)
	})
}

// fetched is m's way as long as it is with the others: to what is in the shared tier.
func (m *member) fetched(ctx context.Context, n *node) {
	seat := m.seat
	defer seat.waits() // also where a user's tier panics
	e, from, err := m.cache.get(ctx, n, m.load)
	seat.waits()
	m.seat = nil
	if e == nil || err != nil {
		return
	}
	if m.entry, m.from = e, from; from != outcomeL1 && ageOf(e, m.cache.clock.Now(), m.policy.early) == early {
		m.refreshBehind(ctx, e)
	}
}
