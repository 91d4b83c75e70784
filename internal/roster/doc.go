// Package roster decides which node of the shared tier holds a key, and which nodes
// are told that it was invalidated. It does no I/O and reads no clock: what was read,
// and when, is passed in. Times are int64 nanoseconds of any monotonic clock.
//
// [Roster] is what one process knows, [Roster.Todo] what it has to do at a node, and
// [Snapshot] what its calls go by. docs/coherence.md explains the protocol.
package roster
