package memcached_test

// hostile_test.go: how much a server can make a process hold, and a server that
// has no connections left.

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Not parallel: it counts what the whole process allocates. gomemcache alone
// takes 4 GiB for the first reply, and all that the server likes for the last.
func TestAServerCannotMakeAProcessHoldMoreThanWasAskedFor(t *testing.T) {
	largest := "VALUE k 0 1048064 7\r\n" + strings.Repeat("x", 1<<20-512) + "\r\n"
	for name, text := range map[string]string{
		"4 GiB announced":              "VALUE k 0 4294967295 7\r\n",
		"64 MiB announced":             "VALUE k 0 67108864 7\r\n",
		"a byte more than MaxItemSize": "VALUE k 0 1048065 7\r\n",
		"item after item":              largest,
	} {
		reply := []byte(text)
		addr := onLoopback(t, func(_ int, p *peer) {
			p.line()
			for sent := 0; sent < 40<<20; sent += len(reply) {
				if _, err := p.Write(reply); err != nil {
					return
				}
			}
		})
		_, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long})
		for _, op := range []string{"GetMulti of one", "GetMulti of many"} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := operations(n)[op](t.Context(), "k")
			runtime.ReadMemStats(&after)
			if err == nil || tier.IsAnswer(err) {
				t.Errorf("%s: %s: %v", name, op, err)
			}
			if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 8 {
				t.Errorf("%s: %s allocated %d MiB", name, op, got)
			}
		}
	}
}

// The limit is what Config says, and the largest value is within it.
func TestMaxItemSizeHoldsForWhatIsRead(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	_, large := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long})
	_, small := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long, MaxItemSize: 1000})
	must(t, large.Add(t.Context(), "fits", make([]byte, 1000), time.Minute))
	must(t, large.Add(t.Context(), "canary", make([]byte, 1001), time.Minute))
	if got := get(t, small, "fits"); len(got.Value) != 1000 {
		t.Errorf("%d bytes came back", len(got.Value))
	}
	items := make([]tier.Item, 2)
	err := small.GetMulti(t.Context(), []string{"fits", "canary"}, items)
	if err == nil || tier.IsAnswer(err) || !strings.Contains(err.Error(), "a value of 1001 bytes, more than Config.MaxItemSize (1000)") || strings.Contains(err.Error(), "canary") {
		t.Errorf("a value over MaxItemSize: %v", err)
	}
	if items[0].Found() || items[1].Found() {
		t.Error("an item beside the error")
	}
	must(t, small.Delete(t.Context(), "canary"))
}

// memcached refuses what is over its -c with a line and an end. MaxConns keeps
// below it.
func TestMaxConnsKeepsBelowTheServersLimit(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t, "-c", "24", "-t", "1") // a few of which are its own
	_, n := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long, MaxConns: 8})
	var group sync.WaitGroup
	for range 200 {
		group.Go(func() { served(t, n.Ping(t.Context())) })
	}
	group.Wait()
}
