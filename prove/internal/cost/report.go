package cost

// report.go is all of it together, for machines and for people.

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
)

// A Report is what RESULTS.json has of the costs.
type Report struct {
	Command string  `json:"command"`
	Date    string  `json:"date"`
	Machine string  `json:"machine"`
	Rows    []Row   `json:"round_trips"`
	Hangs   []*Hang `json:"server_hangs"`

	One   *OneHang  `json:"one_of_three_hangs,omitempty"`
	Moves *Movement `json:"three_servers_become_four,omitempty"`
}

// Measure runs everything, each on a memcached of its own: the operations so many
// times, and each phase of an outage for length.
func Measure(ctx context.Context, rounds int, length time.Duration) (*Report, error) {
	r := &Report{}
	err := on(func(server *mcserver.Server) (err error) {
		r.Rows, err = RoundTrips(ctx, server.Addr(), rounds)
		return err
	})
	for _, c := range Cases(length) {
		err = errors.Join(err, on(func(server *mcserver.Server) error {
			h, err := Watch(ctx, c, server, length)
			r.Hangs = append(r.Hangs, h)
			return err
		}))
	}
	err = errors.Join(err, onMany(3, func(servers []*mcserver.Server) (err error) {
		r.One, err = WatchOne(ctx, servers, 6, length)
		return err
	}), onMany(4, func(servers []*mcserver.Server) (err error) {
		var names []string
		for _, s := range servers {
			names = append(names, s.Addr())
		}
		r.Moves, err = Move(ctx, names, moved)
		return err
	}))
	return r, err
}

// moved is how many values there are to see the share of a server by: so many that
// chance is a third of a percent.
const moved = 20_000

func on(run func(*mcserver.Server) error) error {
	return onMany(1, func(servers []*mcserver.Server) error { return run(servers[0]) })
}

func onMany(n int, run func([]*mcserver.Server) error) (err error) {
	var servers []*mcserver.Server
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.Close())
		}
	}()
	for range n {
		server, err := mcserver.Start()
		if err != nil {
			return err
		}
		servers = append(servers, server)
	}
	return run(servers)
}

// Verdict is an error if something took more than it may.
func (r *Report) Verdict() error {
	var failed []error
	for _, row := range r.Rows {
		if !row.OK() {
			failed = append(failed, fmt.Errorf("prove: %s: %.2f round trips and %d commands, promised are %d and %d", row.Name, row.Trips, row.Commands, row.Promised, row.Wanted))
		}
	}
	for _, h := range r.Hangs {
		for _, failure := range h.Failures() {
			failed = append(failed, fmt.Errorf("prove: memcached hangs %s: %s", h.Name, failure))
		}
	}
	if r.One != nil {
		for _, failure := range r.One.Failures() {
			failed = append(failed, fmt.Errorf("prove: one of %d memcached hangs: %s", r.One.Servers, failure))
		}
	}
	if r.Moves != nil {
		for _, failure := range r.Moves.Failures() {
			failed = append(failed, fmt.Errorf("prove: %s", failure))
		}
	}
	return errors.Join(failed...)
}

// Markdown returns two tables.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "`%s` on %s, on %s.\n\n", r.Command, r.Date, r.Machine)
	b.WriteString("| operation | round trips promised | measured, 1 ms away | commands on the wire | median, 1 ms away, ms | median, loopback, ms |\n|---|--:|--:|--:|--:|--:|\n")
	for _, row := range r.Rows {
		name := row.Name
		if !row.OK() {
			name += ": **more than promised**"
		}
		fmt.Fprintf(&b, "| %s | %d | %.2f | %d | %.2f | %.2f |\n", name, row.Promised, row.Trips, row.Commands, row.Far, row.Near)
	}
	b.WriteString("\n| memcached hangs | phase | requests | p50 ms | p99 ms | max ms | errors | reads from L3 | loads |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, h := range r.Hangs {
		name := h.Name
		if failures := h.Failures(); len(failures) > 0 {
			name += ": **" + strings.Join(failures, ", ") + "**"
		}
		h.Well.row(&b, name, "before")
		h.First.row(&b, "", "its first 0.6 s")
		h.Hung.row(&b, "", "all of it")
		h.Back.row(&b, "", "after")
	}
	b.WriteString("\n| memcached hangs | reads use it again after its return, ms | median latency is as before, ms |\n|---|--:|--:|\n")
	for _, h := range r.Hangs {
		fmt.Fprintf(&b, "| %s | %.0f | %.0f |\n", h.Name, h.Reads, h.Normal)
	}
	r.many(&b)
	return b.String()
}

// many is what several servers cost.
func (r *Report) many(b *strings.Builder) {
	if h := r.One; h != nil {
		fmt.Fprintf(b, "\n| one of %d servers hangs | | calls | p50 ms | p99 ms | max ms | errors |\n|---|---|--:|--:|--:|--:|--:|\n", h.Servers)
		for _, c := range []struct {
			name     string
			failures []string
			of       Compare
		}{
			{"reads from the healthy ones", h.Reads.Failures("reads"), h.Reads},
			{"`Invalidate` of keys there", h.Writes.Failures("invalidations"), h.Writes},
			{"reads of keys on the one that hangs", nil, h.Others},
		} {
			if len(c.failures) > 0 {
				c.name += ": **" + strings.Join(c.failures, ", ") + "**"
			}
			for _, p := range []struct {
				name, phase string
				of          Phase
			}{{c.name, "all are well", c.of.Well}, {"", "one hangs", c.of.Hung}} {
				fmt.Fprintf(b, "| %s | %s | %d | %.2f | %.2f | %.2f | %d |\n", p.name, p.phase, p.of.Requests, p.of.P50, p.of.P99, p.of.Max, p.of.Errors)
			}
		}
	}
	if m := r.Moves; m != nil {
		b.WriteString("\n| values in the shared tier | moved when the list was in another order | to the server that came | to another one then | loads then | in use after, s |\n|--:|--:|--:|--:|--:|--:|\n")
		fmt.Fprintf(b, "| %d | %d | %d (%.1f %%) | %d | %d | %.1f |\n", m.Keys, m.Reordered, m.Moved, 100*float64(m.Moved)/float64(m.Keys), m.Strayed, m.Loads, m.Seconds)
	}
}

func (p Phase) row(b *strings.Builder, name, phase string) {
	counts := "| |"
	if p.Shared+p.Loads > 0 {
		counts = fmt.Sprintf("| %d | %d |", p.Shared, p.Loads)
	}
	fmt.Fprintf(b, "| %s | %s | %d | %.1f | %.1f | %.1f | %d %s\n", name, phase, p.Requests, p.P50, p.P99, p.Max, p.Errors, counts)
}
