// Package memo remembers what a function returned: for the request, for the
// process, and for every process.
//
// [Do] looks in the request's memory (L1), the process's (L2) and the shared
// tier (L3), and runs fn only if all miss. [Invalidate] reaches all of them, in
// every process. Where a cache is not in ctx, reads run fn and writes return
// [ErrNoCache].
//
// A call travels down through the files of this package, and its result back up
// through the same ones:
//
//	do.go       a hit in L1 or L2 ends here
//	request.go  L1: one run a request, its goroutines wait for one another
//	local.go    L2: which entries of the process tier may be used
//	load.go     one load a process (internal/flight); the leader looks again
//	shared.go   L3: look, else lease, fn, fill
//	run.go      fn, on a goroutine and a ctx of its own
//
// invalidate.go runs the other way, L3 first, and says why. domain.go and
// poll.go are the process's part in the protocol between processes; what they
// decide is in internal/coherence.
package memo
