package flight_test

import (
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
)

func TestGlance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		meanwhile func(g *flight.Group[int])
		kept      bool
	}{
		{"nothing", func(*flight.Group[int]) {}, true},
		{"a read of the key", func(g *flight.Group[int]) { g.Watch("k").Release() }, true},
		{"an invalidation of another key", func(g *flight.Group[int]) { g.Invalidate(flight.Always, func() {}, "j") }, true},
		{"an invalidation", func(g *flight.Group[int]) { g.Invalidate(flight.Always, func() {}, "k") }, false},
		{"an invalidation of all", func(g *flight.Group[int]) { g.InvalidateAll(flight.Always, func() {}) }, false},
		{"a write", func(g *flight.Group[int]) { g.Claim("k").Release() }, false},
	} {
		g, kept := flight.New[int](), false
		var look flight.Glance[int]
		if !g.Glance(&look, "k") || !g.Busy("k") {
			t.Fatal("nothing goes on with the key, and nobody may look at it")
		}
		if g.Glance(new(flight.Glance[int]), "k") {
			t.Error("two look at the key, each alone")
		}
		test.meanwhile(g)
		if end := look.End(func() { kept = true }); kept != test.kept || end != kept {
			t.Errorf("%s came in between: kept is %v, want %v", test.name, kept, test.kept)
		}
		if g.Busy("k") || !look.Free() {
			t.Errorf("%s came in between: the key is not free after the End", test.name)
		}
	}
}

func TestGlanceThatPanicsFreesItsKey(t *testing.T) {
	t.Parallel()
	g := flight.New[int]()
	func() {
		defer func() { _ = recover() }()
		var look flight.Glance[int]
		g.Glance(&look, "k")
		look.End(func() { panic("in a process tier") })
	}()
	if g.Busy("k") {
		t.Error("the key is not free")
	}
}

func TestNobodyGlancesWhereSomethingGoesOn(t *testing.T) {
	t.Parallel()
	g := flight.New[int]()
	write := g.Claim("k")
	if g.Glance(new(flight.Glance[int]), "k") {
		t.Fatal("beside a write")
	}
	write.Release()
	if err := g.Drain(t.Context()); err != nil || g.Glance(new(flight.Glance[int]), "k") {
		t.Error("after Drain", err)
	}
}

// A load that begins beside a look outlives it in the same place.
func TestLoadBesideAGlance(t *testing.T) {
	t.Parallel()
	g := flight.New[int]()
	var look flight.Glance[int]
	if !look.Free() {
		t.Error("the room of a look that was not begun is somebody's")
	}
	g.Glance(&look, "k")
	if look.Free() {
		t.Error("the room of a look is nobody's before its End")
	}
	write := g.Claim("k")
	look.End(nil)
	if !g.Busy("k") {
		t.Error("the end of the look is the end of the write")
	}
	if look.Free() {
		t.Error("the room of the look is nobody's, and the write is noted there")
	}
	if write.Release(); g.Busy("k") {
		t.Error("the key is not free")
	}
}

func TestDrainWaitsForAGlance(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		begin := time.Now()
		var look flight.Glance[int]
		g.Glance(&look, "k")
		time.AfterFunc(time.Second, func() { look.End(nil) })
		mustEqual(t, "error", g.Drain(t.Context()), nil)
		mustEqual(t, "took", time.Since(begin), time.Second)
	})
}
