package memo

import (
	"context"
	"errors"
	"time"

	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Here an invalidation becomes messages to the shared tier: the items are
// deleted, a number is drawn, and its record tells the other processes.

const (
	recordTTL   = 5 * time.Minute // how far behind a poller may be before it forgets everything
	mostKeys    = 1000            // keys that are delivered at once, within one WriteTimeout; and that may wait
	recordKeys  = 256             // keys of one record
	recordBytes = 32 << 10
)

// deliver tells the shared tier that names are invalid, and returns the numbers
// of its records. It ends within WriteTimeout.
func (d *domain) deliver(ctx context.Context, about wire.Subject, names []string) ([]uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cache.cfg.WriteTimeout)
	defer cancel()
	switch about {
	case wire.Keys:
		return d.deliverKeys(ctx, about, names, d.delete)
	case wire.Expired:
		return d.deliverKeys(ctx, about, names, d.soften)
	}
	return d.deliverMarks(ctx, about, names)
}

// deliverKeys tells the shared tier that keys are invalid, and returns the numbers
// of its records. void is how their items cease to be what they are: by deletion, or
// for Expire by becoming old.
//
// The items are deleted before the record can be seen:
//
//  1. another process reads the record, and drops its L2 entry
//  2. it reads the old item from the shared tier, as of after the record
//  3. the item is deleted, too late: no record to come drops the entry
//
// Several keys are deleted a second time, between the number and its record. They
// may depend on each other, say A is made of B:
//
//  1. A is deleted
//  2. another process takes the lease of A, and makes it of the B in its L2,
//     which is right, as far as the counter tells
//  3. the number is drawn; the second deletion takes the lease of 2 away
//
// A lease taken after the second deletion sees the number, and uses nothing that
// is older until the record is there (need.go): with it all that is old is gone.
func (d *domain) deliverKeys(ctx context.Context, about wire.Subject, keys []string, void func(context.Context, []string) error) ([]uint64, error) {
	places := make([]string, len(keys))
	for i, key := range keys {
		places[i] = d.space.Value(key)
	}
	batches := batch(keys)
	var last uint64
	err := both(
		func() error { return void(ctx, places) },
		func() (err error) { last, err = d.draw(ctx, uint64(len(batches))); return err },
	)
	if err != nil {
		return nil, err
	}
	if len(keys) > 1 {
		if err := void(ctx, places); err != nil {
			return nil, err
		}
	}
	numbers := numbersUpTo(last, len(batches))
	return numbers, d.record(ctx, about, numbers, batches)
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

// deliverAll begins a new epoch: everything that is stored is void.
func (d *domain) deliverAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, d.cache.cfg.WriteTimeout)
	defer cancel()
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
