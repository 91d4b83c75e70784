package events

// stampede.go lets thousands of goroutines ask for one key at the same moment.

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
	"github.com/tiermemo/tiermemo/memo"
)

// Units and contenders of these events.
const (
	StampedeGroup = "Stampede"
	Extra         = "p99 ms more than the load"
	Wait          = "p99 ms"
	Loads         = "loads"
	WaiterAllocs  = "allocs per caller"
	WaiterBytes   = "heap B per caller"
	WaiterStack   = "stack B per caller"
	Bare          = "a closed channel, with ctx"
	Gate          = "the gate alone"
	StampedeScope = "tiermemo Func, a request each"
)

// Stampede is the name of one on a key that is not there, and Due of one on a key that is
// due to be refreshed.
func Stampede(callers int) string {
	return fmt.Sprintf("%s callers, a loader of 50 ms", short(callers))
}

// Due is a stampede on a key past its TTL that may be served.
func Due(callers int) string {
	return fmt.Sprintf("%s callers, a key that is due: it is served, and one load refreshes it", short(callers))
}

func stampedes() (all []lab.Event) {
	for _, callers := range []int{1000, 10_000} {
		all = append(all, stampede(callers))
	}
	for _, callers := range []int{1000, 10_000} {
		all = append(all, due(callers))
	}
	return all
}

// A crowd is callers that wait at a gate, and what became of them.
type crowd struct {
	callers int
	loads   atomic.Int64
}

// rush opens the gate, and returns the sample of what ask did for all of them.
func (c *crowd) rush(ask func(caller int) error) (lab.Sample, error) {
	var ready, all sync.WaitGroup
	var failed atomic.Pointer[error]
	gate, took := make(chan struct{}), make([]time.Duration, c.callers)
	var start time.Time
	ready.Add(c.callers)
	for i := range c.callers {
		all.Go(func() {
			ready.Done()
			<-gate
			if err := ask(i); err != nil {
				failed.Store(&err)
			}
			took[i] = time.Since(start)
		})
	}
	ready.Wait()
	runtime.GC() // before the crowd, and not in its midst
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start = time.Now()
	close(gate)
	all.Wait()
	runtime.ReadMemStats(&after)
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	slices.Sort(took)
	each := func(x uint64) float64 { return float64(x) / float64(c.callers) }
	return lab.Sample{
		Wait: took[c.callers*99/100].Seconds() * 1e3, Loads: float64(c.loads.Load()),
		WaiterAllocs: each(after.Mallocs - before.Mallocs), WaiterBytes: each(after.TotalAlloc - before.TotalAlloc),
		WaiterStack: max(0, float64(after.StackInuse)-float64(before.StackInuse)) / float64(c.callers),
	}, nil
}

// slow is the loader: it takes its time, and obeys its ctx.
func (c *crowd) slow(ctx context.Context, takes time.Duration) (data.Small, error) {
	c.loads.Add(1)
	done := time.NewTimer(takes)
	defer done.Stop()
	select {
	case <-done.C:
		return data.NewSmall(7), nil
	case <-ctx.Done():
		return data.Small{}, ctx.Err()
	}
}

func loadTime(env lab.Env) time.Duration {
	if env.Tiny {
		return time.Millisecond
	}
	return 50 * time.Millisecond
}

func stampede(callers int) lab.Event {
	e := lab.Event{Group: StampedeGroup, Name: Stampede(callers), Columns: []string{Extra, Loads, WaiterAllocs, WaiterBytes, WaiterStack}}
	trial := func(name, against string, floor bool, make func(load func(context.Context, string) (data.Small, error)) (ask func() error, end func(), err error)) {
		e.Contenders = append(e.Contenders, lab.Contender{Name: name, Against: against, Floor: floor, New: func(env lab.Env) (lab.Bench, error) {
			return lab.Bench{Trial: func() (lab.Sample, error) {
				c := &crowd{callers: env.N(callers)}
				ask, end, err := make(func(ctx context.Context, _ string) (data.Small, error) { return c.slow(ctx, loadTime(env)) })
				if err != nil {
					return nil, err
				}
				defer end()
				s, err := c.rush(func(int) error { return ask() })
				if err == nil {
					s[Extra] = s[Wait] - loadTime(env).Seconds()*1e3
				}
				return s, err
			}}, nil
		}})
	}
	for _, p := range append(peer.Matrix[data.Small](), peer.Others[data.Small]()...) {
		trial(p.Name, "", false, func(load func(context.Context, string) (data.Small, error)) (func() error, func(), error) {
			o := stringOptions(smalls, 1000)
			o.Load = load
			c, err := p.New(o)
			if err != nil {
				return nil, nil, err
			}
			ctx := c.Context()
			return func() error { _, err := c.Get(ctx, "user:7"); return err }, closing(c), nil
		})
	}
	trial(StampedeScope, "", false, func(load func(context.Context, string) (data.Small, error)) (func() error, func(), error) {
		c, err := newMemo(1000)
		if err != nil {
			return nil, nil, err
		}
		f := memo.NewFunc(c, "user", load)
		return func() error {
			ctx, end := c.Begin(context.Background())
			defer end()
			_, err := f.Do(ctx, "user:7")
			return err
		}, func() { _ = c.Close(context.Background()) }, nil
	})
	trial(Bare, "", true, func(load func(context.Context, string) (data.Small, error)) (func() error, func(), error) {
		done, ctx := make(chan struct{}), context.Background()
		ctx, cancel := context.WithCancel(ctx)
		var once sync.Once
		return func() error {
			once.Do(func() {
				go func() { _, _ = load(ctx, ""); close(done) }()
			})
			select {
			case <-done:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}, cancel, nil
	})
	return e
}
