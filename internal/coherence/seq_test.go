package coherence_test

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/tiermemo/tiermemo/internal/coherence"
)

func TestEveryNumberOfAnEpochHas19Digits(t *testing.T) {
	t.Parallel()
	randoms := []uint64{0, 1, 1<<30 - 1, 1 << 30, 1<<31 - 1, 1 << 63, math.MaxUint64}
	for range 1000 {
		randoms = append(randoms, rand.Uint64())
	}
	for _, random := range randoms {
		begin := coherence.NewEpoch(random, 0)
		// incr on memcached writes over the item in place: a number that grew by a
		// digit would be another item.
		for _, n := range []uint64{begin, begin + math.MaxUint32} {
			if digits := strconv.FormatUint(n, 10); len(digits) != 19 {
				t.Errorf("NewEpoch(%#x): the number %s has %d digits, want 19", random, digits, len(digits))
			}
		}
		if coherence.Epoch(begin)>>30 != 1 {
			t.Errorf("NewEpoch(%#x) = %#x: not an epoch of 31 bits with the top one set", random, begin)
		}
		if begin<<32 != 0 {
			t.Errorf("NewEpoch(%#x) = %#x: does not begin to count at 0", random, begin)
		}
	}
}

func TestANewEpochIsNeverTheOldOne(t *testing.T) {
	t.Parallel()
	for _, random := range []uint64{0, 1, 2, 1<<30 - 1, 1<<30 - 2, math.MaxUint64, rand.Uint64()} {
		old := coherence.NewEpoch(random, 0) + 77
		next := coherence.NewEpoch(random, old)
		if coherence.SameEpoch(next, old) {
			t.Errorf("NewEpoch(%#x, %#x) is in the epoch that it replaces", random, old)
		}
		if coherence.Epoch(next)>>30 != 1 {
			t.Errorf("NewEpoch(%#x, %#x) = %#x: not an epoch of 31 bits with the top one set", random, old, next)
		}
	}
}

func TestEpochsAreDrawnFromAllOfTheRandomBits(t *testing.T) {
	t.Parallel()
	// Each of the 30 bits makes another epoch; what is above them does not matter.
	seen := map[uint64]bool{coherence.Epoch(coherence.NewEpoch(0, 0)): true}
	for bit := range 30 {
		seen[coherence.Epoch(coherence.NewEpoch(1<<bit, 0))] = true
	}
	if len(seen) != 31 {
		t.Errorf("no bit, and each of 30, make %d epochs, want 31", len(seen))
	}
	if a, b := coherence.NewEpoch(5, 0), coherence.NewEpoch(5|1<<40, 0); a != b {
		t.Errorf("bits beyond the epoch change it: %#x and %#x", a, b)
	}
}

func TestSameEpoch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		a, b uint64
		want bool
	}{
		{"its first and its last number", first, first + math.MaxUint32, true},
		{"two that follow each other", first + math.MaxUint32, first + math.MaxUint32 + 1, false},
		{"the same count of two epochs", first + 3, other + 3, false},
		{"nothing was read yet", 0, first, false},
	} {
		if got := coherence.SameEpoch(test.a, test.b); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
