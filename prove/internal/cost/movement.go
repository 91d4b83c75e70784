package cost

// movement.go is what a list of servers costs that becomes another one: values whose
// place is another, and that are loaded anew.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// A Movement is of so many values, which are in the shared tier alone. What moved is
// counted where the servers have it, and not by loads: a busy machine loads some anew
// because a server did not answer in time.
type Movement struct {
	Keys      int     `json:"keys"`
	Reordered int     `json:"moved_in_another_order"`
	Moved     int     `json:"moved_to_a_server_more"`
	Strayed   int     `json:"moved_to_another_server_then"`
	Loads     int     `json:"loads_with_a_server_more"` // some values may be loaded twice while the lists differ
	Seconds   float64 `json:"seconds_until_the_server_is_used"`
}

const (
	mostMoved = 0.26 // of the values, from three servers to four: their share is a quarter
	inUse     = time.Minute
)

// Failures says in what m is not as it must be.
func (m *Movement) Failures() (failures []string) {
	for _, c := range []struct {
		moved int
		how   string
	}{{m.Reordered, "with the list in another order"}, {m.Strayed, "to another server than the new one"}} {
		if c.moved > 0 {
			failures = append(failures, fmt.Sprintf("%d of %d values have moved %s", c.moved, m.Keys, c.how))
		}
	}
	if m.Moved > int(mostMoved*float64(m.Keys)) || m.Moved == 0 {
		failures = append(failures, fmt.Sprintf("%d of %d values have moved to a fourth server, more than %.0f %% or none", m.Moved, m.Keys, 100*mostMoved))
	}
	return failures
}

// Move has three processes on all servers but the last one, with keys values, and
// gives them that one, too.
func Move(ctx context.Context, servers []string, keys int) (m *Movement, err error) {
	s := &moving{keys: keys}
	defer func() { err = errors.Join(err, s.close()) }()
	if s.fleet, err = fleet.New(servers, 0, 5*time.Minute); err != nil {
		return nil, err
	}
	for _, name := range servers {
		look, err := memcached.New(name)
		if err != nil {
			return nil, err
		}
		s.looks = append(s.looks, look)
		s.held = append(s.held, make([]bool, keys))
	}
	n := len(servers) - 1
	for range 3 {
		if _, err := s.fleet.Start(fleet.Setup{TTL: time.Hour, Servers: servers[:n], Told: true, Entries: 1}); err != nil {
			return nil, err
		}
	}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	m = &Movement{Keys: keys}
	if err := s.tell(ctx, servers[:n], recovering); err != nil {
		return nil, err
	}
	gained, err := s.pass(ctx, 1)
	if err != nil {
		return nil, err
	}
	m.Reordered = sum(gained)
	return m, s.more(ctx, m, servers)
}

// moving is the measurement under way.
type moving struct {
	fleet *fleet.Fleet
	looks []*memcached.Client // into each server
	keys  int
	held  [][]bool // by server and key, whether it was ever seen there
}

// open stores all values, which takes until the processes know of each other.
func (s *moving) open(ctx context.Context) error {
	for began := time.Now(); time.Since(began) < inUse && wait(ctx, time.Second); {
		if _, err := s.pass(ctx, 0); err != nil {
			return err
		}
		placed := 0
		for k := range s.keys {
			for _, held := range s.held {
				if held[k] {
					placed++
				}
			}
		}
		if placed == s.keys {
			return nil
		}
	}
	return errors.Join(ctx.Err(), errors.New("cost: the values were not all stored, or not all once"))
}

// more adds the last of servers, and reads until none of the values moves any more.
func (s *moving) more(ctx context.Context, m *Movement, servers []string) error {
	before, began := s.loads(), time.Now()
	if err := s.tell(ctx, servers, 0); err != nil {
		return err
	}
	n := len(servers) - 1
	for process := 0; time.Since(began) < inUse && wait(ctx, time.Second); process++ {
		gained, err := s.pass(ctx, 1+process%2)
		if err != nil {
			return err
		}
		if m.Seconds == 0 && gained[n] > 0 {
			m.Seconds = time.Since(began).Round(time.Second / 10).Seconds()
		}
		m.Moved += gained[n]
		m.Strayed += sum(gained[:n])
		if m.Moved > 0 && sum(gained) == 0 {
			break
		}
	}
	m.Loads = s.loads() - before
	return ctx.Err()
}

// pass reads all values in a process, and returns how many each server has since that
// it had not before.
func (s *moving) pass(ctx context.Context, process int) (gained []int, err error) {
	if err := s.fleet.Processes[process].DoAll(s.keys); err != nil {
		return nil, err
	}
	names := make([]string, s.keys)
	for k := range names {
		names[k] = fleet.Prefix + ":v:" + fleet.Row(k).String()
	}
	gained = make([]int, len(s.looks))
	for i, look := range s.looks {
		items := make([]tier.Item, s.keys)
		if err := look.Nodes()[0].GetMulti(ctx, names, items); err != nil {
			return nil, err
		}
		for k, item := range items {
			if item.Found() && !s.held[i][k] {
				s.held[i][k] = true
				gained[i]++
			}
		}
	}
	return gained, nil
}

func (s *moving) loads() (n int) {
	for k := range s.keys {
		n += len(s.fleet.Database.Loads(fleet.Row(k)))
	}
	return n
}

// tell tells the processes of list, each in another order.
func (s *moving) tell(ctx context.Context, list []string, then time.Duration) error {
	for _, p := range s.fleet.Processes {
		if err := p.Tell(turned(list, 1+p.ID)); err != nil {
			return err
		}
	}
	wait(ctx, fleet.ListEvery+then)
	return nil
}

func (s *moving) close() (err error) {
	for _, look := range s.looks {
		err = errors.Join(err, look.Close())
	}
	if s.fleet != nil {
		err = errors.Join(err, s.fleet.Close())
	}
	return err
}

func sum(all []int) (n int) {
	for _, of := range all {
		n += of
	}
	return n
}

// turned is list from its n-th name on.
func turned(list []string, n int) []string {
	n %= len(list)
	return slices.Concat(list[n:], list[:n])
}
