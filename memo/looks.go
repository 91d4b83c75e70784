package memo

import (
	"context"
	"runtime/debug"
	"slices"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/flight"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Here a batch looks in L3: all that its loads want of one Node, in one round trip.

// placesAtOnce is how many places are read at once. The budget of a read is one for all of
// them, and a server answers nobody else meanwhile.
const placesAtOnce, lookingsAtOnce = 500, 4

// lookFor is look for several places, and wakes who waits for each.
func (d *domain) lookFor(ctx context.Context, all []*looker) {
	parts := (len(all) + placesAtOnce - 1) / placesAtOnce
	_ = each(parts, lookingsAtOnce, func(i int) error {
		part := all[i*len(all)/parts : (i+1)*len(all)/parts]
		if !part[0].again { // they look ahead
			part[0].slabs = &slabs{spare: &d.cache.slabs}
		}
		var err error
		var panicked *flight.Panic
		defer func() { // a panic of a user's tier is that of the loads, whose goroutines are rescued
			if p := recover(); p != nil {
				panicked = &flight.Panic{Value: p, Stack: debug.Stack()}
			}
			for _, w := range part {
				if w.err, w.panicked = err, panicked; w.done != nil {
					close(w.done)
				}
			}
		}()
		err = d.lookOnce(ctx, part)
		return nil
	})
}

// lookOnce reads the markers of all, the counter and their places, in this order, as look
// does: what stands in a place was there after the counter was read, and after its
// markers were.
func (d *domain) lookOnce(ctx context.Context, all []*looker) (err error) {
	names, marks, counter := d.namesOf(all)
	items := make([]tier.Item, len(names))
	for range 3 {
		var seen look
		seen.began, seen.turn = d.cache.clock.Exact(), d.home.fences.turn.Load()
		if err := d.readInto(ctx, all[0].slabs, names, items); err != nil {
			return err
		}
		if seen.seq, err = wire.ParseSeq(items[counter].Value); err == nil {
			seen.exact, seen.milli = d.cache.clock.Both()
			for i, w := range all {
				w.item = items[w.slot]
				if i > 0 && slices.Equal(w.marks, all[i-1].marks) { // as with most of a batch
					w.seen = all[i-1].seen
					continue
				}
				marked := make([]tier.Item, len(w.marks))
				for i, mark := range w.marks {
					marked[i] = items[marks[mark]]
				}
				own := seen
				own.marks = coherence.ReadMarks(marked, seen.seq)
				w.seen = &own
			}
			return nil
		}
		if err := d.newCounter(ctx, items[counter]); err != nil {
			return err
		}
	}
	return &TierError{Op: "get_multi", Tier: d.node.Name(), Err: err}
}

// namesOf are the names that all ask for, each once, and where among them the markers and
// the counter are. The places of those who look ahead are all different; of loads, and of
// leases, two may be of one key.
func (d *domain) namesOf(all []*looker) (names []string, marks map[string]int, counter int) {
	names, marks = make([]string, 0, len(all)+8), map[string]int{}
	ask := func(name string) int {
		at, known := marks[name]
		if !known {
			at = len(names)
			names, marks[name] = append(names, name), at
		}
		return at
	}
	for i, w := range all {
		if i > 0 && slices.Equal(w.marks, all[i-1].marks) {
			continue
		}
		for _, mark := range w.marks {
			ask(mark)
		}
	}
	counter = len(names)
	names = append(names, d.space.Seq())
	for _, w := range all {
		if w.again {
			w.slot = ask(w.place)
			continue
		}
		w.slot = len(names)
		names = append(names, w.place)
	}
	return names, marks, counter
}
