package memo_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What must not come out of a transaction, what must, and when: each test is one
// interleaving of it with others.

// everywhere is who may read what a process has stored: the request of the transaction by the
// ctx from before it, another request, and another process.
func everywhere(t *testing.T, request context.Context, here, there *memo.Cache) map[string]context.Context {
	return map[string]context.Context{
		"the request outside of the transaction": request,
		"another request":                        opens(t, here)(context.Background()),
		"no request":                             here.With(context.Background()),
		"another process":                        there.With(context.Background()),
	}
}

// 1. a transaction writes v1, and does not commit
// 2. it reads the key, by whatever way
// 3. others read the key: v0
// 4. it is rolled back; others read v0 still
func TestUncommittedValueReachesNobodyElse(t *testing.T) {
	t.Parallel()
	for way, read := range map[string]func(t *testing.T, ctx context.Context, x *transaction){
		"Do":             func(t *testing.T, ctx context.Context, x *transaction) { x.do(t, ctx, "k", memo.Tags("tag")) },
		"Do under Fresh": func(t *testing.T, ctx context.Context, x *transaction) { x.do(t, memo.Fresh(ctx), "k") },
		"Refresh": func(t *testing.T, ctx context.Context, x *transaction) {
			v, err := memo.Refresh(ctx, "k", x.fn("k"))
			hit(t, 1)(v, err)
		},
		"Set": func(t *testing.T, ctx context.Context, x *transaction) { must(t, memo.Set(ctx, "k", 1)) },
		"Add": func(t *testing.T, ctx context.Context, x *transaction) {
			if added, err := memo.Add(ctx, "k", 1); added || err != nil {
				t.Errorf("Add in a transaction: %t, %v; want that nothing is stored", added, err)
			}
		},
		"Do after Invalidate": func(t *testing.T, ctx context.Context, x *transaction) {
			must(t, memo.Invalidate(ctx, "k"))
			x.do(t, ctx, "k")
		},
		"in a load of the transaction": func(t *testing.T, ctx context.Context, x *transaction) {
			v, err := memo.Do(ctx, "outer", func(ctx context.Context) (int, error) { return x.do(t, ctx, "k"), nil })
			hit(t, 1)(v, err)
		},
	} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
				here, there := open(), open()
				request := opens(t, here)(context.Background())
				ctx, tx := memo.BeginTx(request)
				x := db.begin()
				x.write("k")
				read(t, ctx, x)
				others := everywhere(t, request, here, there)
				for who, other := range others {
					if v, err := memo.Get[int](other, "k"); !errors.Is(err, memo.ErrMiss) {
						t.Errorf("%s finds %d, %v; want that nothing was stored", who, v, err)
					}
				}
				for who, other := range others {
					if v := db.do(t, other, "k", memo.Tags("tag")); v != 0 {
						t.Errorf("%s reads version %d, which is not committed", who, v)
					}
				}
				tx.Discard()
				for who, other := range everywhere(t, request, here, there) {
					if v := db.do(t, other, "k"); v != 0 {
						t.Errorf("%s reads version %d, which never was", who, v)
					}
				}
				if v := db.do(t, ctx, "k"); v != 0 {
					t.Errorf("the ctx of the transaction that was rolled back reads version %d", v)
				}
			})
		})
	}
}

// 1. a transaction begins: it sees v0 from now on
// 2. another request writes v1, commits, and invalidates
// 3. the transaction, which has written nothing, loads v0
// 4. others read: v1
func TestOldRowOfASnapshotIsNotStored(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		here, there := open(), open()
		request := opens(t, here)(context.Background())
		ctx, tx := memo.BeginTx(request)
		x := db.begin()
		want := db.write("k")
		must(t, here.Invalidate(context.Background(), "k"))
		time.Sleep(aPoll)
		if v := x.do(t, ctx, "k"); v != 0 {
			t.Fatalf("the snapshot has version %d", v)
		}
		for who, other := range everywhere(t, request, here, there) {
			if v := db.do(t, other, "k"); v != want {
				t.Errorf("%s reads version %d of the snapshot, want %d", who, v, want)
			}
		}
		x.commit()
		must(t, tx.Commit(ctx))
		for who, other := range everywhere(t, request, here, there) {
			if v := db.do(t, other, "k"); v != want {
				t.Errorf("after the commit %s reads version %d of the snapshot, want %d", who, v, want)
			}
		}
	})
}

