package stripe

import "sync/atomic"

// Cell is where s counts i.
func Cell(s *Stripe, i int) *atomic.Uint64 { return &s.cells[i] }
