// Package fleet is coherence as a user meets it: several processes, one memcached,
// one database, and a history of what everybody read and wrote, which is checked
// when all is over. It stands beside the call's path, and uses only the API that
// users have. What happens to a fleet is the business of prove/internal/scenario.
//
// Unit tests and those of the protocol play interleavings that somebody thought
// of. This one looks for the others: real schedulers, real sockets, servers that
// stop, die and forget, processes that are killed.
//
//	the parent: a test, or cmd/prove        each worker: the same binary again
//	┌──────────────────────────┐  commands  ┌───────────────────────────────┐
//	│ scenario → Fleet, Process├───────────▶│ worker.go    answers commands │
//	│                          │            │ traffic.go   readers, a writer│
//	│            history       │  reports   │ operation.go │ memo           │
//	│ Database ◀───────────────┼────────────┤ rows.go      ▼ loaders        │
//	└──────────────────────────┘  queries   └──────────────┬────────────────┘
//	                                                       │ chaos.Proxy, if Setup.Wire
//	                                                       ▼
//	                                              memcached (mcserver)
//
// # What happens
//
// A [Fleet] has a [Database], which knows for each key one number, its version,
// and gives every commit the next one. [Fleet.Start] runs its own binary once
// more, which sees the environment and calls [Work] in place of the tests. A
// worker has a cache of its own. It does what it is told, one call at a time
// ([Process.Do], [Process.Commit], [Process.Invalidate]), or makes traffic
// ([Process.Begin]): readers that open a request, read a few random keys by
// memo.Do, and note when each read began and the version that it got; and a writer
// that commits, tells the caches by one of its operations, and notes when that
// returned, and with what. It reports while it works, each write at once, so that
// a process that is killed has said what it did. The loaders take a few milliseconds, so that many loads overlap an invalidation: the
// database looks first and answers later, as the slowest replica would.
//
// # What is checked
//
// [History.Check] takes the logs of all processes. A read that began after the
// invalidation of a newer version had returned (or the Set of it) is stale, and
// then
//
//   - in the process of the writer there must be none, also when Invalidate
//     returned memo.ErrDeferred;
//   - in another process it has a lag: from the return of Invalidate to the begin
//     of the read. The largest of each write and process must be within StaleBound,
//     if Invalidate returned nil;
//   - an invalidation that was deferred reaches the others when its process has
//     memcached again. The lag from there on is reported.
//
// A request keeps what it has read, so only the first read of a key in a request
// counts; a second one must give the same. The rows are written in turns, and rest
// in between for longer than StaleBound: a value that is wrong for good has no
// later write to hide behind.
//
// A checker that never says no is worth nothing. So there are histories made by
// hand, and workers that are broken on purpose (see [Flaw], and Traffic.Silent):
// the runs with them must fail.
//
// # Time
//
// Each process takes the wall clock once, when it starts, and counts on from
// there on the monotonic clock. So within a process times are exact; between
// processes of one machine they differ by what the wall clock was stepped between
// their starts. A step could make a lag wrong, and cannot hide a stale read of the
// writer's own process.
//
// # False outages
//
// A deferred write where nothing was broken is a false outage: the machine was so
// busy that memcached seemed away for 500 ms. It is counted, and is no failure.
package fleet
