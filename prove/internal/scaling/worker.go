package scaling

// worker.go is one process of the fleet, from inside: it polls, and does what it is
// told to do so many times a second.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/memcached"
)

// Env is set in a worker's environment, to its setup.
const Env = "TIERMEMO_SCALING_WORKER"

// setup is how a worker is made.
type setup struct {
	Number       int
	Servers      []string
	PollInterval time.Duration
}

// A Task is what a process does: so many of each a second, at random times.
type Task struct {
	Local  float64 // reads that L2 answers
	Shared float64 // reads that memcached answers
	Loads  float64 // reads that are loaded
	Keys   float64 // invalidations of keys that nobody has
	Hot    float64 // invalidations of the keys that all processes read by Local
	Tags   float64
	Trees  float64
}

// done is what a worker has done since it began, and what that took.
type done struct {
	Commands, Shared, Loads, Keys, Tags, Trees uint64
	CPU                                        time.Duration
	At                                         time.Time
	Failure                                    string
}

// What is read: few keys all the time, and more by turns than L2 holds.
const (
	hotKeys, coldKeys, localSize = 8, 256, 64
	markers                      = 8 // tags, and first parts, that are invalidated
)

// These are what Sizes has of the traffic of workers.
func sizes() Sizes {
	return Sizes{Prefix: len(prefix), Name: len("user"), Key: len(key(0)), Tag: len(tag(0)), Value: valueLength + 1, CAS: 1, Server: len("127.0.0.1:40000")}
}

const (
	prefix      = "scaling"
	valueLength = 500
	ttl         = 10 * time.Minute
	patience    = 5 * time.Second // a busy machine is no absent server
)

func key(n int) string { return memo.Key("user", 1_000_000_000+n) }
func tag(n int) string { return fmt.Sprint("team-", 10+n) }

// worker is a process.
type worker struct {
	*memo.Cache
	number int
	cold   int // the next of them
	fresh  int // the next key that nobody has loaded

	mu      sync.Mutex
	failure string
}

// Work is a worker's life: it does what the parent says over stdin until that ends.
// main calls it, with the value of Env, in place of everything else.
func Work(env string) error { return work(env, os.Stdin, os.Stdout) }

func work(env string, orders io.Reader, answers io.Writer) (err error) {
	var s setup
	if err := json.Unmarshal([]byte(env), &s); err != nil {
		return fmt.Errorf("scaling: %s: %w", Env, err)
	}
	client, err := memcached.NewFromConfig(memcached.Config{Servers: s.Servers, Timeout: patience})
	if err != nil {
		return err
	}
	cache, err := memo.New(memo.Config{
		Prefix: prefix, Shared: client, Local: lru.New(localSize), Logger: slog.New(slog.DiscardHandler),
		PollInterval: s.PollInterval, ReadTimeout: patience,
	}, memo.TTL(ttl))
	if err != nil {
		return errors.Join(err, client.Close())
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = errors.Join(err, cache.Close(ctx))
	}()
	w := &worker{Cache: cache, number: s.Number}
	return w.obey(json.NewDecoder(orders), json.NewEncoder(answers))
}

// obey carries out one order after the other: a Task, which takes the place of the one
// before, or null, which asks what was done.
func (w *worker) obey(orders *json.Decoder, answers *json.Encoder) error {
	var group sync.WaitGroup
	defer group.Wait()
	end := func() {}
	defer func() { end() }()
	for {
		var task *Task
		switch err := orders.Decode(&task); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("scaling: order: %w", err)
		}
		if task != nil {
			end()
			group.Wait()
			ctx, cancel := context.WithCancel(w.With(context.Background()))
			end = cancel
			w.begin(ctx, &group, *task)
		}
		if err := answers.Encode(w.done()); err != nil {
			return fmt.Errorf("scaling: answer: %w", err)
		}
	}
}

// begin starts what task wants.
func (w *worker) begin(ctx context.Context, group *sync.WaitGroup, task Task) {
	turn := 0
	next := func(n int) int { turn++; return turn % n }
	for _, s := range []struct {
		rate float64
		run  func(ctx context.Context) error
	}{
		{task.Local, func(ctx context.Context) error { return w.read(ctx, key(next(hotKeys))) }},
		{task.Shared, w.readCold},
		{task.Loads, func(ctx context.Context) error { w.fresh++; return w.read(ctx, key((w.number+1)*1_000_000+w.fresh)) }},
		{task.Keys, func(ctx context.Context) error { return memo.Invalidate(ctx, key(900_000_000+rand.IntN(1000))) }},
		{task.Hot, func(ctx context.Context) error { return memo.Invalidate(ctx, key(rand.IntN(hotKeys))) }},
		{task.Tags, func(ctx context.Context) error { return memo.InvalidateTags(ctx, tag(rand.IntN(markers))) }},
		{task.Trees, func(ctx context.Context) error {
			return memo.InvalidateTree(ctx, memo.Key(fmt.Sprint("sub", rand.IntN(markers))))
		}},
	} {
		if s.rate > 0 {
			group.Go(func() { w.often(ctx, s.rate, s.run) })
		}
	}
}

// often runs what is to be run so many times a second, at random: that is how many
// independent users come. One that takes long does not change how many there are.
func (w *worker) often(ctx context.Context, rate float64, run func(context.Context) error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for at := time.Now(); ; {
		at = at.Add(time.Duration(rand.ExpFloat64() / rate * float64(time.Second)))
		timer.Reset(time.Until(at))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		// What is deferred on a busy machine is delivered by the next poll.
		if err := run(context.WithoutCancel(ctx)); err != nil && !errors.Is(err, memo.ErrDeferred) {
			w.mu.Lock()
			w.failure = err.Error()
			w.mu.Unlock()
		}
	}
}

func (w *worker) read(ctx context.Context, key string) error {
	_, err := memo.Do(ctx, key, func(context.Context) (string, error) { return strings.Repeat("x", valueLength), nil })
	return err
}

// readCold reads what L2 has forgotten since the last time.
func (w *worker) readCold(ctx context.Context) error {
	w.cold++
	return w.read(ctx, key(hotKeys+(w.number*7+w.cold)%coldKeys))
}

func (w *worker) done() done {
	s := w.Snapshot()
	w.mu.Lock()
	defer w.mu.Unlock()
	d := done{
		Shared: s.Total.L3, Loads: s.Total.Loads, Keys: s.Total.Invalidations.Keys,
		Tags: s.Total.Invalidations.Tags, Trees: s.Total.Invalidations.Trees, CPU: used(), At: s.At, Failure: w.failure,
	}
	for _, n := range s.Nodes {
		d.Commands += n.Ops
	}
	return d
}
