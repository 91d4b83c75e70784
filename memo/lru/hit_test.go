package lru_test

// What a hit costs: no lock, one write in a long time, no allocation.

import (
	"strconv"
	"testing"

	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// TestGetWaitsForNoLock hits, and misses, while all locks are held; the hits are the first ones
// of their entries.
func TestGetWaitsForNoLock(t *testing.T) {
	t.Parallel()
	c := lru.New(4096)
	for i := range 4096 {
		set(c, strconv.Itoa(i), nil)
	}
	lru.Locked(c, func() {
		for i := range 8192 {
			c.Get(strconv.Itoa(i))
			c.Peek(strconv.Itoa(i))
		}
	})
}

func TestAGetIsNotedAndAPeekIsNot(t *testing.T) {
	t.Parallel()
	c := lru.New(100)
	e := set(c, "a", nil)
	before := e.Local
	c.Peek("a")
	if e.Local != before {
		t.Error("a Peek was noted")
	}
	c.Get("a")
	if e.Local == before {
		t.Error("a Get was not noted")
	}
}

func TestAllocations(t *testing.T) {
	const size = 2000
	c := lru.New(size)
	keys := make([]string, 4*size)
	for i := range keys {
		keys[i] = "user:" + strconv.Itoa(i)
		set(c, keys[i], nil)
	}
	ids := []string{"7999", "7998", "absent"}
	last, entries := &tier.Entry{Key: keys[len(keys)-1]}, make([]*tier.Entry, len(keys))
	for i := range entries {
		entries[i] = &tier.Entry{Key: keys[i]}
	}
	n, hits := 0, 0
	hit := func(e *tier.Entry) {
		if e != nil {
			hits++
		}
	}
	for _, test := range []struct {
		name string
		most float64
		run  func()
	}{
		{"Get", 0, func() { hit(c.Get(keys[len(keys)-1-n%100])) }},
		{"Get of a key built for the call", 0, func() { hit(c.Get("user:" + ids[n%len(ids)])) }},
		{"Peek of a key built for the call", 0, func() { hit(c.Peek("user:" + ids[n%len(ids)])) }},
		{"Set that replaces", 0, func() { c.Set(last.Key, last) }},
		{"Delete of an absent key", 0, func() { c.Delete("absent") }},
		{"Set of a new key at capacity", 0, func() { c.Set(keys[n%len(keys)], entries[n%len(keys)]) }},
	} {
		if got := testing.AllocsPerRun(3000, func() { n++; test.run() }); got > test.most {
			t.Errorf("%s allocates %v times, want at most %v", test.name, got, test.most)
		}
	}
	if hits < 6000 {
		t.Errorf("only %d hits: this measured misses", hits)
	}
}
