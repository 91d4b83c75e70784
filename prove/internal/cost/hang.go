package cost

// hang.go is memcached that stops to answer while requests come in: connections
// stay open, new ones are accepted, and nothing is said (SIGSTOP). Requests come
// every tenth of a second, whether those before have ended or not, so that nobody's
// wait is hidden by others that did not begin.

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
)

const (
	every    = 100 * time.Millisecond
	parallel = 50                   // requests that come at once
	hot      = 40                   // keys that requests share: each reads four of them
	hotTTL   = time.Second          // so that some of them are being loaded at any moment
	slow     = 5 * time.Millisecond // what a loader takes

	readTimeout = 100 * time.Millisecond // memo's default
)

// A Case is an outage, and how the cache is set up for it.
type Case struct {
	Name   string
	Length time.Duration // for which the server hangs
	Bound  time.Duration // Config.OutageBound; 0: the default
}

// Cases are what is measured: shorter and longer than StaleBound, and longer for
// those who let L2 answer meanwhile.
func Cases(length time.Duration) []Case {
	return []Case{
		{Name: "for 0.7 s", Length: 700 * time.Millisecond},
		{Name: fmt.Sprintf("for %v", length), Length: length},
		{Name: fmt.Sprintf("for %v, `OutageBound: 30 * time.Second`", length), Length: length, Bound: 30 * time.Second},
	}
}

// request is one of them, on the clock of its scene.
type request struct {
	wave        int
	began, took time.Duration
	err         error
}

// scene is a case under way.
type scene struct {
	Case
	server *mcserver.Server
	here   *process // takes the requests
	feeder *process // loads what the requests then find in the shared tier only
	fed    chan string
	began  time.Time

	group    sync.WaitGroup
	coming   sync.WaitGroup // requests that have not ended
	waves    int
	mu       sync.Mutex
	requests []request
}

// Watch plays c on a memcached of its own: it is well for length, hangs, and is well
// again for length.
func Watch(ctx context.Context, c Case, server *mcserver.Server, length time.Duration) (h *Hang, err error) {
	s := &scene{Case: c, server: server, fed: make(chan string, parallel), began: time.Now()}
	if s.here, err = open(server.Addr(), func(cfg *memo.Config) { cfg.OutageBound = c.Bound }); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.here.close()) }()
	if s.feeder, err = open(server.Addr(), nil); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.feeder.close()) }()
	ctx, enough := context.WithCancel(ctx)
	defer s.group.Wait()
	defer s.coming.Wait()
	defer enough()
	for feeder := range 4 {
		s.group.Go(func() { s.feed(ctx, feeder) })
	}
	return s.play(ctx, length)
}

// moment is a reading of the clock and the counters.
type moment struct {
	at    time.Duration
	total memo.Counts
}

func (s *scene) moment() moment { return moment{time.Since(s.began), s.here.Snapshot().Total} }

func (s *scene) play(ctx context.Context, length time.Duration) (*Hang, error) {
	s.come(ctx, 2500*time.Millisecond) // a new process does not trust all that it hears for a while
	well := s.moment()
	s.come(ctx, length)
	hung := s.moment()
	s.wave(ctx) // under way when the server stops
	if err := s.server.Pause(); err != nil {
		return nil, err
	}
	s.come(ctx, s.Length)
	back := s.moment()
	if err := s.server.Resume(); err != nil {
		return nil, err
	}
	up := make(chan time.Duration, 1)
	s.group.Go(func() { up <- s.recovers(ctx, length, back.total.L3) })
	s.come(ctx, length)
	end := s.moment()
	reads := <-up
	s.coming.Wait()

	s.mu.Lock()
	defer s.mu.Unlock()
	h := &Hang{
		Name: s.Name, Reads: millis(reads),
		Well: s.phase(well, hung), Hung: s.phase(hung, back), Back: s.phase(back, end),
		First: s.phase(hung, moment{at: hung.at + 600*time.Millisecond, total: hung.total}),
	}
	h.Normal = s.normal(back.at, h.Well.P50)
	return h, ctx.Err()
}

// come lets requests come for d.
func (s *scene) come(ctx context.Context, d time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end) && ctx.Err() == nil; <-tick.C {
		s.wave(ctx)
	}
}

// wave is requests that come at once.
func (s *scene) wave(ctx context.Context) {
	wave := s.waves
	s.waves++
	for i := range parallel {
		rare := memo.Key("rare", "unfed", wave, i)
		select {
		case rare = <-s.fed:
		default: // the feeder is behind: one that has to be loaded
		}
		s.coming.Go(func() {
			r := request{wave: wave, began: time.Since(s.began)}
			r.err = s.request(ctx, i, rare)
			r.took = time.Since(s.began) - r.began
			s.mu.Lock()
			defer s.mu.Unlock()
			s.requests = append(s.requests, r)
		})
	}
}

// request reads four keys that are in this process as a rule, and one that never is.
func (s *scene) request(ctx context.Context, i int, rare string) error {
	ctx, end := s.here.Begin(context.WithoutCancel(ctx))
	defer end()
	for n := range 5 {
		key, opts := memo.Key("hot", (i+n*hot/4)%hot), []memo.Option{memo.TTL(hotTTL)}
		if n == 2 {
			key, opts = rare, nil
		}
		if _, err := memo.Do(ctx, key, query(slow), opts...); err != nil {
			return err
		}
	}
	return nil
}

// feed loads keys ahead of the requests.
func (s *scene) feed(ctx context.Context, feeder int) {
	for i := 0; ctx.Err() == nil; i++ {
		key := memo.Key("rare", feeder, i)
		if err := s.feeder.read(key, 0); err != nil {
			return
		}
		select {
		case s.fed <- key:
		case <-ctx.Done():
		}
	}
}

// recovers returns when reads have used the shared tier again, after the return of
// the server.
func (s *scene) recovers(ctx context.Context, within time.Duration, before uint64) time.Duration {
	began := time.Now()
	for s.here.Snapshot().Total.L3 == before && time.Since(began) < within && wait(ctx, time.Millisecond) {
	}
	return time.Since(began)
}
