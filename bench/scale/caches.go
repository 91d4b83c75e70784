package main

// caches.go is what is measured: caches, and the server that some of them share.

import (
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/memcached"
)

// user is the value where its size does not matter.
type user struct {
	ID   int
	Name string
}

const ada = "Ada Lovelace"

// process is a cache without a shared tier, with room for so many entries. Keys fall
// unevenly on the shards of the LRU, so it has a little more.
func process(entries int) (*memo.Cache, error) {
	return memo.New(memo.Config{Local: lru.New(entries + entries/8 + 1024), Logger: slog.New(slog.DiscardHandler)}, memo.TTL(time.Hour))
}

// server is a memcached, with a client that knows nothing of caches.
type server struct {
	*mcserver.Server
	raw *memcache.Client
}

func start() (*server, error) {
	s, err := mcserver.Start("-m", "1024")
	if err != nil {
		return nil, err
	}
	raw := memcache.New(s.Addr())
	raw.Timeout, raw.MaxIdleConns = patience, 64
	return &server{s, raw}, nil
}

func (s *server) close() error { return errors.Join(s.raw.Close(), s.Close()) }

// patience is what a busy machine may take: a read that was given up would be measured as
// a load.
const patience = 10 * time.Second

// cache is a process that shares s with nobody.
func (s *server) cache(prefix string) (*memo.Cache, error) {
	shared, err := memcached.NewFromConfig(memcached.Config{Servers: []string{s.Addr()}, Timeout: patience})
	if err != nil {
		return nil, err
	}
	return memo.New(memo.Config{
		Prefix: prefix, Shared: shared, Local: lru.New(50_000), Logger: slog.New(slog.DiscardHandler),
		ReadTimeout: patience, WriteTimeout: patience, StaleBound: time.Minute,
	}, memo.TTL(time.Hour))
}

// keysOf are n names that begin with kind.
func keysOf(kind string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = kind + strconv.Itoa(i)
	}
	return all
}
