//go:build unix

package main

// auto.go starts the memcached of -memcached auto, one of the three shared tiers
// of shared.go.

import (
	"errors"
	"fmt"

	"github.com/tiermemo/tiermemo/internal/mcserver"
)

func startMemcached() (*sharedTier, error) {
	server, err := mcserver.Start()
	if errors.Is(err, mcserver.ErrNotInstalled) {
		return nil, errors.New("-memcached auto: there is no memcached on PATH; " +
			"install it (apt-get install memcached, brew install memcached), or run quickstart without -memcached")
	}
	if err != nil {
		return nil, fmt.Errorf("-memcached auto: %w", err)
	}
	return &sharedTier{
		name:    "a memcached of its own",
		address: server.Addr(),
		connect: connectTo(server.Addr()),
		hang:    server.Pause,
		goOn:    server.Resume,
		close:   server.Close,
	}, nil
}
