package memcached

// resolver.go keeps the list of servers up to date where Config.Resolve says
// which there are: one goroutine, which asks again and again until Close.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	defaultResolveEvery = 30 * time.Second
	leastResolveEvery   = time.Second      // also the first pause after a failure
	resolveTimeout      = 10 * time.Second // for one call; by default resolv.conf makes two tries of five seconds
)

var errUnresolved = errors.New("memcached: Config.Resolve has not answered yet")

// resolver is what asks. An answer is used as a whole or not at all, and after
// one that is not the list stays as it was: who cannot be asked has not said that
// the servers are gone, and each that left the list would take its keys along.
type resolver struct {
	ask     func(context.Context) ([]string, error)
	every   time.Duration
	members *members
	stop    context.CancelFunc
	running sync.WaitGroup

	mu  sync.Mutex
	err error // of the last call; nil: it was good
}

// resolve starts the goroutine. The first call is made at once, and not waited
// for: an application starts while its name server does not.
func resolve(cfg Config, m *members) *resolver {
	ctx, stop := context.WithCancel(context.Background())
	r := &resolver{ask: cfg.Resolve, every: cfg.ResolveEvery, members: m, stop: stop, err: errUnresolved}
	r.running.Go(func() { r.run(ctx) })
	return r
}

func (r *resolver) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

func (r *resolver) wait() { r.running.Wait() }

// run asks every so often, and sooner after a failure: after a second, two, four.
func (r *resolver) run(ctx context.Context) {
	pause := leastResolveEvery
	for ctx.Err() == nil {
		err := r.once(ctx)
		if ctx.Err() != nil {
			return // what was said since is of no interest
		}
		r.mu.Lock()
		r.err = err
		r.mu.Unlock()
		next := r.every
		if err != nil {
			next = min(pause, r.every)
			pause = min(2*pause, r.every)
		} else {
			pause = leastResolveEvery
		}
		sleep(ctx, next)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// once makes one call and uses its answer.
func (r *resolver) once(ctx context.Context) error {
	servers, err := r.call(ctx)
	if err == nil && len(servers) == 0 {
		err = errors.New("the answer has no server")
	}
	if err == nil {
		servers = slices.Clone(servers) // the application's
		slices.Sort(servers)            // one order for one set: Nodes changes only if the set does
		err = r.members.become(slices.Compact(servers))
	}
	if err != nil {
		return fmt.Errorf("memcached: Config.Resolve: %w", err)
	}
	return nil
}

// call runs the application's function on a goroutine of its own. A panic in it is
// an error, for nobody above us could recover it, and a cache that has its servers
// is no reason to end the process. So is a runtime.Goexit, which would end run.
func (r *resolver) call(ctx context.Context) (servers []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	err = errors.New("the function ended its goroutine")
	var call sync.WaitGroup
	call.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		servers, err = r.ask(ctx)
	})
	call.Wait()
	return servers, err
}
