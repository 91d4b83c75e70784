package tiertest_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// memory_test.go is what befalls the Nodes of a Memory (time, Flush, Restart,
// Evict), and what of that is as in memcached.

func TestItemsLiveForTheirTTL(t *testing.T) {
	t.Parallel()
	const ttl = 90 * time.Millisecond
	for name, store := range map[string]func(t *testing.T, n tier.Node){
		"Add": func(t *testing.T, n tier.Node) { add(t, n, "k", "1", ttl) },
		"CompareAndSwap": func(t *testing.T, n tier.Node) {
			was := add(t, n, "k", "0", time.Millisecond)
			ok(t, n.CompareAndSwap(t.Context(), "k", was.CAS, []byte("1"), ttl))
		},
		"Touch to later": func(t *testing.T, n tier.Node) {
			was := add(t, n, "k", "1", time.Millisecond)
			ok(t, n.Touch(t.Context(), "k", ttl))
			if now := get(t, n, "k"); now.CAS != was.CAS {
				t.Errorf("Touch changed the CAS id from %d to %d", was.CAS, now.CAS)
			}
		},
		"Touch to sooner": func(t *testing.T, n tier.Node) {
			add(t, n, "k", "1", tier.NoExpiry)
			ok(t, n.Touch(t.Context(), "k", ttl))
		},
		"Incr keeps it": func(t *testing.T, n tier.Node) {
			add(t, n, "k", "9", ttl+time.Second)
			time.Sleep(time.Second)
			if sum, err := n.Incr(t.Context(), "k", 1); sum != 10 || err != nil {
				t.Errorf("Incr: %d, %v", sum, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := tiertest.NewMemory()
				n := m.Nodes()[0]
				store(t, n)
				time.Sleep(ttl - 1)
				if !get(t, n, "k").Found() || len(m.Keys()) != 1 {
					t.Fatalf("expired early; keys %q", m.Keys())
				}
				time.Sleep(time.Nanosecond)
				if keys := m.Keys(); len(keys) != 0 || get(t, n, "k").Found() {
					t.Errorf("still there; keys %q", keys)
				}
			})
		})
	}
}

func TestAnExpiredItemIsAbsent(t *testing.T) {
	t.Parallel()
	want := map[string]error{
		"GetMulti": nil, "Add": nil, "CompareAndSwap": tier.ErrNotFound, "CompareAndDelete": tier.ErrNotFound,
		"Incr": tier.ErrNotFound, "Touch": tier.ErrNotFound, "Delete": nil,
	}
	for method, call := range methods {
		synctest.Test(t, func(t *testing.T) {
			n := memory()
			add(t, n, "k", "1", time.Second)
			time.Sleep(time.Second)
			if err := call(t.Context(), n, "k"); err != want[method] {
				t.Errorf("%s: got %v, want %v", method, err, want[method])
			}
			if method != "Add" && get(t, n, "k").Found() {
				t.Errorf("%s brought the item back", method)
			}
		})
	}
}

func TestNoExpiryOutlivesUsAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := memory()
		add(t, n, "ever", "1", tier.NoExpiry)
		add(t, n, "long", "1", tier.NoExpiry-1)
		add(t, n, "touched", "1", time.Second)
		ok(t, n.Touch(t.Context(), "touched", tier.NoExpiry))
		time.Sleep(100 * 365 * 24 * time.Hour)
		for _, key := range []string{"ever", "long", "touched"} {
			if !get(t, n, key).Found() {
				t.Errorf("%q is gone", key)
			}
		}
	})
}

func TestExpiredItemsDoNotPileUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := tiertest.NewMemory()
		n := m.Nodes()[0]
		for i := range 5_000 {
			ok(t, n.Add(t.Context(), fmt.Sprint("k", i), nil, 100*time.Millisecond))
			time.Sleep(time.Millisecond)
		}
		if held := tiertest.Held(m); held > 2000 {
			t.Errorf("100 items are alive and %d are held", held)
		}
	})
}

func TestCASIdsGoOnOverFlush(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory("a", "b")
	a, b := m.Nodes()[0], m.Nodes()[1]
	last := uint64(0)
	for i := range 100 {
		item := add(t, a, fmt.Sprint("k", i), "v", time.Minute)
		if item.CAS <= last {
			t.Fatalf("CAS %d follows %d", item.CAS, last)
		}
		last = item.CAS
	}
	if item := add(t, b, "k", "v", time.Minute); item.CAS != 1 {
		t.Errorf("the first CAS id of one Node is %d, want 1 whatever the other did", item.CAS)
	}

	m.Flush()
	if keys := m.Keys(); len(keys) != 0 {
		t.Errorf("Flush left %q", keys)
	}
	if item := add(t, a, "k0", "v", time.Minute); item.CAS <= last {
		t.Errorf("CAS %d follows %d over a Flush", item.CAS, last)
	}
}

