package memotest_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
	"github.com/tiermemo/tiermemo/memotest"
)

// server_test.go: what befalls the server, and what the processes of a fleet
// hear of one another.

func TestCatchUpWaitsForTheOthersInvalidations(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		a := memotest.New(t)
		b := a.Process()
		do(t, b, "k", 1)
		for v := 2; v < 5; v++ {
			if err := a.Invalidate(t.Context(), "k"); err != nil {
				t.Fatal(err)
			}
			b.CatchUp()
			if got := do(t, b, "k", v); got != v {
				t.Fatalf("after CatchUp the process has version %d, want %d", got, v)
			}
		}
		b.WantLoads("k", 4)
	})
}

func TestAStoppedServerAnswersNobody(t *testing.T) {
	eachWay(t, func(t *testing.T) {
		a := memotest.New(t)
		b := a.Process()
		a.Server.Stop()
		a.Server.Stop()
		if do(t, a, "k", 1) != 1 || do(t, b, "k", 2) != 2 || !a.Server.Stopped() {
			t.Error("two processes share a value by way of a stopped server")
		}
		if err := a.Invalidate(t.Context(), "k"); !errors.Is(err, memo.ErrDeferred) {
			t.Errorf("got %v, want %v", err, memo.ErrDeferred)
		}
		if do(t, a, "k", 3) != 3 {
			t.Error("an invalidated value is still served here")
		}
		b.Server.Start()
		b.Server.Start()
		a.CatchUp()
		b.CatchUp()
		if do(t, b, "k", 4) == 2 || a.Server.Stopped() {
			t.Error("after the server is back the other process has not heard of the invalidation")
		}
		if do(t, a, "shared", 5); do(t, b, "shared", 6) != 5 {
			t.Error("after CatchUp the server is not in use again")
		}
	})
}

func TestCatchUpGivesUpOnAStoppedServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		said := run(func(t testing.TB) {
			c := memotest.New(t)
			c.CatchUp()
			c.Server.Stop()
			c.CatchUp()
		})
		failsWith(t, said, "no poll reached the server within 10s; stopped: true")
	})
}

func TestTheServerForgets(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(s *memotest.Server){
		"Evict": func(s *memotest.Server) { s.Evict("k", "a key\nof odd bytes") },
		"Flush": func(s *memotest.Server) { s.Flush() },
	} {
		c := memotest.New(t)
		for _, key := range []string{"k", "a key\nof odd bytes", "other"} {
			do(t, c, key, 1)
		}
		forget(c.Server)
		fresh := c.Process()
		for key, want := range map[string]int{"k": 2, "a key\nof odd bytes": 2, "other": 1} {
			if name == "Flush" {
				want = 2
			}
			if got := do(t, fresh, key, 2); got != want {
				t.Errorf("after %s another process reads version %d of %q, want %d", name, got, key, want)
			}
		}
		if do(t, c, "k", 3) == 3 && name == "Evict" {
			t.Error("Evict emptied the memory of a process as well")
		}
	}
}

func TestFaultsAreInjected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := memotest.New(t)
		c.CatchUp()
		remove := c.Server.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Hang: true})
		begin := time.Now()
		do(t, c, "k", 1)
		if took := time.Since(begin); took != 100*time.Millisecond {
			t.Errorf("a read of a server that hangs took %v, want the ReadTimeout of 100ms", took)
		}
		remove()
		c.CatchUp()
	})
}
