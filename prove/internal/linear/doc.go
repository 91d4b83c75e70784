// Package linear asks whether what one process saw of its cache can be explained
// by one order of events. Goroutines read and write a few rows, a History notes
// when each call began and returned, and Porcupine looks for the order. It stands
// beside the call's path, and uses only the API that users have.
//
// # The rows
//
// A row is never the same twice: it is as if it were written all the time. Its
// value is the tick at which a loader looked it up, and ticks are counted in one
// place, so that no two are alike and none is late. A write is only the telling:
// what was committed before it is whatever is looked up after it. With versions an
// old value that is served where nothing was written since would be right by
// chance; here it is as wrong as any other.
//
// # What is promised
//
// docs/guarantees.md, G4: no read that starts after an invalidation returned, in
// its process, sees a value from before it. And G6: what was being loaded
// meanwhile is stored for nobody. In these terms: a read that begins after a
// telling has returned does not return a value that was looked up before the
// telling began. That is [Promise].
//
// A Set is both: a value that may be met from its begin on, and a telling.
//
// Without a shared tier more is true: an invalidation is one instant between its call
// and its return. A read that comes before it may return any value that was looked up
// since the last such instant, one that comes after it none of them. A Set is such an
// instant too, which brings a value. That is [Instant]. It forbids what [Promise]
// allows: while a telling is under way one read sees what survives it, and then another
// read sees what does not.
//
// With a second process it is not true, and need not be:
//
//  1. this process invalidates: the shared tier has deleted the item, L2 not yet
//  2. another process loads the key, and stores it in the shared tier
//  3. a read here hits L2, and returns the old value
//  4. L2 drops it, the call returns, and a read here finds what 2 stored
//
// For 3 the instant is still to come, and for 4 it was before 2. The load of 2 may be
// one of this process: one that waits for the lease of a load which began after a first
// invalidation, and which it is too old to join, goes on when the second has reached
// the shared tier. An L2 that was not used for a while (Config.StaleBound), and then is,
// does the same with what this process stored itself, and so does memo.Get, whose look
// in the shared tier is no load and can be overtaken by one.
//
// # What is not promised
//
// A register, in which what was read once is not unread: [Register]. It is refused
// even without a shared tier:
//
//  1. a load begins, and its query is slow
//  2. an invalidation returns; a second load begins and looks up the row
//  3. a commit; its invalidation is still to come
//  4. the first load looks up the row, and gives the new value to those who waited
//  5. a read begins, and hits the old value of the second load
//
// What 5 returns is not older than any invalidation that has returned: the commit
// of 3 told nobody yet. So reads of one caller are monotonic from one invalidation
// that has returned to the next, and not in between. The order of two looks could
// be kept only by a load that waits for those before it, which is what an
// invalidation is there to avoid.
package linear