// As in memcached: this is why the readers of an item compare an epoch in it
// and do not rely on CAS alone.
func TestAfterRestartAnOldCASIdHitsANewItem(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory()
	n := m.Nodes()[0]
	before := add(t, n, "k", "before", time.Minute)

	m.Restart()
	if get(t, n, "k").Found() {
		t.Error("an item survived the restart")
	}
	after := add(t, n, "k", "after", time.Minute)
	if after.CAS != 1 || before.CAS != after.CAS {
		t.Fatalf("CAS ids before %d and after %d, want 1 and 1", before.CAS, after.CAS)
	}
	ok(t, n.CompareAndSwap(t.Context(), "k", before.CAS, []byte("stale"), time.Minute))
	if got := get(t, n, "k"); string(got.Value) != "stale" {
		t.Errorf("the item is %q, want the stale value in it", got.Value)
	}
}

func TestEvictAndKeysSeeAllNodes(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory("a", "b")
	for _, n := range m.Nodes() {
		add(t, n, "counter", "1", time.Minute)
		add(t, n, "log", "1", time.Minute)
	}
	for i, key := range []string{"z", "y", "x"} {
		add(t, m.Nodes()[i%2], key, "1", time.Minute)
	}
	if got, want := m.Keys(), []string{"counter", "log", "x", "y", "z"}; !slices.Equal(got, want) {
		t.Errorf("Keys() = %q, want %q", got, want)
	}
	m.Evict("counter", "y", "none")
	if got, want := m.Keys(), []string{"log", "x", "z"}; !slices.Equal(got, want) {
		t.Errorf("after Evict, Keys() = %q, want %q", got, want)
	}
	for _, n := range m.Nodes() {
		if get(t, n, "counter").Found() {
			t.Errorf("%s still has the counter", n.Name())
		}
	}
}

func names(m *tiertest.Memory) (names []string) {
	for _, n := range m.Nodes() {
		names = append(names, n.Name())
	}
	return names
}

func TestNewMemoryHasANodeForEachName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ given, want []string }{
		{nil, []string{"memory"}},
		{[]string{"b", "a"}, []string{"b", "a"}},
		{[]string{"a", "b", "a"}, []string{"a", "b"}},
	} {
		if got := names(tiertest.NewMemory(test.given...)); !slices.Equal(got, test.want) {
			t.Errorf("NewMemory(%q) has %q, want %q", test.given, got, test.want)
		}
	}
}

func TestWhatBefallsOneServerOfSeveral(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory("a", "b", "c")
	for _, n := range m.Nodes() {
		add(t, n, n.Name(), "1", time.Minute)
	}
	if got, want := m.Only("b", "c", "b").Keys(), []string{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("the keys of two are %q, want %q", got, want)
	}
	if got, want := names(m.Only("b", "c", "b")), []string{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("the part has %q, want %q", got, want)
	}
	m.Only("a").Flush()
	m.Only("b").Restart()
	if got, want := m.Keys(), []string{"c"}; !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
	for name, want := range map[string]uint64{"a": 2, "b": 1, "c": 2} {
		n := m.Nodes()[slices.Index(names(m), name)]
		if item := add(t, n, "next", "1", time.Minute); item.CAS != want {
			t.Errorf("the next CAS id of %s is %d, want %d", name, item.CAS, want)
		}
	}
}

func TestANameThatIsNotThereIsAMistake(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory("a")
	for method, call := range map[string]func(){
		"Only": func() { m.Only("b") }, "List": func() { m.List("b") }, "Change": func() { m.List("a").Change("a", "b") },
	} {
		func() {
			defer func() {
				if p := recover(); p != `tiertest: this Memory has no Node called "b"` {
					t.Errorf("%s: panic %v", method, p)
				}
			}()
			call()
		}()
	}
}

// Where names are given there may be Lists that differ.
func TestOnlyTheMemoryWithoutNamesIsFixed(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory("a")
	for name, test := range map[string]struct {
		s    tier.Shared
		want bool
	}{
		"no name": {tiertest.NewMemory(), true}, "a name": {m, false}, "a List": {m.List("a"), false}, "a part": {tiertest.NewMemory().Only("memory"), false},
		"faults before none": {tiertest.NewFaulty(tiertest.NewMemory()), true}, "faults before a name": {tiertest.NewFaulty(m), false},
	} {
		if got := test.s.Fixed(); got != test.want {
			t.Errorf("%s: Fixed is %v", name, got)
		}
	}
}
