package memo_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// A load that overlapped an invalidation is stored nowhere: the tests of G6. Each
// stops one party at an exact point and lets the other run.

func TestG06_LoadThatOverlappedAnInvalidationIsStoredNowhere(t *testing.T) {
	for _, test := range []struct {
		name   string
		shared bool
	}{{"L2 alone", false}, {"with a shared tier", true}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg, db := memo.Config{}, newDatabase()
				if test.shared {
					cfg = memo.Config{Prefix: "t", Shared: tiertest.NewMemory()}
				}
				c := newCache(t, cfg)
				ctx := c.With(context.Background())
				loaded, release := make(chan struct{}), make(chan struct{})
				joined := make(chan int)
				go func() {
					v, _ := memo.Do(ctx, "k", func(context.Context) (int, error) {
						v := db.read("k")
						close(loaded)
						<-release
						return v, nil
					})
					joined <- v
				}()
				<-loaded
				db.write("k")
				must(t, memo.Invalidate(ctx, "k"))
				close(release)
				if v := <-joined; v != 0 {
					t.Fatalf("who had joined got %d, want the value of its load", v)
				}
				if v := db.do(t, ctx, "k"); v != 1 {
					t.Fatalf("a read after Invalidate got version %d, want 1: the old value was stored", v)
				}
			})
		})
	}
}

func TestG06_AnotherProcessesLoadIsNotFilledAfterTheDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, _ := f.process(t, slowPoll)
		b, _ := f.process(t, slowPoll)
		actx, bctx := a.With(context.Background()), b.With(context.Background())

		loaded, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_, _ = memo.Do(actx, "k", func(context.Context) (int, error) {
				v := f.db.read("k")
				close(loaded)
				<-release
				return v, nil
			})
		}()
		<-loaded
		synctest.Wait() // a knows the version of its lease
		f.db.write("k")
		must(t, memo.Invalidate(bctx, "k")) // deletes the lease of a
		close(release)
		<-done
		if v := f.db.do(t, bctx, "k"); v != 1 {
			t.Fatalf("b read version %d from the shared tier, want 1: a plain set stored the old value", v)
		}
		if v := f.db.do(t, actx, "k"); v != 1 {
			t.Fatalf("a kept version %d in its L2 although its lease was gone, want 1", v)
		}
	})
}

// ownCodec is a Codec of an application: what that decodes a load reads, and never a caller
// by himself.
type ownCodec struct{ codec.JSON }

// 1. a reads version 0 in the shared tier, and its answer is on the way
// 2. a invalidates k
// 3. a gets the answer
func TestG06_ReadOfTheSharedTierThatWasOvertakenIsNotKept(t *testing.T) {
	for who, change := range map[string]func(*memo.Config){
		"the caller": func(*memo.Config) {},
		"a load":     func(cfg *memo.Config) { cfg.Codec = ownCodec{} },
	} {
		t.Run(who, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				a, store := f.process(t, slowPoll, change)
				ctx := a.With(context.Background())
				other, _ := f.process(t, slowPoll, change)
				f.db.do(t, other.With(context.Background()), "k") // version 0 is in the shared tier

				store.Inject(tiertest.Fault{
					Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:k", Times: 1,
					After: func(context.Context, tiertest.Op, []string) {
						f.db.write("k")
						must(t, memo.Invalidate(ctx, "k"))
					},
				})
				if v := f.db.do(t, ctx, "k"); v != 0 {
					t.Fatalf("version %d, want 0, which was on the way", v)
				}
				if v := f.db.do(t, ctx, "k"); v != 1 {
					t.Fatalf("a read after Invalidate got version %d, want 1: the overtaken answer was kept in L2", v)
				}
			})
		})
	}
}

func TestG06_RecordIsNotSeenBeforeTheDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, store := f.process(t)
		b, _ := f.process(t)
		actx, bctx := a.With(context.Background()), b.With(context.Background())
		f.db.do(t, actx, "k")
		f.db.do(t, bctx, "k")

		// a's delete takes its time, and b reads all the while. Whenever b drops k from
		// its L2, it must not find the old value in the shared tier.
		defer store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpDelete}, Delay: 350 * time.Millisecond})()
		f.db.write("k")
		told := make(chan error, 1)
		go func() { told <- memo.Invalidate(actx, "k") }()
		for range 50 {
			time.Sleep(10 * time.Millisecond)
			f.db.do(t, bctx, "k")
		}
		must(t, <-told)
		if v := f.db.do(t, bctx, "k"); v != 1 {
			t.Fatalf("b has version %d after its poll, want 1: it read the old value again after it had dropped it", v)
		}
	})
}

