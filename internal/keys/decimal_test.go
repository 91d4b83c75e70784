package keys

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestNumbersAreWrittenAsStrconvDoes(t *testing.T) {
	t.Parallel()
	numbers := []int64{0, 1, 9, 10, 99, 100, 101, 999, 1000, 9999, 10000, 10001, 99999, 100000, 999999, 1000000, 9999999, 10000000, 99999999, 100000000, 100000001, math.MaxInt64, math.MinInt64, -1, -10}
	for range 200_000 {
		numbers = append(numbers, rand.Int64()>>rand.IntN(64))
	}
	for n := range int64(20_000) {
		numbers = append(numbers, n)
	}
	for _, room := range []int{0, 7, 8, 40} {
		for _, n := range numbers {
			want := "user:" + strconv.FormatInt(n, 10)
			b := append(make([]byte, 0, len("user:")+room), "user:"...)
			if got := string(appendInt(b, n)); got != want {
				t.Fatalf("%q, want %q", got, want)
			}
		}
	}
}
