package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tiermemo/tiermemo/bench/lab"
)

// ahead reports whether theirs is better than ours in unit, and by how much it is written. A peer
// that has hits where ours has none is ahead by no factor. What would be written as 1.00× is not
// ahead.
func ahead(ours, theirs *lab.Measured, unit string) (by string, is bool) {
	if ratio, ok := Ratio(ours, theirs, unit); ok {
		return fmt.Sprintf("%.2f×", ratio), ratio < 0.995
	}
	return "0×", lab.MoreIsBetter(unit) && ours != nil && Median(ours.Rounds[unit]) == 0 && Median(theirs.Rounds[unit]) > 0
}

// Ours reports whether a contender is this library.
func Ours(name string) bool { return strings.HasPrefix(name, "tiermemo") }

// Median of some figures; they are not empty.
func Median(xs []float64) float64 {
	sorted := slices.Sorted(slices.Values(xs))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// Ratio is the median over the rounds of theirs by ours: both sides of each ratio were
// measured within a second of each other. Above 1 ours is better, also where more is
// better. ok is false where one of them was not measured, or ours is 0.
func Ratio(ours, theirs *lab.Measured, unit string) (ratio float64, ok bool) {
	if ours == nil || theirs == nil {
		return 0, false
	}
	a, b := ours.Rounds[unit], theirs.Rounds[unit]
	if lab.MoreIsBetter(unit) {
		a, b = b, a
	}
	var ratios []float64
	for i := range min(len(a), len(b)) {
		if a[i] > 0 && b[i] > 0 {
			ratios = append(ratios, b[i]/a[i])
		}
	}
	if len(ratios) == 0 {
		return 0, false
	}
	return Median(ratios), true
}
