// Package fleet is a test of coherence as a user meets it: several processes,
// one memcached, one database, and a history of what everybody read and wrote,
// which is checked when all is over. It stands beside the call's path, and uses
// only the API that users have.
//
// Unit tests and those of the protocol play interleavings that somebody thought
// of. This one looks for the others: real schedulers, real sockets, servers that
// stop, die and forget, processes that are killed.
//
//	the test's process                      each worker: the test binary again
//	┌──────────────────────────┐  commands  ┌───────────────────────────────┐
//	│ scenario → Fleet, Process├───────────▶│ worker.go   answers commands  │
//	│                          │◀───────────┤ traffic.go  readers, a writer │
//	│            history       │    log     │             │ memo            │
//	│ Database ◀───────────────┼────────────┤ rows.go     ▼ loaders         │
//	└──────────────────────────┘  queries   └───────────────┬───────────────┘
//	                                              memcached (mcserver)
//
// # What happens
//
// A [Fleet] has a [Database], which knows for each key one number, its version,
// and gives every commit the next one. [Fleet.Start] runs the test binary once
// more; its TestMain sees the environment and calls [Work] in place of the tests.
// A worker has a cache of its own. It does what it is told, one call at a time
// ([Process.Do], [Process.Write]), or makes traffic ([Process.Begin]): readers
// that open a request, read a few random keys by memo.Do, and note when each read
// began and the version that it got; and in one of the processes a writer that
// commits, invalidates, and notes when Invalidate returned, and with what. The
// loaders take a few milliseconds, so that many loads overlap an invalidation: the
// database looks first and answers later, as the slowest replica would.
//
// # What is checked
//
// [History.Check] takes the logs of all processes. A read that began after an
// invalidation of a newer version had returned is stale, and then
//
//   - in the process of the writer there must be none, also when Invalidate
//     returned memo.ErrDeferred;
//   - in another process it has a lag: from the return of Invalidate to the begin
//     of the read. The largest of each write and process must be within StaleBound,
//     if Invalidate returned nil;
//   - an invalidation that was deferred reaches the others when memcached is back.
//     The lag from there on is reported.
//
// A request keeps what it has read, so only the first read of a key in a request
// counts; a second one must give the same. Each key may rest for longer than
// StaleBound now and then, and each run ends with readers only: a value that is
// wrong for good has no later write to hide behind.
//
// A checker that never says no is worth nothing. So there are histories made by
// hand, and workers that are broken on purpose: one whose writer does not
// invalidate, and one that is deaf to the log. The runs with them must fail.
//
// # Time
//
// Each process takes the wall clock once, when it starts, and counts on from
// there on the monotonic clock. So within a process times are exact; between
// processes of one machine they differ by what the wall clock was stepped between
// their starts. A step could make a lag wrong, and cannot hide a stale read of the
// writer's own process.
//
// # Running it
//
//	go test -race -v ./internal/fleet                          about a minute; -v prints the table
//	TIERMEMO_FLEET_SECONDS=60 go test -race ./internal/fleet   60 s of writing in each scenario; 4 if not given
//	TIERMEMO_FLEET_REPORT=fleet.md go test ./internal/fleet    the table, as a file
//
// A deferred write where nothing was broken is a false outage: the machine was so
// busy that memcached seemed away for 500 ms. It is counted, and is no failure.
package fleet
