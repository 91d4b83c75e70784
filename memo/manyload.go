package memo

import "context"

// Between the keys of a batch and their loads. A load says at length how its key is
// loaded, which a key that is found in the shared tier never needs. So where the options
// of all keys are the same, one load is about each of them in turn, and only who goes
// further has one of its own.

// as is a load about m: its own, or until the next call the one that is lent to all.
func (b *many[K, V]) as(m *member) *load {
	if m.load != nil {
		return m.load
	}
	b.lent.about(m)
	return b.lent
}

// about makes l, which knows its options, the load of m's key.
func (l *load) about(m *member) {
	if l.key, l.kind = m.key, m.kind; l.policy.name == "" {
		l.tally = m.kind
	}
	if d := m.seen.domain; d != nil {
		l.domain, l.home = d, &d.home
	}
}

// embark gives members loads of their own, which travel together, and takes along what
// was seen for them.
func (b *many[K, V]) embark(ctx context.Context, n *node, members []*member) {
	if len(members) == 0 {
		return
	}
	var loads []load
	if b.lent != nil {
		loads = make([]load, len(members)) // in one allocation
	}
	g := b.gather(ctx, n, b.as(members[0]).policy.batchSize)
	for i, m := range members {
		if m.load == nil {
			loads[i] = *b.as(m)
			m.load = &loads[i]
		}
		if a := &m.seen; a.looks {
			m.ahead, m.started, m.turn = a, a.started, a.turn
		}
		m.seat = g.seat(b.args[m.at])
	}
}

// gather is an empty one for loads of callers with ctx.
func (b *many[K, V]) gather(ctx context.Context, n *node, size int) *gather {
	return &gather{cache: n.cache, base: n.cache.base(ctx), parent: n.load, load: b.loader(), size: size}
}
