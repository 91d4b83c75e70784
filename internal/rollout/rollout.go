// Package rollout is a test of a deployment as a fleet meets it: two releases of
// one program, built from one package path, run side by side on one memcached.
// It stands beside the call's path, and uses only the API that users have.
//
// Tests with two types in one binary can only play this. Here both releases
// have a type of the same name at the same place, and nothing but what the type
// is made of can tell them apart.
//
// The build tag next makes the newer release of the program. The test puts a
// [Question] to a process, and plays the database too: what a loader would find
// there comes with the question.
package rollout

import "time"

// Setup is how a process is made; its first line of input.
type Setup struct {
	Name      string // of the cache
	Memcached string
	Bound     time.Duration // memo's StaleBound
	Patience  time.Duration // time-outs, long enough that a busy machine does not look like an absent server
}

// Prefix is everybody's memo.Config.Prefix.
const Prefix = "shop"

// Question is one line of input.
type Question struct {
	Read       string // name of the value to read
	Invalidate bool   // forget it instead
	Key        string
	Version    int // of the row in the database
	TTL        time.Duration
}

// Answer is the line of output for it.
type Answer struct {
	Value  string // as %+v prints it
	Loaded bool   // the loader ran
	Err    string
}
