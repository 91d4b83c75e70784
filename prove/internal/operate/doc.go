// Package operate does to a fleet what an operator does, as docs/operations.md says it
// is done, and looks whether it goes as that page says it does: real processes with
// traffic, real memcached servers, and one movement after the other.
//
// A movement says what it did and saw, a line each. It fails where a statement of the
// page is not so; [Statement] is such a failure. What the processes read and wrote
// meanwhile is judged by [fleet.Checker] when all is over.
//
// Three processes have traffic, on a few rows. One more, the probe, has next to no L2,
// and reads a thousand other rows, which nobody else does: what it loads anew has moved,
// or was lost.
package operate
