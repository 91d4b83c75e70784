package memo

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Here a part of an invalidation becomes messages to its Node: the items are deleted,
// a number is drawn, and its record tells the other processes. tell.go has the order.

const (
	recordTTL   = 5 * time.Minute // how far behind a poller may be before it forgets everything
	mostKeys    = 1000            // keys that are delivered at once, within one WriteTimeout; and that may wait
	recordKeys  = 256             // keys of one record
	recordBytes = 32 << 10
)

// prepare gets ready what the steps need.
func (p *part) prepare() {
	for _, name := range p.names {
		switch p.about {
		case wire.Tags:
			p.marks = append(p.marks, p.domain.space.Tag(name))
		case wire.Trees:
			p.marks = append(p.marks, p.domain.space.Tree(name))
		}
	}
	slices.Sort(p.marks)
	p.marks = slices.Compact(p.marks) // trees share them
	p.items = make([]tier.Item, len(p.marks))
	p.batches = batch(p.names)
}

// deliver tells the Node of p.
func (p *part) deliver(ctx context.Context) error {
	switch {
	case p.about == everything:
		return p.domain.beginAnew(ctx)
	case p.about == wire.Tags, p.about == wire.Trees:
		// Whoever has read the record hides what is older, and who has not hears of it.
		return inTurn(
			func() error { return p.count(ctx) },
			func() error { return both(func() error { return p.void(ctx) }, func() error { return p.record(ctx) }) },
		)
	case len(p.places) == 1:
		return inTurn(
			func() error { return both(func() error { return p.void(ctx) }, func() error { return p.count(ctx) }) },
			func() error { return p.record(ctx) },
		)
	}
	return inTurn(
		func() error { return p.count(ctx) },
		func() error { return p.void(ctx) },
		func() error { return p.record(ctx) },
	)
}

// open draws the number that keeps the log open until record.
func (p *part) open(ctx context.Context) (err error) {
	p.opened, err = p.domain.draw(ctx, 1)
	return err
}

// count draws the numbers of the records, and reads the markers that are to be raised.
func (p *part) count(ctx context.Context) error {
	draw := func() (err error) { p.last, err = p.domain.draw(ctx, uint64(len(p.batches))); return err }
	if len(p.marks) == 0 {
		return draw()
	}
	return both(draw, func() error { return p.domain.readTimed(ctx, p.marks, p.items) })
}

// void makes what is stored invalid: items by deletion, or for Expire by becoming old,
// and what has a marker by raising that.
func (p *part) void(ctx context.Context) error {
	return both(
		func() error {
			switch {
			case len(p.places) == 0:
				return nil
			case p.about == wire.Expired:
				return p.domain.soften(ctx, p.places)
			}
			return p.domain.delete(ctx, p.places)
		},
		func() error {
			if len(p.marks) == 0 {
				return nil
			}
			return p.domain.raise(ctx, p.marks, p.items, p.last)
		},
	)
}

// record writes the records.
func (p *part) record(ctx context.Context) error {
	p.numbers = numbersUpTo(p.last, len(p.batches))
	numbers, batches := p.numbers, p.batches
	if p.opened != 0 {
		numbers, batches = append(slices.Clip(numbers), p.opened), append(slices.Clip(batches), nil) // last: it closes the log
	}
	if err := p.domain.record(ctx, p.about, numbers, batches); err != nil {
		p.numbers = nil
		return err
	}
	p.numbers = numbers
	return nil
}

// numbersUpTo is the n numbers that were drawn, last being the last.
func numbersUpTo(last uint64, n int) []uint64 {
	numbers := make([]uint64, n)
	for i := range numbers {
		numbers[i] = last - uint64(n-1-i)
	}
	return numbers
}

func (d *domain) delete(ctx context.Context, places []string) error {
	return d.timed(ctx, "delete", func(ctx context.Context) error { return d.node.Delete(ctx, places...) })
}

// draw counts to the next n numbers and returns the last. A call that fails may
// have counted: such a number has no record, and makes the others forget
// everything.
func (d *domain) draw(ctx context.Context, n uint64) (last uint64, err error) {
	for range 3 {
		err = d.timed(ctx, "incr", func(ctx context.Context) (err error) {
			last, err = d.node.Incr(ctx, d.space.Seq(), n)
			return err
		})
		if !isNotFound(err) {
			return last, err
		}
		// A new epoch says more than this record will; the record is written all the same.
		if err := d.newCounter(ctx, tier.Item{}); err != nil {
			return 0, err
		}
	}
	return 0, err
}

// record writes the records of batches under numbers.
func (d *domain) record(ctx context.Context, about wire.Subject, numbers []uint64, batches [][]string) error {
	for i, n := range numbers {
		data := wire.AppendRecord(nil, &wire.Record{Seq: n, Source: d.cache.source, About: about, Names: batches[i]})
		err := d.timed(ctx, "add", func(ctx context.Context) error {
			return d.node.Add(ctx, d.space.Record(n), data, recordTTL)
		})
		// A number is one writer's: what exists is this, of a try that seemed to fail.
		// One that is refused is a hole to the others, which says more.
		if err != nil && !isExists(err) && !errors.Is(err, tier.ErrRefused) {
			return err
		}
	}
	return overdue(ctx)
}

// overdue is the error of an invalidation that was in time for every call, and
// yet not as a whole, because its process was stopped: who polls may have given
// its number up.
func overdue(ctx context.Context) error {
	if end, ok := ctx.Deadline(); ok && time.Now().After(end) {
		return context.DeadlineExceeded
	}
	return nil
}

// batch cuts keys into what one record holds.
func batch(keys []string) [][]string {
	var batches [][]string
	begin, size := 0, 0
	for i, key := range keys {
		if i > begin && (i-begin == recordKeys || size+len(key) > recordBytes) {
			batches = append(batches, keys[begin:i])
			begin, size = i, 0
		}
		size += len(key)
	}
	return append(batches, keys[begin:])
}

// beginAnew begins a new epoch of the Node.
func (d *domain) beginAnew(ctx context.Context) error {
	at := make([]tier.Item, 1)
	err := d.readTimed(ctx, []string{d.space.Seq()}, at)
	if err != nil {
		return err
	}
	old, _ := wire.ParseSeq(at[0].Value)
	next, err := d.newEpoch(ctx, at[0], old)
	if err != nil {
		return err
	}
	d.restart(next)
	return nil
}

// settled notes that this process has applied its own numbers.
func (d *domain) settled(numbers []uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range numbers {
		d.log.Own(n)
	}
	d.position.Store(d.log.Covered())
}
