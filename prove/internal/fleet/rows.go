package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/rpc"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// rows is a worker's way to values: memo.Do, and loaders that query the
// database.
type rows struct {
	process  int
	db       *rpc.Client
	ttl      time.Duration
	shortTTL time.Duration
	stale    time.Duration
	early    float64
	failed   atomic.Int64 // reads that returned an error to a caller who was still there
}

// lifetime of k. Where values are invalidated only, the writer's process is
// always the first to load again. Those that expire are loaded by any process,
// at any moment of an invalidation; and of some pairs the row lives on in L2s
// that have not heard, while the value that is made of it is made anew.
func (r *rows) lifetime(k Key) time.Duration {
	short := k.N&1 != 0
	if k.Derived {
		short = k.N&2 != 0
	}
	if short {
		return r.shortTTL
	}
	return r.ttl
}

// options are what the author of a loader says of k.
func (r *rows) options(k Key) []memo.Option {
	return []memo.Option{memo.TTL(r.lifetime(k)), memo.Stale(r.stale), memo.EarlyRefresh(r.early), memo.Tags(group(k.N))}
}

// set brings a row that was committed.
func (r *rows) set(ctx context.Context, row Change) error {
	name := row.Key.String()
	return memo.Set(ctx, name, value{name, row.Version}, append(r.options(row.Key), memo.Tags(about(row.Key.N)))...)
}

// value is what is cached. It names its key, so that an answer for another one
// is noticed.
type value struct {
	Key     string
	Version uint64
}

// read reads k through the cache in ctx.
func (r *rows) read(ctx context.Context, k Key) (uint64, error) {
	name := k.String()
	v, err := memo.Do(ctx, name, r.loader(k), r.options(k)...)
	if err != nil && ctx.Err() == nil { // else it is a part of a load that nobody wants any more
		r.failed.Add(1)
	}
	if err != nil {
		return 0, fmt.Errorf("fleet: read %s: %w", name, err)
	}
	if v.Key != name {
		return 0, fmt.Errorf("fleet: read %s: got the value of %s", name, v.Key)
	}
	return v.Version, nil
}

// loader is how the value of k is loaded.
func (r *rows) loader(k Key) func(context.Context) (value, error) {
	load := r.loadRow
	if k.Derived {
		load = r.loadWhole
	}
	return func(ctx context.Context) (value, error) {
		version, err := load(ctx, k)
		memo.Amend(ctx, memo.Tags(about(k.N)))
		return value{k.String(), version}, err
	}
}

// soft makes a value old, or loads it anew, though nothing was written: whatever
// that does, it must bring nothing back that is invalid.
func (r *rows) soft(ctx context.Context, k Key) error {
	if rand.N(2) == 0 {
		return notDeferred(memo.Expire(ctx, k.String()))
	}
	_, err := memo.Refresh(ctx, k.String(), r.loader(k), r.options(k)...)
	return err
}

func (r *rows) loadRow(ctx context.Context, k Key) (version uint64, err error) {
	err = r.call(ctx, "Database.Read", Query{r.process, k}, &version)
	return version, err
}

// loadWhole makes a value of a row, which it reads through the cache, and of a
// query of its own. The one that comes first is old by the time the other one is
// there.
func (r *rows) loadWhole(ctx context.Context, k Key) (version uint64, err error) {
	if rand.N(2) == 0 {
		if _, err := r.loadRow(ctx, k); err != nil {
			return 0, err
		}
		return r.read(ctx, Row(k.N))
	}
	if version, err = r.read(ctx, Row(k.N)); err != nil {
		return 0, err
	}
	_, err = r.loadRow(ctx, k)
	return version, err
}

// AgedTTL is the lifetime of values that only end.
const AgedTTL = time.Second

// aged reads a value that nobody writes, and returns when its loader looked.
func (r *rows) aged(ctx context.Context, n int) (at int64, soft bool, err error) {
	opts := []memo.Option{memo.TTL(AgedTTL)}
	if soft = n&1 != 0; soft {
		opts = append(opts, memo.Stale(r.stale), memo.EarlyRefresh(r.early))
	}
	v, err := memo.Do(ctx, memo.Key("aged", n), func(ctx context.Context) (v value, err error) {
		err = r.call(ctx, "Database.Stamp", r.process, &v.Version)
		return v, err
	}, opts...)
	if err != nil {
		r.failed.Add(1)
	}
	return int64(v.Version), soft, err
}

// commit writes the next version of k to the database.
func (r *rows) commit(ctx context.Context, k Key) (version uint64, err error) {
	err = r.call(ctx, "Database.Write", k, &version)
	return version, err
}

// call is a query that ends with ctx.
func (r *rows) call(ctx context.Context, method string, args any, version *uint64) error {
	answer := new(uint64) // the connection may write to it after ctx has ended
	c := r.db.Go(method, args, answer, make(chan *rpc.Call, 1))
	select {
	case <-c.Done:
		*version = *answer
		return c.Error
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
