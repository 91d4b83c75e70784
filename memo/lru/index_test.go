package lru_test

import (
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// index_test.go is the table alone: what readers see while one writer changes it.

// cell is the history of one key of a table. Its odd changes put or replace, even ones delete.
type cell struct {
	key         string
	hash        uint64
	here        *tier.Entry
	begun, done atomic.Int64
}

func (c *cell) put(t *lru.Table) {
	n := c.begun.Add(1)
	c.here = &tier.Entry{Key: c.key, Value: n}
	t.Put(c.hash, c.here)
	c.done.Store(n)
}

// replace is two changes, of which nobody sees the first: the key was there all the time.
func (c *cell) replace(t *lru.Table) {
	n := c.begun.Add(2)
	next := &tier.Entry{Key: c.key, Value: n}
	t.Replace(c.hash, c.here, next)
	c.here = next
	c.done.Store(n)
}

func (c *cell) remove(t *lru.Table) {
	n := c.begun.Add(1)
	t.Delete(c.hash, c.here)
	c.here = nil
	c.done.Store(n)
}

// check fails where no instant of the read explains the answer. One that always is there must be
// found.
func (c *cell) check(t *testing.T, table *lru.Table, always bool) {
	first := c.done.Load()
	e := table.Find(c.hash, c.key)
	last := c.begun.Load()
	switch {
	case e == nil && (always || first == last && first%2 == 1):
		t.Errorf("%q was there during the whole read, and was not found", c.key)
	case e != nil && (e.Key != c.key || e.Value.(int64) < first || e.Value.(int64) > last):
		t.Errorf("read of %q between its changes %d and %d found %q, change %d", c.key, first, last, e.Key, e.Value)
	}
}

// TestTableIsReadWhileItChanges has readers look for keys that stay, that are replaced, and that
// come and go, in chains that grow and shrink, and in tables that are replaced by others. Crowded
// hashes have one print and one bucket.
func TestTableIsReadWhileItChanges(t *testing.T) {
	t.Parallel()
	for name, bits := range map[string]uint64{"spread": 1<<64 - 1, "one print": 1<<64 - 1 - 0x7f, "one bucket": 0xff} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := maphash.MakeSeed()
			hash := func(key string) uint64 { return maphash.String(seed, key) & bits }
			table, cells := lru.NewTable(3), make([]*cell, 90)
			for i := range cells {
				cells[i] = &cell{key: strconv.Itoa(i)}
				cells[i].hash = hash(cells[i].key)
			}
			stay, replaced, churn := cells[:15], cells[15:30], cells[30:]
			fill := func(rnd *rand.Rand) {
				c := churn[rnd.IntN(len(churn))]
				if c.here == nil {
					c.put(table)
				} else {
					c.remove(table)
				}
			}
			rnd := rand.New(rand.NewPCG(1, 1))
			for i, c := range cells[:30] { // among others that leave: they lie in all parts of the chains
				fill(rnd)
				c.put(table)
				if i%7 == 0 {
					fill(rnd)
				}
			}
			var readers sync.WaitGroup
			var reads atomic.Int64
			var stop atomic.Bool
			for range 2 {
				readers.Go(func() {
					for !stop.Load() {
						stay[rand.IntN(len(stay))].check(t, table, true)
						replaced[rand.IntN(len(replaced))].check(t, table, true)
						churn[rand.IntN(len(churn))].check(t, table, false)
						reads.Add(1)
					}
				})
			}
			for step := 0; step < 20_000 || reads.Load() < 5_000; step++ {
				switch {
				case step%2000 == 1999:
					table.Grow(1+rnd.IntN(20), hash)
				case step%3 == 0:
					replaced[rnd.IntN(len(replaced))].replace(table)
				default:
					fill(rnd)
				}
			}
			stop.Store(true)
			readers.Wait()
		})
	}
}

func TestAPrintWithoutItsEntry(t *testing.T) {
	t.Parallel()
	table := lru.NewTable(1)
	table.Half(7)
	if e := table.Find(7, "a"); e != nil {
		t.Errorf("found %v", e)
	}
}

// TestChainsEnd fills one bucket over and over: what it does not need any more leaves its chain.
func TestChainsEnd(t *testing.T) {
	t.Parallel()
	table, entries := lru.NewTable(1), make([]*tier.Entry, 40)
	for i := range entries {
		entries[i] = &tier.Entry{Key: strconv.Itoa(i)}
	}
	for range 20 {
		for i, e := range entries {
			table.Put(uint64(i), e)
		}
		if n := table.Chained(); n != 6 {
			t.Fatalf("%d entries have %d buckets beyond the first", len(entries), n)
		}
		for i, e := range entries {
			if table.Find(uint64(i), e.Key) != e {
				t.Fatalf("%s is not found", e.Key)
			}
			table.Delete(uint64(i), e)
			if table.Find(uint64(i), e.Key) != nil {
				t.Fatalf("%s is found, and was deleted", e.Key)
			}
		}
		if n := table.Chained(); n != 0 {
			t.Fatalf("an empty table has %d buckets beyond the first", n)
		}
	}
}
