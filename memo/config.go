package memo

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/tiermemo/tiermemo/internal/clock"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/roster"
	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Ahead of every path: a Config is completed and checked once, in New, so that
// nothing below asks whether a duration or a tier makes sense.

// Config is what an operator decides. The zero value works: request memory and
// a process tier (package lru), no server.
type Config struct {
	Name   string      // names the cache in statistics and logs; "memo"
	Prefix string      // namespace in the shared tier, 1 to 64 bytes; required with Shared
	Local  tier.Local  // the process tier, this cache's alone; nil: lru.New(lru.DefaultSize)
	Shared tier.Shared // the shared tier; nil: none. It is this cache's alone too: Close closes it, so two caches have a client each
	// PlacementKey is a secret that goes into the choice of the Node that holds a key. With it nobody who chooses keys, say by what
	// he asks for, can have them all meet on one Node. "": Prefix, which is no secret. It is the same
	// in every process of a Prefix. One that differs from those before it says so in the log, reads nothing from the shared tier,
	// and its invalidations reach them and are ErrDeferred, until the last of those has gone.
	PlacementKey string

	Codec codec.Codec // how values are stored there; nil: codec.JSON{}

	PollInterval      time.Duration // how often other processes' invalidations are fetched; 100ms
	StaleBound        time.Duration // no L2 value is older than this against the shared tier's log; 1s, at least twice PollInterval
	OutageBound       time.Duration // the same while the shared tier is away; StaleBound
	ReadTimeout       time.Duration // budget of one read of the shared tier, 1ms at least; 100ms. A tier's own (memcached.Config.Timeout) ends it earlier
	WriteTimeout      time.Duration // budget of one invalidation or poll, 1ms at least; 500ms. The same in every process of a Prefix
	MaxRequestEntries int           // bound of one request's memory; 10_000

	// LoadContext returns, from a caller's ctx, one with the values that loaders may see: a trace, a logger. Its deadline is
	// not used. nil: loaders see the cache, Vary, and nothing else of a request, because many wait for one load.
	LoadContext func(ctx context.Context) context.Context

	// StrictTypes makes a type of which the shared tier would lose a part a *UsageError of each call for it that L1 and L2
	// cannot answer, before anything is loaded, and without a Shared too: so the first test that loads one finds it. false:
	// values of such a type stay in L1 and L2, which is logged once. A single value that the Codec refuses (a NaN, in JSON)
	// stays there either way.
	StrictTypes bool

	// Logger hears of changes of state, at most a dozen a minute, once of each type that stays out of the shared tier, and of
	// no key or value. Its Handler is called by a goroutine of its own: nobody waits for it but Close, and if it panics its
	// line is lost and nothing else. nil: slog.Default()
	Logger *slog.Logger
}

// The least StaleBound: what is taken off it internally must leave something.
const leastBound = 200 * time.Millisecond

// slack is taken off StaleBound: the hit path's clock lags by a tick, and a
// reader may be delayed between its look at the clock and its return.
const slack = clock.Tick + 50*time.Millisecond

// complete fills in the defaults.
func (cfg Config) complete() Config {
	if cfg.Name == "" {
		cfg.Name = "memo"
	}
	if cfg.Local == nil {
		cfg.Local = lru.New(lru.DefaultSize)
	}
	if cfg.Codec == nil {
		cfg.Codec = codec.JSON{}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&cfg.PollInterval, 100 * time.Millisecond},
		{&cfg.StaleBound, time.Second},
		{&cfg.ReadTimeout, 100 * time.Millisecond},
		{&cfg.WriteTimeout, 500 * time.Millisecond},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if cfg.PlacementKey == "" {
		cfg.PlacementKey = cfg.Prefix
	}
	if cfg.OutageBound == 0 {
		cfg.OutageBound = cfg.StaleBound
	}
	if cfg.MaxRequestEntries == 0 {
		cfg.MaxRequestEntries = 10_000
	}
	return cfg
}

// longest is a duration that can be doubled and added up without care.
const longest = 10 * 365 * 24 * time.Hour

// leastTimeout is what an answer over a network may take on a good day. Below it
// are those who have forgotten the unit.
const leastTimeout = time.Millisecond

// problem says what is wrong with a complete cfg, and what to do; nil if nothing
// is.
func (cfg Config) problem() *UsageError {
	bad := func(fix, problem string, args ...any) *UsageError {
		return &UsageError{Problem: fmt.Sprintf(problem, args...), Fix: fix}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{
		{"PollInterval", cfg.PollInterval, 1}, {"StaleBound", cfg.StaleBound, 1}, {"OutageBound", cfg.OutageBound, 1},
		{"ReadTimeout", cfg.ReadTimeout, leastTimeout}, {"WriteTimeout", cfg.WriteTimeout, leastTimeout},
	} {
		switch {
		case d.value < 0 || d.value > longest:
			return bad("give a duration above 0 and up to 3650 days, or 0 for the default", "%s of %v", d.name, d.value)
		case d.value < d.least:
			return bad(fmt.Sprintf("give %v or more, or 0 for the default", d.least), "%s of %v", d.name, d.value)
		}
	}
	if cfg.MaxRequestEntries < 0 {
		return bad("give a number above 0, or 0 for the default", "MaxRequestEntries of %d", cfg.MaxRequestEntries)
	}
	if least := max(2*cfg.PollInterval, leastBound); cfg.StaleBound < least {
		return bad(fmt.Sprintf("raise StaleBound to %v or more, or poll more often", least),
			"StaleBound of %v with a PollInterval of %v", cfg.StaleBound, cfg.PollInterval)
	}
	if cfg.OutageBound < cfg.StaleBound {
		return bad("leave OutageBound out, or give at least StaleBound", "OutageBound of %v below StaleBound of %v", cfg.OutageBound, cfg.StaleBound)
	}
	if _, problem, fix := codecName(cfg.Codec); problem != "" {
		return bad(fix, "%s", problem)
	}
	if nilPointer(cfg.Local) {
		return bad("leave it out for the default, or look at the call that made it", "Local is a nil %T", cfg.Local)
	}
	if cfg.Shared == nil {
		return nil
	}
	if nilPointer(cfg.Shared) {
		return bad("look at the error of the call that made it", "Shared is a nil %T", cfg.Shared)
	}
	if cfg.Prefix == "" {
		return bad("set it to the name of the application, for example \"shop\": caches of another Prefix never meet", "Prefix is empty, and there is a Shared")
	}
	if _, err := keys.NewSpace(cfg.Prefix); err != nil {
		return bad(fmt.Sprintf("shorten it to %d", keys.MaxPrefix), "Prefix has %d bytes", len(cfg.Prefix))
	}
	if !cfg.Shared.Fixed() && cfg.settle() > roster.MostSettle {
		return bad("lower them: when servers are added or removed, all processes wait for twice as long",
			"StaleBound of %v and four times WriteTimeout of %v are more than a day", cfg.StaleBound, cfg.WriteTimeout)
	}
	if nodes := cfg.Shared.Nodes(); cfg.Shared.Fixed() && len(nodes) == 0 {
		return bad("give it a Node, or leave Shared out", "a Shared that has no Node, and never will")
	}
	return nil
}

// nilPointer reports whether v, which is not nil, holds a pointer that is.
func nilPointer(v any) bool {
	p := reflect.ValueOf(v)
	return p.Kind() == reflect.Pointer && p.IsNil()
}
