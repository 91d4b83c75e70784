package memo

import (
	"context"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/scope"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// In place of the way of an invalidation, for one that is made in a Tx (tx.go): it is
// written down here, and takes that way at Commit.

// write is one invalidation.
type write struct {
	cache *Cache
	table *scope.Table // of the request in which it was made; nil: none
	told
}

// record writes down what is invalidated under n, and hides it from n's ctx. It reports
// false where n is in no Tx.
func (n *node) record(what told) bool {
	p := n.inTx()
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over() { // since we looked
		return false
	}
	p.state.Or(ledgerWrote)
	p.writes = append(p.writes, write{n.cache, n.table, what})
	own := p.memory.Table(&n.cache.owner)
	switch what.about {
	case wire.Keys, wire.Expired:
		own.Forget(what.names...)
	case wire.Trees:
		own.ForgetFunc(func(key string) bool { return keys.Under(key, what.names[0]) })
	default: // everything; or tags, which a load in a Tx does not say
		own.Reset()
	}
	return true
}

// recordSet is record for a Set of v, which the Tx remembers; or for an Add, which leaves it at
// the invalidation, as nobody knows yet whether there will be a value.
func (n *node) recordSet(key string, v any, absent bool) bool {
	if !n.record(told{wire.Keys, []string{key}}) {
		return false
	}
	if !absent {
		n.tx.memory.Table(&n.cache.owner).Put(itemOf(&tier.Entry{Key: key, Value: v}))
	}
	return true
}

// delivery is what a Commit tells one cache, for one request, at once.
type delivery struct {
	cache *Cache
	table *scope.Table
	steps []told
	seen  map[string]bool // names of the last step
}

// deliveries puts together what may be told at once. The order stays, also between caches: of
// two calls, the one for what others are made of came first.
//
//  1. row is invalidated in one cache, and then report, which is made of it, in another one,
//     which was told of something before
//  2. told of all that concerns it at once, the second one forgets the report first
//  3. a reader makes it of the old row, and keeps it
func deliveries(writes []write) (all []*delivery) {
	var last *delivery
	for _, w := range writes {
		if last == nil || last.cache != w.cache || last.table != w.table {
			last = &delivery{cache: w.cache, table: w.table}
			all = append(all, last)
		}
		last.add(w.told)
	}
	return all
}

func (p *delivery) add(what told) {
	switch {
	case len(p.steps) == 1 && p.steps[0].about == everything:
		return
	case what.about == everything: // in place of all that there is to tell
		p.steps = []told{what}
		return
	}
	for _, name := range what.names {
		if last := p.last(); last == nil || last.about != what.about || len(last.names) == mostKeys {
			p.steps, p.seen = append(p.steps, told{about: what.about}), map[string]bool{}
		}
		if !p.seen[name] {
			p.seen[name] = true
			last := p.last()
			last.names = append(last.names, name)
		}
	}
}

func (p *delivery) last() *told {
	if len(p.steps) == 0 {
		return nil
	}
	return &p.steps[len(p.steps)-1]
}

// deliver carries p out, and tells of the first error: all steps are taken.
func (p *delivery) deliver(ctx context.Context) (first error) {
	if !p.cache.writers.enter() {
		return ErrClosed
	}
	defer p.cache.writers.leave()
	for _, step := range p.steps {
		if err := p.cache.carryOut(ctx, p.table, step); err != nil && first == nil {
			first = err
		}
	}
	return first
}
