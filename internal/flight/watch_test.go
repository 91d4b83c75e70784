package flight_test

import (
	"testing"

	"github.com/tiermemo/tiermemo/internal/flight"
)

func TestWatchAlone(t *testing.T) {
	t.Parallel()
	g := flight.New[int]()
	keeps := func(c *flight.Call[int]) bool { return c.Keep(func() {}) }
	first := g.WatchAlone("k")
	if first == nil || !keeps(first) {
		t.Fatal("nothing goes on with the key, and nobody may watch it")
	}
	if g.WatchAlone("k") != nil {
		t.Error("two watch the key, each alone")
	}
	if g.WatchAlone("other") == nil {
		t.Error("nobody may watch another key")
	}
	g.Invalidate(flight.Always, func() {}, "k")
	if keeps(first) {
		t.Error("it keeps what was read before the invalidation")
	}
	first.Release()
	second := g.WatchAlone("k")
	if second == nil || !keeps(second) {
		t.Fatal("the key is not free after the Release")
	}
	second.Release()
	write := g.Claim("k")
	if g.WatchAlone("k") != nil {
		t.Error("alone beside a write")
	}
	write.Release()
	if err := g.Drain(t.Context()); err != nil || g.WatchAlone("k") != nil {
		t.Error("a watch began after Drain", err)
	}
}
