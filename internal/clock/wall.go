package clock

import "time"

// skew is how far this process's wall clock is off, as a time.Duration reads, set by
// the linker: what it may be where clocks differ is tried with processes of which one
// is built with
//
//	go build -ldflags '-X github.com/tiermemo/tiermemo/internal/clock.skew=2s'
var skew string

var off = func() time.Duration {
	d, err := time.ParseDuration(skew)
	if skew != "" && err != nil {
		panic("clock: the linker has set a skew that is no duration: " + skew)
	}
	return d
}()

// UnixMilli is the time of day in milliseconds since 1970, which processes compare
// with each other's: it may be off.
func UnixMilli() int64 { return unixMilli(time.Now()) }

func unixMilli(now time.Time) int64 { return now.Add(off).UnixMilli() }

// Both returns Exact and UnixMilli, and asks the system once.
func (c *Clock) Both() (exact, milli int64) {
	now := time.Now()
	return int64(now.Sub(c.base)), unixMilli(now)
}
