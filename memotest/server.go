package memotest

import (
	"errors"
	"sync"
	"testing"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// This file is the fake memcached of a fleet, at the far end of every call.

var errStopped = errors.New("memotest: connection refused: the test has stopped the server")

// Server stands for memcached: a store in memory that answers as memcached does,
// until a test stops it. It is safe for concurrent use.
type Server struct {
	faulty *tiertest.Faulty
	memory *tiertest.Memory
	space  keys.Space

	mu    sync.Mutex
	start func() // nil: it runs
}

func newServer(t testing.TB, prefix string) *Server {
	t.Helper()
	space, err := keys.NewSpace(prefix)
	if err != nil {
		t.Fatalf("memotest: %v", err)
	}
	m := tiertest.NewMemory("memotest:11211")
	return &Server{memory: m, faulty: tiertest.NewFaulty(m), space: space}
}

// Stop makes every call fail at once, as a server that is down does. What it
// holds stays, as when only the network was gone; for a server that has lost it
// too, call Flush. Stopping a stopped server does nothing.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.start == nil {
		s.start = s.faulty.Inject(tiertest.Fault{Err: errStopped})
	}
}

// Start ends Stop. The processes find out by their next poll; see CatchUp.
func (s *Server) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.start != nil {
		s.start()
		s.start = nil
	}
}

// Stopped reports whether the server was stopped.
func (s *Server) Stopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.start != nil
}

// Flush makes the server forget everything, as one that was restarted.
func (s *Server) Flush() { s.memory.Flush() }

// Evict makes the server forget the values of keys, as one that is short of
// memory. What processes have in their own memory stays.
func (s *Server) Evict(keys ...string) {
	for _, key := range keys {
		s.memory.Evict(s.space.Value(key))
	}
}

// Inject makes the server slow, silent or lossy in the calls that fault picks,
// until remove is called. Of several that match a call, Stop among them, the one
// that began first hits it.
func (s *Server) Inject(fault tiertest.Fault) (remove func()) { return s.faulty.Inject(fault) }
