package lru_test

import (
	"fmt"
	"math"
	"math/rand"
	"strconv"
	"testing"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// TestHitRatioIsThatOfAnExactLRU runs traces through the Cache, whose hits
// mostly do not reorder and whose keys fall on several shards, and through one
// exact list of the same size.
func TestHitRatioIsThatOfAnExactLRU(t *testing.T) {
	t.Parallel()
	const keys = 8000
	for name, trace := range map[string][]string{
		"zipf":          zipf(keys, 0),
		"zipf and scan": zipf(keys, 3_000),
	} {
		for _, percent := range []int{1, 10, 50} {
			t.Run(fmt.Sprintf("%s/%d%%", name, percent), func(t *testing.T) {
				t.Parallel()
				size := keys * percent / 100
				got, want := ratio(size, trace), exactRatio(t, size, trace)
				t.Logf("%.2f %% hits, exact LRU %.2f %%", 100*got, 100*want)
				if math.Abs(got-want) > 0.01 {
					t.Errorf("%.2f %% hits, exact LRU %.2f %%: more than a point apart", 100*got, 100*want)
				}
			})
		}
	}
}

// zipf is 12 000 draws over keys. After each scan of them, unless scan is 0, come
// an eighth as many new keys as there are, in a row, each asked for once.
func zipf(keys uint64, scan int) []string {
	rnd := rand.New(rand.NewSource(1))
	draw := rand.NewZipf(rnd, 1.05, 1, keys-1)
	var trace []string
	once := 0
	for i := range 12_000 {
		trace = append(trace, strconv.FormatUint(draw.Uint64(), 10))
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
	c, e, hits := lru.New(size), &tier.Entry{}, 0
	for _, key := range trace {
		if c.Get(key) != nil {
			hits++
		} else {
			c.Set(key, e)
		}
	}
	return float64(hits) / float64(len(trace))
}

func exactRatio(t *testing.T, size int, trace []string) float64 {
	list, err := simplelru.NewLRU[string, struct{}](size, nil)
	if err != nil {
		t.Fatal(err)
	}
	hits := 0
	for _, key := range trace {
		if _, ok := list.Get(key); ok {
			hits++
		} else {
			list.Add(key, struct{}{})
		}
	}
	return float64(hits) / float64(len(trace))
}
