package operate

// operate.go is the list of movements, and makes them.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// A Movement is what an operator does.
type Movement struct {
	Name string
	do   func(*site) error
}

// Movements are all of them, in an order in which each finds what the last one left.
func Movements() []Movement {
	return []Movement{
		{"a server is added, by a rolling deploy", add},
		{"a server is removed, by a rolling deploy, and switched off", remove},
		{"a server is replaced in one step, by a rolling deploy", replace},
		{"a dead server is replaced, by a rolling deploy", bury},
		{"one process of four has a server more, for long", differ},
		{"a server is restarted", restart},
		{"a server is away for four seconds, and back empty", outage},
		{"a server is flushed", flush},
		{"all servers are flushed", flushAll},
		{"a process with another Prefix", otherPrefix},
		{"a process with another PlacementKey", otherPlacementKey},
		{"a release with other values and leases, and back", upgraded(fleet.Values, fleet.Leases)},
		{"a release with other records, and back", upgraded(fleet.Records)},
		{"a release with other rosters, and back", otherRosters},
	}
}

// Short is the one that takes a few seconds.
func Short() []Movement {
	return slices.DeleteFunc(Movements(), func(m Movement) bool {
		return m.Name != "a server is restarted"
	})
}

// Run makes the movements on a fleet, and says what it sees. An error that is a
// [Statement] is one of the page that is not so.
func Run(ctx context.Context, out io.Writer, movements []Movement) (err error) {
	s, err := open(ctx, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for _, m := range movements {
		fmt.Fprintln(out, m.Name)
		s.trouble.touched = nil
		if err := m.do(s); err != nil {
			return fmt.Errorf("operate: %s: %w", m.Name, err)
		}
	}
	fmt.Fprintln(out, "all of it")
	if err := s.end(); err != nil {
		return err
	}
	return errors.Join(s.failed...)
}