// 1. a transaction writes v1 and tells of it, by whatever way
// 2. others load v0, and keep it
// 3. it commits, and the Tx: others read v1
func TestInvalidationWaitsForTheCommit(t *testing.T) {
	t.Parallel()
	for way, invalidate := range invalidations {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
				here, there := open(), open()
				request := opens(t, here)(context.Background())
				ctx, tx := memo.BeginTx(request)
				x := db.begin()
				v := x.write("k")
				must(t, invalidate(ctx, v))
				time.Sleep(aPoll)
				others := everywhere(t, request, here, there)
				for who, other := range others {
					if v := db.tagged(t, other, "k", "tag"); v != 0 {
						t.Errorf("before the commit %s reads version %d", who, v)
					}
				}
				x.commit()
				must(t, tx.Commit(context.Background())) // of the request's memory the Tx knows
				time.Sleep(aPoll)
				delete(others, "another request") // which goes on with what it has read
				for who, other := range others {
					if v := db.tagged(t, other, "k", "tag"); v != 1 {
						t.Errorf("after the commit %s reads version %d", who, v)
					}
				}
			})
		})
	}
}

// 1. a transaction writes v1 and tells of it
// 2. a reader reads v0 from the database
// 3. the transaction commits, and the Tx
// 4. the reader keeps what it has, if it may; others read: v1
func TestReaderRacingTheCommitLeavesNothing(t *testing.T) {
	t.Parallel()
	for way, invalidate := range invalidations {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
				here, there := open(), open()
				for _, reader := range []*memo.Cache{here, there} {
					must(t, here.InvalidateAll(context.Background()))
					time.Sleep(aPoll)
					before := db.read("k")
					ctx, tx := memo.BeginTx(here.With(context.Background()))
					x := db.begin()
					must(t, invalidate(ctx, x.write("k")))
					fn, begun, release := db.held("k")
					racing := later(t, func() (int, error) {
						return memo.Do(reader.With(context.Background()), "k", fn, memo.Tags("tag"))
					})
					<-begun
					synctest.Wait()
					x.commit()
					must(t, tx.Commit(ctx))
					close(release)
					if v := racing(); v != before {
						t.Errorf("who asked before the commit gets %d", v)
					}
					time.Sleep(aPoll)
					for who, other := range everywhere(t, ctx, here, there) {
						if v := db.tagged(t, other, "k", "tag"); v != before+1 {
							t.Errorf("after the commit %s reads version %d, want %d", who, v, before+1)
						}
					}
				}
			})
		})
	}
}

func TestRollbackAndPanicDropWhatWasInvalidated(t *testing.T) {
	t.Parallel()
	for way, invalidate := range invalidations {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
				here, there := open(), open()
				for who, end := range map[string]func(){
					"rollback": func() {},
					"panic":    func() { panic("boom") },
				} {
					others := everywhere(t, here.With(context.Background()), here, there)
					for _, other := range others {
						db.tagged(t, other, "k", "tag")
					}
					loads, before := db.queries("k"), here.Snapshot().Total.Invalidations
					func() {
						defer func() { _ = recover() }()
						ctx, tx := memo.BeginTx(here.With(context.Background()))
						defer tx.Discard()
						x := db.begin()
						must(t, invalidate(ctx, x.write("k")))
						end()
					}()
					time.Sleep(aPoll)
					for other, ctx := range others {
						if v := db.tagged(t, ctx, "k", "tag"); v != 0 {
							t.Errorf("after a %s %s reads version %d", who, other, v)
						}
					}
					if n := db.queries("k") - loads; n != 0 {
						t.Errorf("after a %s the key was loaded %d times: it was invalidated", who, n)
					}
					if after := here.Snapshot().Total.Invalidations; after != before {
						t.Errorf("after a %s there are %+v, before it %+v", who, after, before)
					}
				}
			})
		})
	}
}

func TestCommitThatTheSharedTierDoesNotHearIsDeferred(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, store := f.process(t)
		there, _ := f.process(t)
		for _, ctx := range readers(here, there) {
			f.db.do(t, ctx, "k")
		}
		ctx, tx := memo.BeginTx(here.With(context.Background()))
		x := f.db.begin()
		x.write("k")
		must(t, memo.Invalidate(ctx, "k"))
		remove := store.Inject(tiertest.Fault{Err: errDown})
		x.commit()
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := tx.Commit(gone); !errors.Is(err, memo.ErrDeferred) || errors.Is(err, context.Canceled) {
			t.Errorf("Commit: %v, want ErrDeferred", err)
		}
		if v := f.db.do(t, here.With(context.Background()), "k"); v != 1 {
			t.Errorf("this process reads version %d, want 1", v)
		}
		if s := here.Snapshot(); s.Nodes[0].Pending != 1 || s.Total.Invalidations.Deferred != 1 {
			t.Errorf("%d are pending, and %d were deferred; want 1 and 1", s.Nodes[0].Pending, s.Total.Invalidations.Deferred)
		}
		remove()
		time.Sleep(2 * aPoll)
		if v := f.db.do(t, there.With(context.Background()), "k"); v != 1 {
			t.Errorf("after the outage the other process reads version %d, want 1", v)
		}
	})
}

