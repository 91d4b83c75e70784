package fleet

// sample.go is what a worker needs of the machine at a moment, and what its cache
// has counted by then: in a long run neither may grow.

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/tiermemo/tiermemo/memo"
)

// A Sample is one reading of a process.
type Sample struct {
	Goroutines  int
	Descriptors int    // that are open, connections to memcached apart
	Connections int    // to all of memcached
	Heap        uint64 // bytes in use; after a collection, if that was asked for
	RSS         uint64 // bytes of memory that the process has
	Counts      memo.Counts
}

// Sample reads the worker's figures. collected makes it collect its garbage first, and
// give back to the system what is free.
func (c *commands) Sample(collected bool, s *Sample) error {
	if collected {
		// Thrice: a sync.Pool gives up what it holds at the second collection. After one, the
		// buffers of as many reads as there were at once counted as growth, 32 KB each; so does
		// that of a poll which runs meanwhile (see scenario's sample).
		runtime.GC()
		runtime.GC()
		debug.FreeOSMemory()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	connections := int(c.w.servers.open.Load())
	*s = Sample{
		Goroutines: runtime.NumGoroutine(), Descriptors: len(descriptors) - connections, Connections: connections,
		Heap: m.HeapAlloc, Counts: c.w.cache.Snapshot().Total,
	}
	s.RSS, err = resident()
	return err
}

// Tell changes the list of servers that the worker is given when it asks next.
func (c *commands) Tell(servers []string, _ *None) error {
	c.w.servers.tell(servers)
	return nil
}

// resident is what /proc says of the memory of this process.
func resident() (uint64, error) {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("fleet: %w", err)
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0, fmt.Errorf("fleet: /proc/self/statm reads %q", data)
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("fleet: /proc/self/statm: %w", err)
	}
	return pages * uint64(os.Getpagesize()), nil
}
