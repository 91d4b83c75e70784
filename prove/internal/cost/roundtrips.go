package cost

// roundtrips.go measures the operations over a network that is a millisecond away,
// and over none, next to what one round trip takes there at the same time.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/prove/internal/chaos"
)

// A Row is what one operation costs. What its loader takes is not in it.
type Row struct {
	Name     string  `json:"name"`
	Promised int     `json:"round_trips_promised"`
	Trips    float64 `json:"round_trips"` // its time with a millisecond more, in those of one command
	Commands int     `json:"commands"`    // that were seen on the wire
	Wanted   int     `json:"commands_promised"`
	Far      float64 `json:"one_ms_away_ms"` // these two are medians
	Near     float64 `json:"loopback_ms"`
}

// OK reports whether the row is what is promised. Commands are counted; round trips
// are a matter of time, and may seem to be a quarter more, and one and a half.
func (r Row) OK() bool {
	return r.Commands == r.Wanted && r.Trips <= 1.25*float64(r.Promised)+1.5
}

// site is where operations are measured from.
type site struct {
	here  *process
	there *process          // another one, that prepares
	ping  *memcached.Client // beside the cache, on the same way
	wire  *chaos.Proxy      // nil: no proxy
	first int               // round, for keys that no other site has
}

// RoundTrips measures all operations on the memcached at address, each so many
// times, by turns.
func RoundTrips(ctx context.Context, address string, rounds int) (rows []Row, err error) {
	wire, err := chaos.Listen(address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, wire.Close()) }()
	wire.Set(chaos.Faults{Replies: chaos.Way{Delay: time.Millisecond}})
	far, err := measure(ctx, site{wire: wire}, address, rounds)
	if err != nil {
		return nil, err
	}
	near, err := measure(ctx, site{first: rounds}, address, rounds)
	if err != nil {
		return nil, err
	}
	for i, op := range append(operations(), operation{name: "one command", trips: 1, commands: 1}) {
		trip := far[len(far)-1].waited
		rows = append(rows, Row{
			Name: op.name, Promised: op.trips, Wanted: op.commands, Commands: far[i].commands,
			Trips: math.Round(100*float64(far[i].waited)/float64(trip)) / 100, Far: millis(far[i].waited), Near: millis(near[i].waited),
		})
	}
	return rows, nil
}

// taken is what one operation took.
type taken struct {
	waited   time.Duration // without its loader
	commands int
}

// measure returns the medians of all operations, and of one command.
func measure(ctx context.Context, s site, address string, rounds int) (medians []taken, err error) {
	way := address
	if s.wire != nil {
		way = s.wire.Addr()
	}
	seldom := func(cfg *memo.Config) { cfg.PollInterval, cfg.StaleBound = time.Minute, 2*time.Minute } // polls are no part of an operation
	if s.here, err = openBy(way, address, seldom); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.here.close()) }()
	if s.there, err = open(address, nil); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.there.close()) }()
	if s.ping, err = memcached.New(way); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.ping.Close()) }()

	ops := operations()
	all := make([][]taken, len(ops)+1)
	for _, alone := range []bool{false, true} {
		for round := range rounds {
			for i, op := range ops {
				if op.alone != alone {
					continue
				}
				t, err := s.play(ctx, op, s.first+round)
				if err != nil {
					return nil, fmt.Errorf("cost: %s: %w", op.name, err)
				}
				all[i] = append(all[i], t)
			}
			t, err := s.command(ctx)
			if err != nil {
				return nil, fmt.Errorf("cost: one command: %w", err)
			}
			all[len(ops)] = append(all[len(ops)], t)
		}
	}
	for _, one := range all {
		medians = append(medians, median(one))
	}
	return medians, ctx.Err()
}

// play runs one operation once.
func (s *site) play(ctx context.Context, op operation, round int) (taken, error) {
	if op.prepare != nil {
		if err := op.prepare(s.there, round); err != nil {
			return taken{}, err
		}
	}
	var loaded time.Duration
	load := func(ctx context.Context) (int, error) {
		began := time.Now()
		defer func() { loaded = time.Since(began) }()
		return query(loading)(ctx)
	}
	requests, began := s.requests(), time.Now()
	err := op.run(s.here.With(ctx), round, load)
	return taken{time.Since(began) - loaded, s.requests() - requests}, err
}

// command reads an item that is not there.
func (s *site) command(ctx context.Context) (taken, error) {
	requests, began := s.requests(), time.Now()
	err := s.ping.Nodes()[0].GetMulti(ctx, []string{"cost-of-one"}, make([]tier.Item, 1))
	return taken{time.Since(began), s.requests() - requests}, err
}

func (s *site) requests() int {
	if s.wire == nil {
		return 0
	}
	return s.wire.Counts().Requests
}

// median is the median of each.
func median(all []taken) taken {
	var waits, commands []time.Duration
	for _, t := range all {
		waits, commands = append(waits, t.waited), append(commands, time.Duration(t.commands))
	}
	return taken{quantile(waits, 0.5), int(quantile(commands, 0.5))}
}
