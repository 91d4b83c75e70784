package memo

import (
	"context"
	"errors"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// DoMany for the keys that L1 and L2 do not have: each on a goroutine of its own, as
// that of a caller of Do, and back together.

// member is one key of a batch that L1 and L2 did not have.
type member struct {
	*load    // nil until it needs one of its own, see glance.go
	at       int
	key      string // as the tiers have it
	kind     *tally // of key
	seen     ahead
	entry    *tier.Entry
	from     outcome
	err      error
	panicked any // with what, in code of a user that runs on the caller's goroutine
}

// miss answers for the keys at missed, which are all different.
func (b *many[K, V]) miss(ctx context.Context, n *node, missed []int, results []Result[V]) error {
	switch {
	case len(missed) == 0:
		return nil
	case n == nil:
		uncached.note(b.keys[missed[0]])
		b.around(ctx, n, missed, results)
		return nil
	case n.bypassed():
		b.around(ctx, n, missed, results)
		return nil
	}
	row := n.cache.row(len(missed))
	exempt, clone, err := b.members(ctx, n, row, missed, results)
	if err != nil {
		return err
	}
	members := row.members
	switch p := n.inTx(); {
	case p != nil:
		b.embark(ctx, n, members)
		b.inTx(ctx, n, p, members)
	case b.single != nil:
		b.embark(ctx, n, members)
		b.apart(ctx, n, members)
	default:
		beside(b.glance(ctx, n, row), func(m *member) {
			defer m.seen.drop()
			m.entry, m.from, m.err = m.ask(ctx, n)
		})
	}
	b.collect(ctx, n, members, clone, results)
	n.cache.giveBack(row)
	b.around(ctx, n, exempt, results)
	return nil
}

// beside runs way for each of members, all at once. What one of them ends with is left to
// collect, also of one alone: the batch may have found the others before.
func beside(members []*member, way func(m *member)) {
	rescued := func(m *member) {
		returned := false
		defer m.rescue(&returned)
		way(m)
		returned = true
	}
	if len(members) == 1 {
		rescued(members[0])
		return
	}
	var all sync.WaitGroup
	for _, m := range members {
		all.Go(func() { rescued(m) })
	}
	all.Wait()
}

// members fills r with the keys at missed, but those at exempt, which go around the tiers.
// Where the options of all are the same, they have no loads of their own yet.
func (b *many[K, V]) members(ctx context.Context, n *node, r *row, missed []int, results []Result[V]) (exempt []int, clone func(V) V, err error) {
	c := n.cache
	if b.bound == nil {
		switch b.lent, clone, err = newLoad[V](c, n, "", b.opts); {
		case err != nil && !b.own:
			return nil, nil, misuse(err, b.op, "")
		case err != nil: // of a function, each key says so
			for _, i := range missed {
				results[i].Err = misuse(err, b.op, keys.Kind(b.keys[i]))
			}
			return nil, nil, nil
		}
	}
	root, kind := "", (*tally)(nil) // of the key before
	for at, i := range missed {
		m, key := &r.all[at], b.keys[i]
		if m.at = i; b.bound != nil {
			opts, err := b.bound(b.args[i])
			var own func(V) V
			if err == nil {
				m.load, own, err = newLoad[V](c, n, "", opts)
			}
			if err != nil {
				results[i].Err = misuse(err, b.op, keys.Kind(key))
				continue
			}
			clone = own // the same for all, but for those with a mistake
		}
		l := m.load
		if l == nil {
			l = b.lent
		}
		if l.policy.exempt(ctx) {
			exempt = append(exempt, i)
			continue
		}
		if root == "" || !strings.HasPrefix(key, root) {
			if root, kind = "", c.tallyOfKey(key); strings.Contains(key, ":") {
				root = key[:len(keys.Name(key))+1]
			}
		}
		if m.kind = kind; !b.own {
			key = strings.Clone(key)
		}
		var problem *UsageError
		if m.key, problem = n.vary.keepKey(key); problem != nil {
			problem.Op, results[i].Err = b.op, problem
			continue
		}
		l.about(m)
		r.members = append(r.members, m)
	}
	return exempt, clone, nil
}

// ask is request for a load that travels with others.
func (l *load) ask(ctx context.Context, n *node) (*tier.Entry, outcome, error) {
	defer l.seat.waits()
	return l.cache.request(ctx, n, l)
}

// rescue keeps what m's goroutine ends with, unless it has returned, for the caller: a
// panic, as of a user's tier, or a Goexit.
func (m *member) rescue(returned *bool) {
	if !*returned {
		m.panicked = recover()
		m.from, m.err = outcomeError, &PanicError{Value: m.panicked, Stack: debug.Stack()}
	}
}

// collect counts the members, and makes results of them.
func (b *many[K, V]) collect(ctx context.Context, n *node, members []*member, clone func(V) V, results []Result[V]) {
	var closed []int
	var panicked any
	for _, m := range members {
		if m.err != nil && errors.Is(m.err, flight.ErrClosed) { // since we looked
			closed = append(closed, m.at)
			continue
		}
		l := b.as(m)
		v, err := answer[V](l, m.entry, m.from, m.err)
		if err == nil {
			results[m.at].Value = v
			continue
		}
		p, with := (*flight.Panic)(nil), m.panicked
		if l.led && errors.As(err, &p) {
			with, l.led = p.Value, false // it panics once, and below, when all are counted
		}
		if panicked == nil {
			panicked = with
		}
		results[m.at].Err = l.failure(err)
	}
	if panicked != nil {
		panic(panicked)
	}
	if clone != nil {
		for _, m := range members {
			if results[m.at].Err == nil && m.entry != nil {
				results[m.at].Value = clone(results[m.at].Value)
			}
		}
	}
	b.around(ctx, n, closed, results)
}

// around runs the loader for the keys at missed, around the tiers.
func (b *many[K, V]) around(ctx context.Context, n *node, missed []int, results []Result[V]) {
	if len(missed) == 0 {
		return
	}
	if n != nil {
		for _, at := range missed {
			b.count(n, b.keys[at], outcomeBypass)
		}
		ctx = n.around(ctx)
	}
	if b.single != nil {
		for _, at := range missed {
			results[at].Value, results[at].Err = b.single(ctx, b.args[at])
		}
		return
	}
	for part := range slices.Chunk(missed, b.size(n)) {
		asked := make([]K, len(part)) // the loader's own: it may sort them
		for i, at := range part {
			asked[i] = b.args[at]
		}
		values, err := b.load(ctx, asked)
		if err == nil {
			err = ErrNotFound
		}
		for _, at := range part {
			if v, ok := values[b.args[at]]; ok {
				results[at].Value = v
			} else {
				results[at].Err = err
			}
		}
	}
}

// size is how many keys the loader gets at once where no load is made.
func (b *many[K, V]) size(n *node) int {
	size := defaultBatchSize
	if n != nil {
		size = n.cache.policy.batchSize
	}
	for _, opts := range [][]Option{b.declared, b.opts} {
		for _, o := range opts {
			if o.kind == optionBatchSize && o.quiet { // what is wrong with another is said where it is used
				size = int(o.d)
			}
		}
	}
	return size
}

// loader is b's for a gather, which knows no types. The map is its user's again when the
// loader has returned.
func (b *many[K, V]) loader() loader {
	return func(ctx context.Context, asked []any) ([]found, error) {
		args := make([]K, len(asked))
		for i, arg := range asked {
			args[i], _ = arg.(K) // a nil of an interface is no K, and is the zero one
		}
		values, err := b.load(ctx, args)
		all := make([]found, len(asked))
		for i, arg := range asked {
			k, _ := arg.(K) // and not args[i]: they are the loader's own, and it may sort them
			if v, ok := values[k]; ok {
				all[i] = found{value: v, ok: true}
			}
		}
		return all, err
	}
}
