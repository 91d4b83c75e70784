package lru_test

import (
	"container/list"
	"fmt"
	"math/rand"
	"strconv"
	"testing"

	"github.com/tiermemo/tiermemo/memo/lru"
)

// TestHitRatioIsAboveThatOfAnExactLRU runs traces through the Cache, and through one exact list
// of the same size.
func TestHitRatioIsAboveThatOfAnExactLRU(t *testing.T) {
	t.Parallel()
	const keys = 8000
	for _, test := range []struct {
		name  string
		trace []string
		more  map[int]float64 // by the room in percent: where there is much it hardly matters who leaves
	}{
		{"zipf", zipf(keys, 0, 0), map[int]float64{1: 0.05, 10: 0.02, 50: -0.005}},
		{"zipf and scan", zipf(keys, 3_000, 0), map[int]float64{1: 0.05, 10: 0.02, 50: -0.005}},
		{"drift", zipf(keys, 0, 50), map[int]float64{1: 0.02, 10: -0.005, 50: -0.005}},
	} {
		for percent, more := range test.more {
			t.Run(fmt.Sprintf("%s/%d%%", test.name, percent), func(t *testing.T) {
				t.Parallel()
				size := keys * percent / 100
				got, exact := ratio(size, test.trace), exactRatio(size, test.trace)
				t.Logf("%.2f %% hits, exact LRU %.2f %%", 100*got, 100*exact)
				if got < exact+more {
					t.Errorf("%.2f %% hits, exact LRU %.2f %%: want %+.1f points", 100*got, 100*exact, 100*more)
				}
			})
		}
	}
}

// TestAScanDisplacesLittle reads ten times as many keys once as there is room for, and then asks
// again for what was in use.
func TestAScanDisplacesLittle(t *testing.T) {
	t.Parallel()
	for _, size := range []int{10, 100, 5000} {
		c := lru.New(size)
		for range 2 {
			for i := range size / 2 {
				if key := strconv.Itoa(i); c.Get(key) == nil {
					set(c, key, nil)
				}
			}
		}
		for i := range 10 * size {
			set(c, "scan "+strconv.Itoa(i), nil)
		}
		stayed := 0
		for i := range size / 2 {
			if c.Peek(strconv.Itoa(i)) != nil {
				stayed++
			}
		}
		if stayed < size/2*9/10 {
			t.Errorf("size %d: of %d keys in use %d stayed", size, size/2, stayed)
		}
	}
}

// zipf is 12 000 draws over keys, which are other ones after each drift, unless that is 0. After each scan of them, unless scan is 0, come
// an eighth as many new keys as there are, in a row, each asked for once.
func zipf(keys uint64, scan, drift int) []string {
	rnd := rand.New(rand.NewSource(1))
	draw := rand.NewZipf(rnd, 1.05, 1, keys-1)
	var trace []string
	once := 0
	for i := range 12_000 {
		key := draw.Uint64()
		if drift > 0 {
			key = (key + uint64(i/drift)) % keys
		}
		trace = append(trace, strconv.FormatUint(key, 10))
		if scan > 0 && i%scan == scan-1 {
			for range keys / 8 {
				trace = append(trace, "scan "+strconv.Itoa(once))
				once++
			}
		}
	}
	return trace
}

func ratio(size int, trace []string) float64 {
	c, hits := lru.New(size), 0
	for _, key := range trace {
		if c.Get(key) != nil {
			hits++
		} else {
			set(c, key, nil)
		}
	}
	return float64(hits) / float64(len(trace))
}

func exactRatio(size int, trace []string) float64 {
	order, at, hits := list.New(), map[string]*list.Element{}, 0
	for _, key := range trace {
		if e := at[key]; e != nil {
			order.MoveToFront(e)
			hits++
			continue
		}
		if order.Len() == size {
			delete(at, order.Remove(order.Back()).(string))
		}
		at[key] = order.PushFront(key)
	}
	return float64(hits) / float64(len(trace))
}
