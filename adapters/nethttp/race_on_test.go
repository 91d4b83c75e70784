//go:build race

package nethttp_test

// raceEnabled: the race detector allocates, so that nothing can be counted.
const raceEnabled = true
