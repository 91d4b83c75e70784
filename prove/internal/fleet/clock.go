package fleet

import "time"

// clock is the time that the processes have in common: nanoseconds since 1970,
// by the wall clock at the start of the process and by the monotonic one since.
type clock struct{ origin time.Time }

func newClock() clock { return clock{time.Now()} }

func (c clock) now() int64 { return c.origin.UnixNano() + int64(time.Since(c.origin)) }
