package scenario

// servers.go is the memcached of a scenario: which of them there are, which of them
// a fault hits, and who has which in its list.

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// server is one of them, with somebody who looks after it.
type server struct {
	*mcserver.Server
	operator *operator
}

// one is a server of the list at random.
func (r *run) one() *server { return r.list[rand.N(len(r.list))] }

// victims are those that a fault hits: one, and of several sometimes two.
func (r *run) victims() []*server {
	n := 1
	if len(r.list) > 1 && rand.N(4) == 0 {
		n = 2
	}
	hit := slices.Clone(r.list)
	rand.Shuffle(len(hit), func(i, j int) { hit[i], hit[j] = hit[j], hit[i] })
	return hit[:n]
}

// outage takes victims away by down for d, and brings them back by up.
func (r *run) outage(victims []*server, d time.Duration, down, up func(*mcserver.Server) error) error {
	return r.fleet.Outage(all(victims, down), func() error { r.pause(d); return nil }, all(victims, up))
}

// all does one thing to several servers.
func all(servers []*server, do func(*mcserver.Server) error) func() error {
	return func() (err error) {
		for _, s := range servers {
			err = errors.Join(err, do(s.Server))
		}
		return err
	}
}

// listed is the list of process id: everybody has the same one, in an order of its
// own.
func (r *run) listed(id int) []string {
	var names []string
	for i := range r.list {
		names = append(names, r.list[(i+id)%len(r.list)].Addr())
	}
	return names
}

// relist makes list everybody's. Each process hears of it at a moment of its own; who
// starts meanwhile has the new one.
func (r *run) relist(list []*server) error {
	r.fleet.Explain(r.Spread + fleet.ListEvery + settling)
	r.list = list
	var mu sync.Mutex
	var failed error
	var told sync.WaitGroup
	for _, p := range r.fleet.Alive() {
		told.Go(func() {
			r.pause(between(0, r.Spread))
			err := p.Tell(r.listed(p.ID))
			mu.Lock()
			defer mu.Unlock()
			failed = errors.Join(failed, err)
		})
	}
	told.Wait()
	r.pause(fleet.ListEvery) // until which the last of them has asked
	r.did("changes of the list", 1)
	return failed
}

// without is list less some, and with is list and some more.
func without(list []*server, less ...*server) []*server {
	return slices.DeleteFunc(slices.Clone(list), func(s *server) bool { return slices.Contains(less, s) })
}

func with(list []*server, more ...*server) []*server { return slices.Concat(list, more) }

// spare is a server that is in nobody's list, nil: there is none.
func (r *run) spare() *server {
	unused := without(r.servers, r.list...)
	if len(unused) == 0 {
		return nil
	}
	return unused[rand.N(len(unused))]
}

// epochs is how many began, on all servers.
func (r *run) epochs() (n int) {
	for _, s := range r.servers {
		n += s.operator.epochs
	}
	return n
}
