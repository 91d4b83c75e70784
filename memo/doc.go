// Package memo remembers what a function returned: for the request, for the
// process, and for every process. A program has one cache:
//
//	cache, err := memo.New(memo.Config{Prefix: "shop", Shared: shared}, memo.TTL(time.Minute))
//
// The middleware (package adapters/nethttp, and its neighbours) puts it into the
// ctx of each request; a job does so itself:
//
//	ctx, end := cache.Begin(ctx) // one unit of work, with a memory of its own
//	defer end()
//
// What is read is declared once ([NewFunc]), and s.user.Do(ctx, id) reads it; or see
// [Do], which takes a key and a function:
//
//	return &shop{db: db, user: memo.NewFunc(nil, "user", db.user)} // nil: the cache of each ctx
//
// And where one writes. An invalidation that is deferred is done here, and the
// others hear of it when the shared tier is back:
//
//	err := s.user.Invalidate(ctx, id) // after the commit
//	if errors.Is(err, memo.ErrDeferred) {
//		return nil
//	}
//	return err
//
// # What is promised
//
// [Do] looks in the request's memory (L1), the process's (L2) and the shared
// tier (L3), and runs its function only if all miss: once a request, once at a
// time in a process, once in the fleet. [Invalidate] reaches all of them: nothing
// older is read in this process after it has returned, and in the others after
// 100ms as a rule, and after Config.StaleBound at most unless it was deferred. A
// load that an invalidation overtook is kept for no later reader. Who waits at the
// end of a TTL is up to [Stale] and its neighbours. While the shared tier is away,
// reads go on. Where no cache is in ctx, reads run their function, and writes return
// [ErrNoCache]. When each of this holds, and when not, is in docs/guarantees.md.
//
// # The files
//
// A call travels down through the files of this package, and its result back up
// through the same ones:
//
//	do.go       a hit in L1 or L2 ends here
//	request.go  L1: one run a request, its goroutines wait for one another
//	local.go    L2: which entries of the process tier may be used
//	load.go     one load a process (internal/flight): lead it, or join it
//	glimpse.go  who leads looks in L3 himself, before the load has a goroutine
//	lead.go     the leader looks again
//	shared.go   L3: look, else lease (lease.go), fn, fill (fill.go)
//	run.go      fn, on a goroutine and a ctx of its own
//
// get.go turns back where this would load, peek.go before L3, and refresh.go enters
// at load.go. What a ctx asks of a read is in mode.go, and how new its answer has to
// be then in need.go; what an Option asks of it, in policy.go, place.go, unless.go,
// version.go and tagsfrom.go. Under which key all of them keep a caller's key is in
// vary.go. What time makes of an entry is in age.go; what is past its time is served and
// refreshed by stale.go. A Func, declared in declare.go, is a way into all of this with
// options that argument.go binds to its argument.
//
// many.go is for several keys at once: each goes that way by itself (manymiss.go), and
// glance.go looks for all of its keys before they are loads (row.go, manyload.go), and
// gather.go lets them travel together where one look (looks.go, slabs.go), or one run
// of the loader (chunk.go), serves all. window.go joins single calls, manyapart.go is for a
// loader of one, and manytx.go for a Tx.
//
// invalidate.go runs the other way, L3 first, and says why, and expire.go, set.go and
// add.go with it; deliver.go is its way to L3, and queue.go where it waits for it. Where there
// is no L3, forget.go turns back at once.
// In a transaction (tx.go) reads go by txread.go, and invalidations by txwrite.go, until it
// commits.
//
// tags.go is for what is named by no key, by markers in L3 (mark.go) and fences here
// (fences.go). domain.go and poll.go are the process's part in the protocol between
// processes; what they decide is in internal/coherence.
//
// What is counted, and under which name, is in stats.go, tally.go and names.go; for
// that held.go alone changes what L2 has.
package memo
