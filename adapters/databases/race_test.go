package databases_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tiermemo/tiermemo/adapters/sqltx"
	"github.com/tiermemo/tiermemo/memo"
)

const (
	leastReads  = 100_000
	leastRounds = 20
	burst       = 8 // transactions of a writer in one round
)

// racingReads has each of two processes write a number of its own, in transactions of which every
// third is rolled back, while all read both. A number that is committed is larger than the one
// before, and one that is rolled back is below 0. So a reader may never see less than 0, nor in
// the writer's process less than what was committed when it began; and after each round every
// process must come to what the database says.
func racingReads(t *testing.T, d *database) {
	caches := []*memo.Cache{d.process(t), d.process(t)}
	ids := []int{d.row(t), d.row(t)}
	var committed [2]atomic.Int64 // of each process's number
	var reads atomic.Int64
	writes := func(p, round int) error {
		for i := range burst {
			ctx, end := caches[p].Begin(context.Background())
			n, rolledBack := int(committed[p].Load())+1, (round+i)%3 == 0
			if rolledBack {
				n = -n
			}
			err := sqltx.RunTx(ctx, d.DB, nil, func(ctx context.Context, tx *sql.Tx) error {
				if err := set(ctx, tx, ids[p], n); err != nil {
					return err
				}
				if err := tell(ctx, ids[p], i); err != nil {
					return err
				}
				if got, err := memo.Do(ctx, key(ids[p]), read(tx, ids[p]), memo.Tags("numbers")); err != nil || got != n {
					t.Errorf("a transaction that wrote %d reads %d, %v", n, got, err)
				}
				if rolledBack {
					return errBoom
				}
				return nil
			})
			end()
			switch {
			case rolledBack && err == errBoom:
			case err != nil:
				return err
			default:
				committed[p].Store(int64(n))
			}
		}
		return nil
	}
	reader := func(p int, stop *atomic.Bool) error {
		for !stop.Load() {
			ctx, end := caches[p].Begin(context.Background())
			for range 20 {
				for of, id := range ids {
					least := committed[of].Load()
					n, err := memo.Do(caches[p].With(context.Background()), key(id), read(d, id), memo.Tags("numbers"))
					if err != nil {
						return err
					}
					if n < 0 {
						t.Errorf("process %d reads %d, which was rolled back", p, n)
					}
					if of == p && n < int(least) {
						t.Errorf("process %d reads %d, and %d was committed before", p, n, least)
					}
					if n, err := memo.Do(ctx, key(id), read(d, id), memo.Tags("numbers")); err != nil || n < 0 {
						t.Errorf("a request of process %d reads %d, %v", p, n, err)
					}
				}
			}
			end()
			reads.Add(80)
		}
		return nil
	}
	rounds := 0
	for ; (rounds < leastRounds || reads.Load() < leastReads) && !t.Failed(); rounds++ {
		var stop atomic.Bool
		var writers, readers sync.WaitGroup
		errs := make(chan error, 6)
		for p := range caches {
			writers.Go(func() { errs <- writes(p, rounds) })
			readers.Go(func() { errs <- reader(p, &stop) })
			readers.Go(func() { errs <- reader(p, &stop) })
		}
		writers.Wait()
		stop.Store(true)
		readers.Wait()
		for range cap(errs) {
			must(t, <-errs)
		}
		for _, id := range ids {
			d.settles(t, id, caches...)
		}
	}
	t.Logf("%d reads beside %d transactions in %d rounds", reads.Load(), 2*burst*rounds, rounds)
}

// tell is one of the ways to tell of a write.
func tell(ctx context.Context, id, way int) error {
	switch way % 4 {
	case 0:
		return memo.InvalidateTags(ctx, "numbers")
	case 1:
		return memo.InvalidateTree(ctx, "number")
	case 2:
		return errors.Join(memo.Expire(ctx, key(id)), memo.Invalidate(ctx, key(id)))
	}
	return memo.Invalidate(ctx, key(id))
}