// 1. Commit takes the list of what was invalidated, and delivers it, which takes a while
// 2. a goroutine that still has the ctx invalidates another key
// 3. Commit returns
func TestInvalidationThatRacesCommitIsNotLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, store := f.process(t, slowPoll)
		outer := here.With(context.Background())
		f.db.do(t, outer, "k")
		f.db.do(t, outer, "late")
		ctx, tx := memo.BeginTx(outer)
		must(t, memo.Invalidate(ctx, "k"))
		remove := store.Inject(tiertest.Fault{Delay: 10 * time.Millisecond})
		committed := later(t, func() (int, error) { return 0, tx.Commit(ctx) })
		time.Sleep(time.Millisecond)
		f.db.write("late")
		must(t, memo.Invalidate(ctx, "late"))
		committed()
		remove()
		if v := f.db.do(t, outer, "late"); v != 1 {
			t.Errorf("version %d of what was invalidated while Commit was at work, want 1", v)
		}
	})
}

//  1. a load of the key runs, and waits for a row that a transaction has locked, or for the
//     connection that it holds
//  2. the transaction reads the key: it must not wait for that load
//  3. and the other way round: nobody waits for a load of the transaction
func TestTransactionWaitsForNobodyAndNobodyForIt(t *testing.T) {
	t.Parallel()
	setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
		c := open()
		request := opens(t, c)(context.Background())
		fn, begun, release := db.held("k")
		waits := later(t, func() (int, error) { return memo.Do(request, "k", fn) })
		<-begun
		ctx, tx := memo.BeginTx(request)
		x := db.begin()
		if v := x.do(t, ctx, "k"); v != 0 { // in a bubble a wait is a deadlock
			t.Errorf("version %d", v)
		}
		must(t, memo.Invalidate(ctx, "k"))
		want := x.write("k")
		if v := x.do(t, ctx, "k"); v != want {
			t.Errorf("the transaction reads version %d, want its own %d", v, want)
		}
		close(release)
		waits()

		inside, held := make(chan struct{}), make(chan struct{})
		loading := later(t, func() (int, error) {
			return memo.Do(ctx, "other", func(context.Context) (int, error) { close(inside); <-held; return 1, nil })
		})
		<-inside
		for _, other := range []context.Context{request, c.With(context.Background())} {
			if v := db.do(t, other, "other"); v != 0 {
				t.Errorf("somebody else got %d of a load in the transaction", v)
			}
		}
		close(held)
		loading()
		tx.Discard()
	})
}

//  1. a transaction tells one cache of something, another one of a row, and the first one of a
//     report, which is made of the row
//  2. it commits; the second cache takes a while to hear
//  3. a reader makes the report of the old row
//  4. others read the report: of the new row
func TestCommitTellsSeveralCachesInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		rows, store := f.process(t, slowPoll)
		reports := newCache(t, memo.Config{})
		outer := reports.With(context.Background())
		report := func() int {
			t.Helper()
			v, err := memo.Do(outer, "report", func(ctx context.Context) (int, error) {
				return f.db.do(t, rows.With(ctx), "row"), nil
			})
			must(t, err)
			return v
		}
		report()
		ctx, tx := memo.BeginTx(outer)
		x := f.db.begin()
		want := x.write("row")
		must(t, reports.Invalidate(ctx, "something"))
		must(t, rows.Invalidate(ctx, "row"))
		must(t, reports.Invalidate(ctx, "report"))
		remove := store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpDelete, tiertest.OpIncr}, Delay: 10 * time.Millisecond})
		x.commit()
		committed := later(t, func() (int, error) { return 0, tx.Commit(ctx) })
		time.Sleep(time.Millisecond)
		report()
		committed()
		remove()
		if v := report(); v != want {
			t.Errorf("the report is of version %d, want %d", v, want)
		}
	})
}

// A tier of the user's that panics, on the goroutine of Commit: the other caches hear all the
// same.
func TestCommitThatPanicsTellsTheOtherCaches(t *testing.T) {
	t.Parallel()
	db, armed := newDatabase(), false
	bad, good := newCache(t, memo.Config{Local: &panicsOnDelete{lru.New(8), &armed}}), newCache(t, memo.Config{})
	outer := good.With(context.Background())
	db.do(t, outer, "k")
	ctx, tx := memo.BeginTx(outer)
	x := db.begin()
	want := x.write("k")
	must(t, bad.Invalidate(ctx, "k"))
	must(t, good.Invalidate(ctx, "k"))
	x.commit()
	func() {
		armed = true
		defer func() {
			armed = false
			if p := recover(); p != "boom" {
				t.Errorf("Commit panics with %v", p)
			}
		}()
		_ = tx.Commit(ctx)
	}()
	if v := db.do(t, outer, "k"); v != want {
		t.Errorf("the other cache has version %d, want %d", v, want)
	}
}

type panicsOnDelete struct {
	tier.Local
	armed *bool
}

func (l *panicsOnDelete) Delete(key string) {
	if *l.armed {
		panic("boom")
	}
	l.Local.Delete(key)
}
