package linear

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// run.go is the traffic that makes a history: readers and writers on few rows, so
// that most tellings meet a load that is under way.

// Traffic is what goes on in each process.
type Traffic struct {
	Seed   uint64 // of what is done; when is the scheduler's business
	Ways   []Way
	Writes int           // of each writer, at least
	TTL    time.Duration // of all values
	Load   time.Duration // a load takes up to twice that
	Get    bool          // read by memo.Get now and then
	Stale  time.Duration // values are served for that long while they are refreshed; and by Expire and Refresh, now and then, they are

	// Trouble is made while there are writes; nil: none.
	Trouble func(ctx context.Context, n *Numbers) error
}

const (
	readers, writers = 7, 3 // of each process
	readPause        = 2 * time.Millisecond
	writePause       = 4 * time.Millisecond
)

// Numbers is how many tellings have returned, how many of those ErrDeferred, and
// how many reads. While Rest is locked nobody writes.
type Numbers struct {
	Told, Deferred, Read atomic.Int64
	Rest                 sync.RWMutex
}

// run is a Traffic under way.
type run struct {
	Traffic
	history *History
	numbers Numbers
}

// Run makes traffic in each of caches, and returns what happened.
func (t Traffic) Run(ctx context.Context, caches ...*memo.Cache) (*History, *Numbers, error) {
	r := &run{Traffic: t, history: NewHistory(len(caches))}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	must := func(err error) {
		if err != nil {
			cancel(err)
		}
	}
	trouble, over := context.WithCancel(ctx)
	var writing, reading sync.WaitGroup
	if t.Trouble != nil {
		writing.Go(func() { must(t.Trouble(ctx, &r.numbers)); over() })
	} else {
		over()
	}
	done := make(chan struct{})
	for id, cache := range caches {
		p := &process{run: r, id: id, cache: cache, ctx: cache.With(context.Background())}
		for i := range writers {
			client := p.client(i)
			writing.Go(func() { must(p.writes(ctx, trouble, client)) })
		}
		for i := range readers {
			client := p.client(writers + i)
			reading.Go(func() { must(p.reads(ctx, done, client)) })
		}
	}
	writing.Wait()
	close(done)
	reading.Wait()
	return r.history, &r.numbers, context.Cause(ctx)
}

// client is the number of a goroutine, in all processes, and loader that of the
// loads which it leads.
func (p *process) client(i int) int         { return p.id*(readers+writers) + i }
func (r *run) loader(client int) int        { return r.clients() + client }
func (r *run) clients() int                 { return len(r.history.done) * (readers + writers) }
func (r *run) chance(client int) *rand.Rand { return rand.New(rand.NewPCG(r.Seed, uint64(client))) }

// reads reads until done.
func (p *process) reads(ctx context.Context, done <-chan struct{}, client int) error {
	r := p.chance(client)
	for {
		select {
		case <-done:
			return nil
		default:
		}
		if err := p.read(client, r.IntN(Rows), r); err != nil {
			return err
		}
		if !pause(ctx, upTo(r, readPause)) {
			return nil
		}
	}
}

// writes tells until it has done its part and the trouble is over. It reads at once
// what it has told of: no read is nearer to the return.
func (p *process) writes(ctx, trouble context.Context, client int) error {
	r := p.chance(client)
	for n := 0; n < p.Writes || trouble.Err() == nil; n++ {
		if err := p.write(client, r); err != nil {
			return err
		}
		if !pause(ctx, upTo(r, writePause)) {
			return nil
		}
	}
	return nil
}

func (p *process) write(client int, r *rand.Rand) error {
	p.numbers.Rest.RLock()
	defer p.numbers.Rest.RUnlock()
	way, row := p.Ways[r.IntN(len(p.Ways))], r.IntN(Rows)
	if err := p.tell(way, client, row); err != nil {
		return err
	}
	for _, told := range way.covers(row) {
		if err := p.read(client, told, r); err != nil {
			return err
		}
	}
	return nil
}

func (p *process) tell(way Way, client, row int) error {
	begin := p.history.Tick()
	err := way.tell(p.ctx, p, row, begin)
	steps := make([]step, 0, Rows)
	for _, other := range way.covers(row) {
		s := step{row: other, kind: told, way: way.Name, since: begin}
		if way.brings {
			s.kind, s.tick = brought, begin
		}
		steps = append(steps, s)
	}
	p.history.add(p.id, client, begin, steps...)
	p.numbers.Told.Add(1)
	if errors.Is(err, memo.ErrDeferred) {
		p.numbers.Deferred.Add(1)
		return nil
	}
	if err != nil {
		return fmt.Errorf("linear: telling row %d by %s: %w", row, way.Name, err)
	}
	return nil
}
