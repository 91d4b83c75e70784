package lru_test

// What a hit costs: no lock, no write, no allocation; and where it does lock.

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// TestSecondHitMovesNothing shows the one way in which the order is not exact,
// and that a hit which was noted lately writes nothing.
func TestSecondHitMovesNothing(t *testing.T) {
	t.Parallel()
	const size = 800
	c := lru.New(size)
	for i := range size {
		c.Set(strconv.Itoa(i), &tier.Entry{})
	}
	c.Get("0")
	c.Get("1")
	c.Get("0") // in an exact LRU, 0 would now leave after 1
	for i := range size - 1 {
		c.Set("new "+strconv.Itoa(i), &tier.Entry{})
	}
	if c.Peek("0") != nil || c.Peek("1") == nil {
		t.Errorf("after all others left, 0 stayed is %v and 1 stayed is %v", c.Peek("0") != nil, c.Peek("1") != nil)
	}
}

// TestHitSoonAfterSetMovesNothing: to have been set is to have been used.
func TestHitSoonAfterSetMovesNothing(t *testing.T) {
	t.Parallel()
	const size = 800
	c := lru.New(size)
	for i := range size {
		c.Set(strconv.Itoa(i), &tier.Entry{})
	}
	c.Get("798")
	for i := range size - 1 {
		c.Set("new "+strconv.Itoa(i), &tier.Entry{})
	}
	if c.Peek("798") != nil || c.Peek("799") == nil {
		t.Errorf("after all others left, 798 stayed is %v and 799 stayed is %v", c.Peek("798") != nil, c.Peek("799") != nil)
	}
}

// TestGetWaitsForNoLock hits, and misses, while all locks are held; some of the
// hits would like to move their entry.
func TestGetWaitsForNoLock(t *testing.T) {
	t.Parallel()
	c := lru.New(4096)
	for i := range 4096 {
		c.Set(strconv.Itoa(i), &tier.Entry{})
	}
	lru.Locked(c, func() {
		for i := range 8192 {
			c.Get(strconv.Itoa(i))
			c.Peek(strconv.Itoa(i))
		}
	})
}

// TestExactOrderWaitsForTheLock is the other side: a small Cache notes each use.
func TestExactOrderWaitsForTheLock(t *testing.T) {
	t.Parallel()
	c := lru.New(7)
	c.Set("a", &tier.Entry{})
	done := make(chan struct{})
	lru.Locked(c, func() {
		go func() {
			defer close(done)
			c.Get("a")
		}()
		for range 10_000 {
			select {
			case <-done:
				t.Error("Get returned and cannot have noted the use")
				return
			default:
				runtime.Gosched()
			}
		}
	})
	<-done
}

func TestAllocations(t *testing.T) {
	const size = 2000
	c := lru.New(size)
	keys := make([]string, 4*size)
	for i := range keys {
		keys[i] = "user:" + strconv.Itoa(i)
		c.Set(keys[i], &tier.Entry{})
	}
	ids := []string{"7999", "7998", "absent"}
	e := &tier.Entry{}
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
		{"Set that replaces", 0, func() { c.Set(keys[len(keys)-1], e) }},
		{"Delete of an absent key", 0, func() { c.Delete("absent") }},
		{"Set of a new key at capacity", 3, func() { c.Set(keys[n%len(keys)], e) }},
	} {
		if got := testing.AllocsPerRun(3000, func() { n++; test.run() }); got > test.most {
			t.Errorf("%s allocates %v times, want at most %v", test.name, got, test.most)
		}
	}
	if hits < 6000 {
		t.Errorf("only %d hits: this measured misses", hits)
	}
}