func TestG06_KeysMadeOfEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, store := f.process(t, slowPoll)
		reader, _ := f.process(t, slowPoll)
		rctx := reader.With(context.Background())
		part := func(ctx context.Context) (int, error) { return f.db.read("part"), nil }
		whole := func(ctx context.Context) (int, error) { return memo.Do(ctx, "part", part) }
		_, err := memo.Do(rctx, "part", part) // version 0 is in the reader's L2
		must(t, err)

		// 1. the writer deletes both
		// 2. before it has its number, the reader makes the whole of its old part
		// 3. the writer draws its number, and writes its record
		f.db.write("part")
		remove := store.Inject(tiertest.Fault{
			Ops: []tiertest.Op{tiertest.OpIncr}, Times: 1,
			Before: func(context.Context, tiertest.Op, []string) {
				synctest.Wait() // the deletion beside it has ended
				_, err := memo.Do(rctx, "whole", whole)
				must(t, err)
			},
		})
		must(t, memo.Invalidate(writer.With(context.Background()), "whole", "part"))
		remove()
		third, _ := f.process(t, slowPoll)
		v, err := memo.Do(third.With(context.Background()), "whole", whole)
		must(t, err)
		if v != 1 {
			t.Fatalf("the shared tier holds a whole made of part version %d, want 1", v)
		}
	})
}

func TestNestedReadDoesNotUseAnL2ThatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, _ := f.process(t, slowPoll)
		reader, _ := f.process(t, slowPoll)
		rctx := reader.With(context.Background())
		part := func(ctx context.Context) (int, error) { return f.db.read("part"), nil }
		whole := func(ctx context.Context) (int, error) { return memo.Do(ctx, "part", part) }
		_, err := memo.Do(rctx, "part", part) // version 0 is in the reader's L2
		must(t, err)
		f.db.write("part")
		must(t, memo.Invalidate(writer.With(context.Background()), "part"))
		must(t, memo.Invalidate(writer.With(context.Background()), "whole"))

		// The reader has not polled, and would answer part from its L2. That is
		// within its bound; a whole made of it, stored for everyone, is not.
		v, err := memo.Do(rctx, "whole", whole)
		must(t, err)
		if v != 1 {
			t.Fatalf("the whole was made of part version %d, want 1", v)
		}
		if v := f.db.do(t, rctx, "part"); v != 1 {
			t.Fatalf("the reader has part version %d after it had to read the log, want 1", v)
		}
	})
}

func TestNestedReadUsesAnL2ThatHasHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, _ := f.process(t)
		reader, store := f.process(t)
		rctx := reader.With(context.Background())
		f.db.do(t, rctx, "part")
		must(t, memo.Invalidate(writer.With(context.Background()), "another"))
		time.Sleep(150 * time.Millisecond) // one poll
		asked := 0
		defer store.Inject(tiertest.Fault{
			Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:part",
			Before: func(context.Context, tiertest.Op, []string) { asked++ },
		})()
		_, err := memo.Do(rctx, "whole", func(ctx context.Context) (int, error) { return f.db.do(t, ctx, "part"), nil })
		must(t, err)
		if asked > 0 {
			t.Fatalf("the shared tier was asked %d times for what L2 has, and has every right to use", asked)
		}
	})
}

func TestNestedReadDoesNotSeeTheRequestsMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, _ := f.process(t, slowPoll)
		ctx, end := c.Begin(context.Background())
		defer end()
		part := func(ctx context.Context) (int, error) { return f.db.read("part"), nil }
		_, err := memo.Do(ctx, "part", part) // version 0 is this request's snapshot
		must(t, err)
		f.db.write("part")
		must(t, c.Invalidate(context.Background(), "part")) // by another request

		v, err := memo.Do(ctx, "whole", func(ctx context.Context) (int, error) { return memo.Do(ctx, "part", part) })
		must(t, err)
		if v != 1 {
			t.Fatalf("a value for everyone was made of this request's old part: version %d, want 1", v)
		}
	})
}
