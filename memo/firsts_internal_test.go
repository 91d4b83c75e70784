package memo

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestFirstsAreThoseOfAMap(t *testing.T) {
	t.Parallel()
	for range 300 {
		keys := make([]string, 1+rand.IntN(200))
		for i := range keys {
			keys[i] = fmt.Sprint("user:", rand.IntN(2*len(keys)))
		}
		first, want := firstsOf(keys, len(keys)), map[string]int{}
		for range 2 { // the second time all are known
			for i, key := range keys {
				if _, again := want[key]; !again {
					want[key] = i
				}
				if got := first.of(i); got != want[key] {
					t.Fatalf("of %q at %d the first is %d, want %d", keys, i, got, want[key])
				}
			}
		}
	}
}
