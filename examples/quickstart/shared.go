package main

// shared.go has the three things that can be the shared tier, behind one type:
// how an instance reaches it, and how it is made to hang.

import (
	"context"
	"errors"
	"fmt"

	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

type sharedTier struct {
	name    string
	address string                      // "" in memory
	connect func() (tier.Shared, error) // for one instance: its cache closes it
	hang    func() error                // nil: not ours to stop
	goOn    func() error                // ends hang
	close   func() error
}

func openShared(ctx context.Context, where string) (*sharedTier, error) {
	switch where {
	case "":
		return inMemory(), nil
	case "auto":
		return startMemcached()
	}
	return memcachedAt(ctx, where)
}

// inMemory is as good as a memcached for instances that share a process, and
// only for those.
func inMemory() *sharedTier {
	memory := tiertest.NewFaulty(tiertest.NewMemory())
	goOn := func() {}
	return &sharedTier{
		name:    "in memory",
		connect: func() (tier.Shared, error) { return memory, nil },
		hang:    func() error { goOn = memory.Inject(tiertest.Fault{Hang: true}); return nil },
		goOn:    func() error { goOn(); return nil },
		close:   func() error { return nil },
	}
}

// memcachedAt asks once whether anybody is there. A service would not: its cache
// works without the shared tier, and takes it into use when it answers. A story
// of three tiers cannot be told without it.
func memcachedAt(ctx context.Context, address string) (*sharedTier, error) {
	client, err := memcached.New(address)
	if err != nil {
		return nil, fmt.Errorf("-memcached %s: %w", address, err)
	}
	err = client.Nodes()[0].Ping(ctx)
	if err := errors.Join(err, client.Close()); err != nil {
		return nil, fmt.Errorf("-memcached %s: no memcached answers there: %w", address, err)
	}
	return &sharedTier{
		name:    "a memcached",
		address: address,
		connect: connectTo(address),
		close:   func() error { return nil },
	}, nil
}

// connectTo is memcached.New(address) for most services; see unhurried.
func connectTo(address string) func() (tier.Shared, error) {
	return func() (tier.Shared, error) {
		return memcached.NewFromConfig(memcached.Config{Servers: []string{address}, Timeout: unhurried})
	}
}
