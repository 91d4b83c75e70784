package cost

// movement.go is what a list of servers costs that becomes another one: values that
// are loaded anew because their place is another.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// A Movement is of so many values, which are in the shared tier alone.
type Movement struct {
	Keys      int     `json:"keys"`
	From, To  int     `json:"-"`
	Again     int     `json:"loaded_anew_without_a_change"`
	Reordered int     `json:"loaded_anew_in_another_order"`
	Moved     int     `json:"loaded_anew_with_a_server_more"`
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
		loaded int
		when   string
	}{{m.Again, "without a change of the list"}, {m.Reordered, "with the list in another order"}} {
		if c.loaded > 0 {
			failures = append(failures, fmt.Sprintf("%d of %d values were loaded anew %s", c.loaded, m.Keys, c.when))
		}
	}
	if m.Moved > int(mostMoved*float64(m.Keys)) || m.Moved == 0 {
		failures = append(failures, fmt.Sprintf("%d of %d values were loaded anew with a fourth server, more than %.0f %% or none", m.Moved, m.Keys, 100*mostMoved))
	}
	return failures
}

// Move has three processes on all servers but the last one, with keys values, and
// gives them that one, too.
func Move(ctx context.Context, servers []string, keys int) (m *Movement, err error) {
	f, err := fleet.New(servers, 0, 5*time.Minute)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	old := servers[:len(servers)-1]
	for range 3 {
		if _, err := f.Start(fleet.Setup{TTL: time.Hour, Servers: old, Told: true, Entries: 1}); err != nil {
			return nil, err
		}
	}
	m = &Movement{Keys: keys, From: len(old), To: len(servers)}
	s := &moving{f, keys, make([]int, keys)}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	if m.Again, _, err = s.pass(2); err != nil {
		return nil, err
	}
	if err := s.tell(ctx, func(id int) []string { return turned(old, id) }, recovering); err != nil {
		return nil, err
	}
	if m.Reordered, _, err = s.pass(1); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := s.tell(ctx, func(id int) []string { return turned(servers, id) }, 0); err != nil {
		return nil, err
	}
	return m, errors.Join(s.until(ctx, m, began), ctx.Err())
}

// moving is the measurement under way.
type moving struct {
	fleet *fleet.Fleet
	keys  int
	seen  []int // loads of each key
}

// pass reads all values in a process, and returns how many were loaded for that, and
// how often.
func (s *moving) pass(process int) (anew, loads int, err error) {
	if err := s.fleet.Processes[process].DoAll(s.keys); err != nil {
		return 0, 0, err
	}
	anew, loads = s.anew()
	return anew, loads, nil
}

// open stores all values, which takes until the processes know of each other.
func (s *moving) open(ctx context.Context) error {
	for began := time.Now(); time.Since(began) < inUse && wait(ctx, time.Second); {
		for process := range 2 {
			if _, loads, err := s.pass(process); err != nil || loads == 0 && process == 1 {
				return err
			}
		}
	}
	return ctx.Err()
}

// anew returns how many values were loaded since it was last asked, and how often.
func (s *moving) anew() (anew, loads int) {
	for k := range s.keys {
		n := len(s.fleet.Database.Loads(fleet.Row(k)))
		if n > s.seen[k] {
			anew++
			loads += n - s.seen[k]
		}
		s.seen[k] = n
	}
	return anew, loads
}

func (s *moving) tell(ctx context.Context, list func(id int) []string, then time.Duration) error {
	for _, p := range s.fleet.Processes {
		if err := p.Tell(list(p.ID)); err != nil {
			return err
		}
	}
	wait(ctx, fleet.ListEvery+then)
	return nil
}

// until reads all values again and again until some have moved, and then none does.
func (s *moving) until(ctx context.Context, m *Movement, began time.Time) error {
	before := slices.Clone(s.seen)
	for ctx.Err() == nil && time.Since(began) < inUse {
		_, loads, err := s.pass(1 + int(time.Since(began)/time.Second)%2)
		if err != nil {
			return err
		}
		m.Loads += loads
		if m.Seconds == 0 && m.Loads > s.keys/10 {
			m.Seconds = time.Since(began).Round(time.Second / 10).Seconds()
		}
		if m.Seconds > 0 && loads == 0 {
			break
		}
		wait(ctx, time.Second)
	}
	for k := range s.keys {
		if s.seen[k] > before[k] {
			m.Moved++
		}
	}
	return nil
}

// turned is list from its n-th name on.
func turned(list []string, n int) []string {
	n %= len(list)
	return slices.Concat(list[n:], list[:n])
}
