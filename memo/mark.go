package memo

import (
	"context"
	"errors"
	"slices"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Beside L3: the markers of tags and trees. A look reads those of its value
// together with it, an invalidation raises them, and a fill brings those into the
// world that were not there.

// marks returns the wire keys of the markers of key with tags.
func (d *domain) marks(key string, tags []string) []string {
	var names []string
	for above := range keys.Trees(key) {
		names = append(names, d.space.Tree(above))
	}
	for _, tag := range tags {
		names = append(names, d.space.Tag(tag))
	}
	return names
}

// raise makes the markers, last read as items, n at least. The counter has reached
// n.
//
// One that is missing is not simply added with n:
//
//  1. this process finds it missing
//  2. another one draws n+1, adds the marker, and the server evicts it
//  3. this one adds it with n, and a value of n is valid again
//
// It is added unborn, which hides everything; from then on nobody's number is
// overlooked, and it is given the number that the counter has after that.
func (d *domain) raise(ctx context.Context, marks []string, items []tier.Item, n uint64) error {
	for {
		done, err := d.raiseOnce(ctx, marks, items, n)
		if err != nil {
			return err
		}
		var again []string
		for i, mark := range marks {
			if !done[i] {
				again = append(again, mark)
			}
		}
		if marks = again; len(marks) == 0 {
			return overdue(ctx)
		}
		// The counter is read after the markers: of those that are unborn it has all numbers.
		names := append(slices.Clone(marks), d.space.Seq())
		items = make([]tier.Item, len(names))
		if err := d.readTimed(ctx, names, items); err != nil {
			return err
		}
		seq, err := wire.ParseSeq(items[len(marks)].Value)
		if err != nil || !coherence.SameEpoch(seq, n) {
			return nil // a new epoch says more
		}
		n = max(n, seq)
	}
}

// raiseOnce tries it once, and reports which of the markers are n at least.
func (d *domain) raiseOnce(ctx context.Context, marks []string, items []tier.Item, n uint64) (done []bool, err error) {
	done = make([]bool, len(marks))
	err = each(len(marks), markersAtOnce, func(i int) error {
		known, err := wire.ParseSeq(items[i].Value)
		switch {
		case !items[i].Found():
			err = d.timed(ctx, "add", func(ctx context.Context) error {
				return d.node.Add(ctx, marks[i], wire.AppendSeq(nil, coherence.Unborn), tier.NoExpiry)
			})
		case err == nil && coherence.SameEpoch(known, n) && known >= n:
			done[i] = true
			return nil
		default:
			err = d.timed(ctx, "compare_and_swap", func(ctx context.Context) error {
				return d.node.CompareAndSwap(ctx, marks[i], items[i].CAS, wire.AppendSeq(nil, n), tier.NoExpiry)
			})
			done[i] = err == nil
		}
		return unlessRaced(err)
	})
	return done, err
}

// unlessRaced is err, unless the server has said by it that somebody else was faster.
func unlessRaced(err error) error {
	if tier.IsAnswer(err) && !errors.Is(err, tier.ErrRefused) {
		return nil
	}
	return err
}

// bear sees to it that the markers of e are known, and reports whether e is hidden
// by none of them, and may be stored.
//
// A marker that is missing may have been evicted, so it is given the number that
// the counter has when the marker is there, and e is void from the begin, if
// anything was counted since e's load began. Unless this process has read the log
// up to there, and knows that it was about no tag and no tree: then e's own number
// will do.
func (d *domain) bear(ctx context.Context, e *tier.Entry) (bool, error) {
	marks := d.marks(e.Key, e.Tags())
	for range mostTurns {
		names := append(slices.Clone(marks), d.space.Seq())
		items := make([]tier.Item, len(names))
		if err := d.read(ctx, names, items); err != nil {
			return false, err
		}
		seq, err := wire.ParseSeq(items[len(marks)].Value)
		if err != nil || !coherence.SameEpoch(seq, e.Stamp) {
			return false, nil
		}
		said := coherence.ReadMarks(items[:len(marks)], seq)
		if e.Stamp < said.Last || len(said.Unknown) == 0 {
			return e.Stamp >= said.Last, nil
		}
		number := seq
		if d.quiet(ctx, e, seq) {
			number = e.Stamp
		}
		born, err := d.bearOnce(ctx, marks, items, said.Unknown, number)
		if err != nil {
			return false, err
		}
		if born { // and nobody has touched them since items were read
			return e.Stamp >= number, nil
		}
	}
	return false, nil
}

// bearOnce gives those of marks that say nothing their number, or adds them where
// they are missing, and reports whether all of them have it.
func (d *domain) bearOnce(ctx context.Context, marks []string, items []tier.Item, unknown []int, number uint64) (born bool, err error) {
	done := make([]bool, len(unknown))
	err = each(len(unknown), markersAtOnce, func(at int) error {
		i, value := unknown[at], wire.AppendSeq(nil, coherence.Unborn)
		if items[i].Found() {
			value = wire.AppendSeq(nil, number)
		}
		err := d.put(ctx, marks[i], items[i], value, tier.NoExpiry)
		done[at] = err == nil && items[i].Found()
		return unlessRaced(err)
	})
	return !slices.Contains(done, false), err
}

// quiet reports whether no tag and no tree was invalidated from e's stamp to seq.
func (d *domain) quiet(ctx context.Context, e *tier.Entry, seq uint64) bool {
	if seq == e.Stamp {
		return true
	}
	if !d.covers(seq) {
		limited, cancel := context.WithTimeout(ctx, d.cache.cfg.ReadTimeout) // a poll has more time, and somebody waits for e
		defer cancel()
		d.catchUp(limited)
	}
	return d.covers(seq) && !d.home.fences.since(e)
}
