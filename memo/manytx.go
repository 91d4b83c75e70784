package memo

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"

	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/internal/scope"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// DoMany in a Tx (txread.go): what the Tx remembers, what a tier may show it, looked for
// together, and then the loader, on the caller's goroutine and with its ctx.

// inTx answers for members at p. For a key that another goroutine of the Tx is loading it
// waits when its own are loaded, and not before: the other one may wait for one of those.
func (b *many[K, V]) inTx(ctx context.Context, n *node, p *standing, members []*member) {
	beside(members, func(m *member) {
		seat := m.seat
		defer seat.waits()
		m.entry, m.from, m.err = p.get(ctx, n, m.load)
		m.seat = nil
	})
	var missed, alone []*member
	for _, m := range members {
		switch {
		case m.panicked != nil, m.entry != nil, m.err != nil:
		case b.single != nil, p.loads(m.load):
			alone = append(alone, m)
		default:
			missed = append(missed, m)
		}
	}
	var counts *member // itself, if its loader panics
	returned := false
	defer func() {
		if !returned {
			b.cutShort(members, counts)
		}
	}()
	for part := range slices.Chunk(missed, b.size(n)) {
		alone = append(alone, b.leadInTx(ctx, n, p, part)...)
	}
	for _, m := range alone {
		counts = m
		m.fn = bodyOf[V](func(ctx context.Context) (V, error) { return b.value(ctx, m.at) })
		m.entry, m.from, m.err = p.load(ctx, n, m.load)
	}
	returned = true
}

// cutShort counts members, but one, where a loader does not return.
func (b *many[K, V]) cutShort(members []*member, but *member) {
	for _, m := range members {
		if m == but {
			continue
		}
		if m.entry == nil && m.err == nil {
			m.from, m.err = outcomeBypass, ErrMiss
		}
		_, _ = answer[V](m.load, m.entry, m.from, m.err)
	}
}

// leadInTx loads those of members that nobody in the Tx loads, and returns the others.
func (b *many[K, V]) leadInTx(ctx context.Context, n *node, p *standing, members []*member) (others []*member) {
	own := p.memory.Table(&n.cache.owner)
	led := make([]*member, 0, len(members))
	inner := p // in the load of each key, for who asks for one of them
	for _, m := range members {
		r := &standing{ledger: p.ledger, up: inner, cache: m.cache, key: m.key}
		if !m.fresh {
			it, call, lead := own.BeginWithin(inner.part(), m.key) // each a part of the one before: they end together
			if it != nil {
				m.entry, m.from = entryOf(it), outcomeL1
				continue
			}
			if !lead {
				others = append(others, m)
				continue
			}
			r.call.Store(call)
		}
		inner, led = r, append(led, m)
	}
	if len(led) > 0 {
		b.runInTx(ctx, n, inner, led)
	}
	return others
}

// runInTx calls the loader for members; inner is in the load of each, the last one's first.
// What it returns is remembered for this Tx alone.
func (b *many[K, V]) runInTx(ctx context.Context, n *node, inner *standing, members []*member) {
	calls := make([]*scope.Call, len(members))
	args := make([]K, len(members))
	for i, s := len(members)-1, inner; i >= 0; i, s = i-1, s.up {
		calls[i], args[i] = s.call.Load(), b.args[members[i].at]
	}
	returned := false
	defer func() {
		s := inner
		for range members {
			s.ended.Store(true)
			s.call.Store(nil)
			s = s.up
		}
		if returned {
			return
		}
		v := recover() // to tell a panic from Goexit; it goes on with its own value
		p := &flight.Panic{Value: v, Stack: debug.Stack()}
		for _, call := range calls {
			call.Fail(p)
		}
		if v != nil {
			panic(v)
		}
	}()
	below := n.inTxAt(ctx, inner)
	own := inner.memory.Table(&n.cache.owner)
	epoch := own.Epoch()
	values, err := b.load(below, args)
	returned = true
	if err == nil {
		err = ErrNotFound
	}
	for i, m := range members {
		m.from = outcomeBypass
		if v, ok := values[b.args[m.at]]; ok { // args are the loader's own: it may have sorted them
			m.entry = &tier.Entry{Key: m.key, Value: v}
		} else if errors.Is(err, ErrNotFound) && m.policy.negative > 0 {
			m.entry = &tier.Entry{Key: m.key, More: &tier.More{Err: ErrNotFound}}
		} else {
			m.err = err
		}
		switch {
		case ctx.Err() != nil: // it may be what a query that was cut short has found
			calls[i].Fail(nil)
		case m.fresh:
			putAnew(own, epoch, m.key, m.entry, m.err)
		case m.err != nil:
			calls[i].Fail(m.err)
		default:
			calls[i].Done(itemOf(m.entry))
		}
	}
}
