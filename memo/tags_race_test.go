package memo_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Loads and reads that an invalidation of a tag or a tree overtakes: nobody knows the
// tags of a value before it is there.

// 1. a load reads the old value; nobody knows its tag yet
// 2. the tag is invalidated
// 3. the load ends, and would be stored with the tag, for everyone
func TestG06_LoadThatATagOvertookIsStoredNowhere(t *testing.T) {
	for name, tagged := range map[string]func(ctx context.Context, fn func(context.Context) (int, error)) (int, error){
		"a tag of the call": func(ctx context.Context, fn func(context.Context) (int, error)) (int, error) {
			return memo.Do(ctx, "user:k", fn, memo.Tags("group"))
		},
		"a tag of the loader": func(ctx context.Context, fn func(context.Context) (int, error)) (int, error) {
			return memo.Do(ctx, "user:k", func(ctx context.Context) (int, error) {
				v, err := fn(ctx)
				memo.Amend(ctx, memo.Tags("group"))
				return v, err
			})
		},
	} {
		for how, invalidate := range map[string]func(c *memo.Cache) error{
			"InvalidateTags": func(c *memo.Cache) error { return c.InvalidateTags(context.Background(), "group") },
			"InvalidateTree": func(c *memo.Cache) error { return c.InvalidateTree(context.Background(), "user") },
		} {
			for _, asked := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, %s, asked for meanwhile %v", name, how, asked), func(t *testing.T) {
					setups(t, func(t *testing.T, open func() *memo.Cache, db *database) {
						c, other := open(), open()
						ctx := c.With(context.Background())
						db.tagged(t, ctx, "user:before", "group") // the markers are there
						loaded, release, first := make(chan struct{}), make(chan struct{}), make(chan int)
						go func() {
							v, _ := tagged(ctx, func(context.Context) (int, error) {
								v := db.read("user:k")
								close(loaded)
								<-release
								return v, nil
							})
							first <- v
						}()
						<-loaded
						db.write("user:k")
						must(t, invalidate(c))
						joined := make(chan int)
						if asked {
							go func() { // after the invalidation, and finds the load under way
								v, _ := tagged(ctx, func(context.Context) (int, error) { return db.read("user:k"), nil })
								joined <- v
							}()
						}
						synctest.Wait()
						close(release)
						if v := <-first; v != 0 {
							t.Errorf("who began the load got %d, want what it loaded", v)
						}
						if asked {
							if v := <-joined; v != 1 {
								t.Errorf("who asked after the invalidation got version %d, want 1", v)
							}
						}
						for _, c := range []*memo.Cache{other, c} { // other first: c would put the new version over what it has stored
							if v := db.do(t, c.With(context.Background()), "user:k"); v != 1 {
								t.Errorf("a later read got version %d, want 1", v)
							}
						}
					})
				})
			}
		}
	}
}

// A part is joined by a load that reads the log on its way:
//
//  1. here a load of the part has read the old value, and still runs
//  2. another process commits, and invalidates the tag: n
//  3. here a load of the whole begins, with a stamp of n or more; it asks for the part,
//     hears of n, and joins the load of 1, which no record takes out of its way
//  4. a whole made of the old part is stored for everyone, and n is about nothing as new as that
func TestG06_WholeMadeOfAPartThatATagOvertook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t, slowPoll)
		writer, _ := f.process(t, slowPoll)
		ctx := here.With(context.Background())
		f.db.tagged(t, ctx, "before", "group") // the marker is there
		read, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_, _ = memo.Do(ctx, "part", func(context.Context) (int, error) {
				v := f.db.read("part")
				close(read)
				<-release
				return v, nil
			}, memo.Tags("group"))
		}()
		<-read
		f.db.write("part")
		must(t, writer.InvalidateTags(context.Background(), "group"))
		whole := make(chan int)
		load := func(ctx context.Context) (int, error) {
			return memo.Do(ctx, "whole", func(ctx context.Context) (int, error) {
				return f.db.tagged(t, ctx, "part", "group"), nil
			}, memo.Tags("group"))
		}
		go func() { v, _ := load(ctx); whole <- v }()
		synctest.Wait()
		close(release)
		if v := <-whole; v != 1 {
			t.Errorf("the whole was made of version %d of its part, want 1", v)
		}
		<-done
		late, _ := f.process(t, slowPoll)
		if v, err := load(late.With(context.Background())); v != 1 || err != nil {
			t.Errorf("another process reads a whole of version %d, %v, want 1", v, err)
		}
	})
}

// The record of an invalidation may be read before its marker is raised:
//
//  1. a writer has drawn n, written the record, and not yet raised the marker
//  2. another process reads the record, and hides what it has in L2
//  3. it reads the old value from the shared tier, whose marker has nothing against it
//  4. the marker is raised; no record to come drops what 3 has kept
func TestG06_ValueReadBetweenTheRecordAndTheMarker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, wire := f.process(t)
		reader, _ := f.process(t)
		rctx := reader.With(context.Background())
		f.db.tagged(t, rctx, "k", "group")
		f.db.write("k")
		raise, raised := make(chan struct{}), make(chan error)
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: ":t:group", Times: 1,
			Before: func(context.Context, tiertest.Op, []string) { <-raise }})
		go func() { raised <- writer.InvalidateTags(context.Background(), "group") }()
		time.Sleep(150 * time.Millisecond) // the reader polls
		if v := f.db.do(t, rctx, "k"); v != 1 {
			t.Errorf("after the record the reader has version %d, want 1", v)
		}
		close(raise)
		must(t, <-raised)
		if v := f.db.do(t, rctx, "k"); v != 1 {
			t.Errorf("the reader keeps version %d, want 1", v)
		}
	})
}
