package main

// fleet.go starts the service twice, as two machines would: each instance has a
// cache, a server and a port of its own, and what they share is the database and
// the shared tier.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// A service leaves these times at their defaults, which are shorter. Here two
// instances, a crowd of clients and the shared tier compete for the processors
// of one machine: on a busy one they would take each other for slow, and go on
// alone.
const (
	staleBound = 3 * time.Second // how old an answer of B may be
	unhurried  = 2 * time.Second // for one operation of the shared tier
)

// newHandler is newShop, or what a test puts in its place.
type newHandler func(*memo.Cache, *database) http.Handler

type fleet struct {
	db   *database
	a, b *instance
}

func startFleet(shared *sharedTier, shop newHandler) (*fleet, error) {
	db := newDatabase()
	// A service has a fixed prefix, such as "bookshop". This one is new in every
	// run: the memcached may be somebody's, and the story begins with cold caches.
	prefix := fmt.Sprintf("quickstart-%08x", rand.Uint32())
	a, err := startInstance("A", prefix, shared, db, shop)
	if err != nil {
		return nil, err
	}
	b, err := startInstance("B", prefix, shared, db, shop)
	if err != nil {
		return nil, errors.Join(err, a.stop())
	}
	return &fleet{db, a, b}, nil
}

func (f *fleet) stop() error { return errors.Join(f.a.stop(), f.b.stop()) }

type instance struct {
	name    string
	address string
	cache   *memo.Cache
	server  *http.Server
	served  chan error // what Serve returned
}

func startInstance(name, prefix string, shared *sharedTier, db *database, shop newHandler) (*instance, error) {
	tier, err := shared.connect()
	if err != nil {
		return nil, err
	}
	cache, err := memo.New(memo.Config{
		Name:   name,
		Prefix: prefix,
		Shared: tier,
		Logger: slog.New(slog.DiscardHandler), // the story says what the log would

		StaleBound:   staleBound,
		ReadTimeout:  unhurried,
		WriteTimeout: unhurried / 2,
	}, memo.TTL(time.Minute))
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, cache.Close(context.Background()))
	}
	i := &instance{
		name:    name,
		address: listener.Addr().String(),
		cache:   cache,
		server:  &http.Server{Handler: shop(cache, db), ReadHeaderTimeout: 5 * time.Second},
		served:  make(chan error, 1),
	}
	go func() { i.served <- i.server.Serve(listener) }()
	return i, nil
}

// pending is how many invalidations wait for the shared tier.
func (i *instance) pending() int { return i.cache.Snapshot().Nodes[0].Pending }

// stop ends the server before the cache: its last requests still use it. The
// context is a new one, since it runs after Ctrl-C, too.
func (i *instance) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := i.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, i.server.Close())
	}
	if served := <-i.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return errors.Join(err, i.cache.Close(ctx))
}
