package cost

// onehangs.go is one of several servers that stops to answer: what is on the others
// must be answered as if nothing were. It is measured by turns, all well and one
// hanging, so that both are of the same minutes of this machine.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
)

const (
	beat       = 20 * time.Millisecond // requests come at each
	perBeat    = 8                     // that come at once
	settling   = 8 * time.Second       // after the begin
	recovering = 3 * time.Second       // after the server's return, until everything is as it was
)

// A OneHang is what keys on the healthy servers cost.
type OneHang struct {
	Servers int     `json:"servers"`
	Turns   int     `json:"turns"`
	Reads   Compare `json:"reads_from_l3"`
	Writes  Compare `json:"invalidate"`
	Others  Compare `json:"reads_on_the_server_that_hangs"` // for comparison: no bound
}

// A Compare is the same work with all servers well, and with one that hangs.
type Compare struct {
	Well Phase `json:"all_well"`
	Hung Phase `json:"one_hangs"`
}

// Failures says what is slower than it may be: by a tenth, or a millisecond.
func (c Compare) Failures(what string) (failures []string) {
	if n := c.Well.Errors + c.Hung.Errors; n > 0 {
		failures = append(failures, fmt.Sprintf("%d %s failed", n, what))
	}
	if most := max(1.1*c.Well.P99, c.Well.P99+1); c.Hung.P99 > most {
		failures = append(failures, fmt.Sprintf("p99 of %s is %.2f ms while one server hangs, more than %.2f", what, c.Hung.P99, most))
	}
	return failures
}

// Failures says in what h is not as it must be.
func (h *OneHang) Failures() []string {
	return append(h.Reads.Failures("reads"), h.Writes.Failures("invalidations")...)
}

// fed is a key that is in the shared tier, and whether the server that will hang has it.
type fed struct {
	key string
	bad bool
}

// turns is the measurement under way.
type turns struct {
	servers []*mcserver.Server
	here    *process
	feeder  *process
	look    []*memcache.Client // at each server
	took    map[string][]time.Duration
	failed  map[string]int
	mu      sync.Mutex
	keys    int
}

// WatchOne measures so many turns of each kind, each for length. The first of servers
// is the one that hangs.
func WatchOne(ctx context.Context, servers []*mcserver.Server, n int, length time.Duration) (h *OneHang, err error) {
	t := &turns{servers: servers, took: map[string][]time.Duration{}, failed: map[string]int{}}
	var names []string
	for _, s := range servers {
		names = append(names, s.Addr())
		c := memcache.New(s.Addr())
		c.Timeout = 5 * time.Second
		defer c.Close()
		t.look = append(t.look, c)
	}
	if t.here, err = open(names[0], nil, names[1:]...); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.here.close()) }()
	if t.feeder, err = open(names[0], nil, names[1:]...); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.feeder.close()) }()
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	for range n {
		if err := t.turn(ctx, "well", length); err != nil {
			return nil, err
		}
		if err := t.hang(ctx, length); err != nil {
			return nil, err
		}
		wait(ctx, recovering)
	}
	return &OneHang{
		Servers: len(servers), Turns: n,
		Reads: t.compare("read"), Writes: t.compare("write"), Others: t.compare("other"),
	}, ctx.Err()
}

func (t *turns) hang(ctx context.Context, length time.Duration) error {
	keys, err := t.feed(ctx, length)
	if err != nil {
		return err
	}
	if err := t.servers[0].Pause(); err != nil {
		return err
	}
	t.ask(ctx, "hung", keys)
	return t.servers[0].Resume()
}

func (t *turns) turn(ctx context.Context, phase string, length time.Duration) error {
	keys, err := t.feed(ctx, length)
	if err != nil {
		return err
	}
	t.ask(ctx, phase, keys)
	return nil
}

// feed stores as many keys as will be read, and looks which server has each.
func (t *turns) feed(ctx context.Context, length time.Duration) ([]fed, error) {
	keys := make([]fed, perBeat*int(length/beat))
	failed := make([]error, perBeat)
	var group sync.WaitGroup
	for i := range perBeat {
		group.Go(func() {
			for n := i; n < len(keys) && failed[i] == nil && ctx.Err() == nil; n += perBeat {
				keys[n].key = memo.Key("one", t.keys+n)
				keys[n].bad, failed[i] = t.place(keys[n].key)
			}
		})
	}
	group.Wait()
	t.keys += len(keys)
	return keys, errors.Join(failed...)
}

// open returns when values are stored, which they are not before the processes know of
// each other, and then some: for a while more servers are told than have to be.
func (t *turns) open(ctx context.Context) (err error) {
	const most = 30 * time.Second
	for began := time.Now(); time.Since(began) < most && wait(ctx, recovering); {
		if _, err = t.feed(ctx, time.Second); err == nil {
			wait(ctx, settling)
			return ctx.Err()
		}
	}
	return errors.Join(err, ctx.Err())
}

// place stores key, and returns whether the server that will hang has it.
func (t *turns) place(key string) (bad bool, err error) {
	if err := t.feeder.read(key, 0); err != nil {
		return false, err
	}
	for i, c := range t.look {
		_, err := c.Get("cost:v:" + key)
		if err == nil {
			return i == 0, nil
		}
		if !errors.Is(err, memcache.ErrCacheMiss) {
			return false, fmt.Errorf("cost: look for %s: %w", key, err)
		}
	}
	return false, fmt.Errorf("cost: %s is on no server", key)
}

// ask reads the keys, a few at each beat, and invalidates those of the beat before
// that are on healthy servers.
func (t *turns) ask(ctx context.Context, phase string, keys []fed) {
	var group sync.WaitGroup
	defer group.Wait()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	var before []fed
	for now := range slices.Chunk(keys, perBeat) {
		for _, k := range now {
			kind := "read"
			if k.bad {
				kind = "other"
			}
			group.Go(func() { t.time(kind, phase, func() error { return t.here.read(k.key, slow) }) })
		}
		if i := slices.IndexFunc(before, func(k fed) bool { return !k.bad }); i >= 0 {
			key := before[i].key
			group.Go(func() { t.time("write", phase, func() error { return memo.Invalidate(t.here.With(ctx), key) }) })
		}
		before = now
		<-tick.C
	}
}

func (t *turns) time(kind, phase string, do func() error) {
	began := time.Now()
	err := do()
	took := time.Since(began)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took[kind+phase] = append(t.took[kind+phase], took)
	if err != nil {
		t.failed[kind+phase]++
	}
}

func (t *turns) compare(kind string) Compare {
	phase := func(name string) Phase {
		took := t.took[kind+name]
		return Phase{
			Requests: len(took), Errors: t.failed[kind+name],
			P50: millis(quantile(took, 0.5)), P99: millis(quantile(took, 0.99)), Max: millis(quantile(took, 1)),
		}
	}
	return Compare{phase("well"), phase("hung")}
}
