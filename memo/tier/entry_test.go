package tier_test

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// entry_test.go is how an Entry lies in memory, and what it says of what it does not have.

// TestAHitLooksAtOneLine fails where somebody has put a field that no hit needs among those
// that each does, or has made the Entry larger than the allocator's class of 128 bytes.
func TestAHitLooksAtOneLine(t *testing.T) {
	t.Parallel()
	var e tier.Entry
	if size := unsafe.Sizeof(e); unsafe.Sizeof(uintptr(0)) == 8 && size > 128 {
		t.Errorf("an Entry takes %d bytes", size)
	}
	for name, end := range map[string]uintptr{
		"Key":     unsafe.Offsetof(e.Key) + unsafe.Sizeof(e.Key),
		"Value":   unsafe.Offsetof(e.Value) + unsafe.Sizeof(e.Value),
		"Local":   unsafe.Offsetof(e.Local) + unsafe.Sizeof(e.Local),
		"Early":   unsafe.Offsetof(e.Early) + unsafe.Sizeof(e.Early),
		"Checked": unsafe.Offsetof(e.Checked) + unsafe.Sizeof(e.Checked),
		"Kind":    unsafe.Offsetof(e.Kind) + unsafe.Sizeof(e.Kind),
	} {
		if end > 64 {
			t.Errorf("%s ends at byte %d, and a hit reads it", name, end)
		}
	}
}

func TestAnEntryWithoutMore(t *testing.T) {
	t.Parallel()
	e := &tier.Entry{Early: 7}
	if e.Err() != nil || e.Tags() != nil || e.Stale() != 0 || e.StaleIfError() != 0 || e.Fresh() != 7 || e.Expires() != 7 || e.Took() != 0 {
		t.Errorf("it says %v, %v, %v, %v, %v, %v", e.Err(), e.Tags(), e.Stale(), e.StaleIfError(), e.Expires(), e.Took())
	}
}

func TestAnEntryWithMore(t *testing.T) {
	t.Parallel()
	none := errors.New("none")
	e := &tier.Entry{Early: 7, Micros: 3, More: &tier.More{Err: none, Tags: []string{"a"}, Stale: 5, StaleIfError: 9}}
	if e.Err() != none || !slices.Equal(e.Tags(), []string{"a"}) || e.Stale() != 5 || e.StaleIfError() != 9 || e.Took() != 3*time.Microsecond {
		t.Errorf("it says %v, %v, %v, %v, %v", e.Err(), e.Tags(), e.Stale(), e.StaleIfError(), e.Took())
	}
	for _, c := range []struct {
		fresh         int64
		stale, spared time.Duration
		want          int64
	}{
		{7, 5, 9, 16}, {7, 9, 5, 16}, {-7, 5, 5, -2}, {math.MaxInt64, 5, 9, math.MaxInt64}, {math.MaxInt64 - 5, 5, 6, math.MaxInt64}, {7, 0, tier.NoExpiry, math.MaxInt64},
	} {
		e.More.Last = 3
		e.Early, e.More.Stale, e.More.StaleIfError = c.fresh-3, c.stale, c.spared
		if got := e.Expires(); got != c.want {
			t.Errorf("fresh until %d, and %d and %d longer: it expires at %d, want %d", c.fresh, c.stale, c.spared, got, c.want)
		}
	}
}
