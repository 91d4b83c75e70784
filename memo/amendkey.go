package memo

import (
	"context"
	"fmt"
	"reflect"
	"slices"

	"github.com/tiermemo/tiermemo/internal/coherence"
)

// Inside of a loader of many keys: what it says about one of them, and how new what it
// reads has to be for all of them.

// AmendKey is Amend for one key of a loader of many: k is one of the arguments that it
// was called with, and has their type; another type is a *UsageError of the calls that
// wait for the loader. What was not asked for is ignored. What Amend has said comes
// before it. In a loader of one value, and outside of a loader, AmendKey does nothing.
func AmendKey[K comparable](ctx context.Context, k K, opts ...Option) {
	n := find(ctx)
	if n == nil || n.load == nil || n.load.several == nil || n.mode&modeBypass != 0 || n.loading() {
		return
	}
	n.load.amendKey(k, opts, n.vary)
}

func (r *running) amendKey(k any, opts []Option, vary *varied) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, said := r.several, r.remarked()
	typed := false // there is one of k's type; where the arguments are of an interface they have several
	for range b.asked {
		i, asked := b.next, b.asked[b.next]
		b.next = (b.next + 1) % len(b.asked) // who speaks of all goes by their order
		if asked != k {
			typed = typed || reflect.TypeOf(asked) == reflect.TypeOf(k)
			continue
		}
		if said.keyed == nil {
			said.keyed = map[int][]amendment{}
		}
		for _, o := range opts {
			o.tags = slices.Clone(o.tags)
			said.keyed[i] = append(said.keyed[i], amendment{o, vary})
		}
		return
	}
	if !typed {
		said.misused = &UsageError{
			Problem: fmt.Sprintf("AmendKey of a %T, where the loader was asked for a %T", k, b.asked[0]),
			Fix:     "give it one of the arguments that the loader was called with, of their type",
		}
	}
}

// remarks are what a loader has said by Amend and AmendKey. Most say nothing, and most serve
// one load: see flown.
type remarks struct {
	amended []amendment
	keyed   map[int][]amendment
	misused error // by AmendKey
}

// remarked is the room for r's remarks. r is locked.
func (r *running) remarked() *remarks {
	if r.remarks == nil {
		r.remarks = new(remarks)
	}
	return r.remarks
}

// said is what the loader has said about what r loads.
func (r *running) said() ([]amendment, error) {
	from := r
	if r.batch != nil {
		from = r.batch
	}
	from.mu.Lock()
	defer from.mu.Unlock()
	switch said := from.remarks; {
	case said == nil:
		return nil, nil
	case r.batch == nil:
		return slices.Clip(said.amended), said.misused
	default:
		return append(slices.Clip(said.amended), said.keyed[r.index]...), said.misused
	}
}

// needsOf is how new a value must be that is a part of all of parts: as new as for each of
// them. Where the counter cannot say that, by one Node's numbers, the time does.
func needsOf(parts []*running) (all need) {
	for i, part := range parts {
		n := part.needs()
		if i == 0 {
			all.seq = n.seq
		}
		all.at = max(all.at, n.at)
		switch {
		case part.home != parts[0].home, n.seq == 0 || all.seq == 0, !coherence.SameEpoch(all.seq, n.seq):
			all.seq = 0
		default:
			all.seq = max(all.seq, n.seq)
		}
	}
	return all
}
