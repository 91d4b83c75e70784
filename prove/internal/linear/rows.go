package linear

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// rows.go is how a row is read, and what its loader says of it.

// Rows is how many there are. Each shares its tree with a half of the others, and
// its tag with another half.
const Rows = 4

func key(row int) string   { return memo.Key("row", row%2, row) }
func tree(row int) string  { return memo.Key("row", row%2) }
func group(row int) string { return memo.Key("group", row/2) }
func about(row int) string { return memo.Key("about", row) } // only its loader knows this tag

// value is what is cached. It names its row, so that another one's is noticed.
type value struct {
	Row  int
	Tick int64
}

// A process is one cache, and those who use it.
type process struct {
	*run
	id    int
	cache *memo.Cache
	ctx   context.Context // with the cache, and no request
}

// options are what a caller says of row.
func (p *process) options(row int) []memo.Option {
	return []memo.Option{memo.TTL(p.TTL), memo.Stale(p.Stale), memo.Tags(group(row))}
}

// read is one memo.Do, or now and then a memo.Get or a memo.Refresh.
func (p *process) read(client, row int, r *rand.Rand) error {
	way, do := "Do", p.do
	switch n := r.IntN(8); {
	case p.Get && n == 0:
		way, do = "Get", get
	case p.Stale > 0 && n == 1:
		way, do = "Refresh", p.refresh
	case p.Stale > 0 && n == 2:
		if err := memo.Expire(p.ctx, key(row)); err != nil && !errors.Is(err, memo.ErrDeferred) {
			return fmt.Errorf("linear: Expire of row %d: %w", row, err)
		}
	}
	begin := p.history.Tick()
	v, err := do(p.ctx, client, row, r)
	if errors.Is(err, memo.ErrMiss) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("linear: %s of row %d: %w", way, row, err)
	}
	if v.Row != row {
		return fmt.Errorf("linear: %s of row %d returned row %d", way, row, v.Row)
	}
	p.history.add(p.id, client, begin, step{row: row, kind: read, way: way, served: v.Tick})
	p.numbers.Read.Add(1)
	return nil
}

// do reads by a loader that is slow before its look and after it.
func (p *process) do(ctx context.Context, client, row int, r *rand.Rand) (value, error) {
	return memo.Do(ctx, key(row), p.loads(client, row, r), p.options(row)...)
}

func (p *process) refresh(ctx context.Context, client, row int, r *rand.Rand) (value, error) {
	return memo.Refresh(ctx, key(row), p.loads(client, row, r), p.options(row)...)
}

func (p *process) loads(client, row int, r *rand.Rand) func(context.Context) (value, error) {
	before, after := upTo(r, p.Load), upTo(r, p.Load)
	return func(ctx context.Context) (value, error) {
		if !pause(ctx, before) {
			return value{}, context.Cause(ctx)
		}
		v := value{row, p.history.look(p.loader(client), row)}
		memo.Amend(ctx, memo.Tags(about(row)))
		if !pause(ctx, after) {
			return value{}, context.Cause(ctx)
		}
		return v, nil
	}
}

func get(ctx context.Context, _, row int, _ *rand.Rand) (value, error) {
	return memo.Get[value](ctx, key(row))
}

func upTo(r *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(most) + 1))
}

// pause waits for d, and reports whether ctx lasted.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
