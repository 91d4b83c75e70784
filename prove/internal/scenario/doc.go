// Package scenario is the list of what a fleet is put through, and what came of
// it. It stands on the fleet, which knows nothing of faults, and below the
// command and the tests that run it.
//
// A [Scenario] is traffic, and a function that makes trouble while there is
// writing. All returns the list; a new one is one more row, and one function if
// its trouble is new.
package scenario
