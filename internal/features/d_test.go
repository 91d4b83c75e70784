package features_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What the four packages disagree on, and what holds here.

func TestD01_NothingIsKeptAsAValue(t *testing.T) { keeps[*sheet](t, nil) }

func TestD01_SkipNilDoesNotKeepIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ctx := bound(t, memo.Config{Shared: tiertest.NewMemory()})
		n := &counter{}
		for i := range 3 {
			v, err := memo.Do(ctx, "k", func(context.Context) (*sheet, error) { n.run("k"); return nil, nil }, memo.SkipNil())
			must(t, err)
			same(t, "value", v, nil)
			same(t, "runs", n.runs("k"), i+1)
		}
	})
}

// owner is an object whose method is memoized: it goes by its key, and not by where it
// is in memory.
type owner struct {
	id   int
	seen int // of no account
}

func (o *owner) CacheKey() string { return memo.Key("owner", o.id) }

func TestD02_AnObjectGoesByTheKeyThatItSays(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	n := &counter{}
	fn := memo.NewFunc(c, "greeting", func(_ context.Context, o *owner) (int, error) { return n.run(o.CacheKey()), nil })
	for i := range 200 { // short lived, so that addresses are used again
		o := &owner{id: i % 2, seen: i}
		v, err := fn.Do(ctx, o)
		must(t, err)
		same(t, "value", v, 1)
	}
	same(t, "runs for the one", n.runs(memo.Key("owner", 0)), 1)
	same(t, "runs for the other", n.runs(memo.Key("owner", 1)), 1)
	must(t, fn.Invalidate(ctx, &owner{id: 1}))
	v, err := fn.Do(ctx, &owner{id: 1})
	must(t, err)
	same(t, "after its own invalidation", v, 2)
}

func TestD03_OthersInvalidationsAreTheNextRequests(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCache(t, memo.Config{Shared: tiertest.NewMemory()})
		n := &counter{}
		in := request(t, c)
		same(t, "read", n.do(t, in, "k"), 1)
		must(t, memo.Invalidate(request(t, c), "k"))
		same(t, "the request that is open", n.do(t, in, "k"), 1)
		same(t, "the next one", n.do(t, request(t, c), "k"), 2)
		same(t, "the open one, forced", n.do(t, memo.Fresh(in), "k"), 2)
		must(t, memo.Invalidate(in, "k"))
		same(t, "after its own", n.do(t, in, "k"), 3)
	})
}

func TestD04_InvalidatedIsGoneAndExpiredIsOld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ctx := bound(t, memo.Config{}, memo.TTL(time.Second))
		n := &counter{}
		read := func(opts ...memo.Option) int { return n.do(t, ctx, "k", opts...) }
		same(t, "stored", read(memo.Stale(time.Minute)), 1)
		time.Sleep(2 * time.Second)
		same(t, "after its TTL", read(memo.Stale(time.Minute)), 1)
		time.Sleep(100 * time.Millisecond)
		same(t, "refreshed", read(), 2)
		must(t, memo.Invalidate(ctx, "k"))
		same(t, "invalidated", read(), 3)
		time.Sleep(2 * time.Second)
		same(t, "after the TTL of one without Stale", read(), 4)
	})
}

func TestD05_ATTLIsFiveMinutesUnlessSaid(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ctx := bound(t, memo.Config{})
		n := &counter{}
		n.do(t, ctx, "k")
		n.do(t, ctx, "for ever", memo.TTL(memo.NoExpiry))
		time.Sleep(5*time.Minute - time.Second)
		same(t, "before its end", n.do(t, ctx, "k"), 1)
		time.Sleep(2 * time.Second)
		same(t, "after its end", n.do(t, ctx, "k"), 2)
		time.Sleep(1000 * time.Hour)
		same(t, "without an end", n.do(t, ctx, "for ever"), 1)
	})
}

func TestD06_InvalidationsReachOtherProcesses(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	a, b := pair(t, server, db)
	for _, c := range []struct{ op, name, key string }{
		{"invalidate", "k", "k"}, {"invalidateTree", "tree", memo.Key("tree", 1)}, {"invalidateTags", "tag", "tagged"}, {"invalidateAll", "", "all"},
	} {
		opts := options{Tags: []string{"tag"}}
		db.write(t, c.key, "old")
		same(t, "stored", b.with("do", opts, c.key), "old")
		db.write(t, c.key, "new")
		a.call(c.op, c.name) // which has not read it
		b.call("catchUp")
		same(t, "after "+c.op, b.with("do", opts, c.key), "new")
	}
}

func TestD07_ReadsGoOnWithoutTheServerAndWritesSaySo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx, wire := wired(t, tiertest.NewMemory())
		n := &counter{}
		same(t, "stored", n.do(t, ctx, "k"), 1)
		remove := wire.Inject(tiertest.Fault{Err: errors.New("the server is away")})
		same(t, "another", n.do(t, ctx, "other"), 1)
		for what, err := range map[string]error{
			"Invalidate": memo.Invalidate(ctx, "k"), "InvalidateTags": memo.InvalidateTags(ctx, "t"), "InvalidateTree": memo.InvalidateTree(ctx, "t"),
			"Set": memo.Set(ctx, "set", 1), "InvalidateAll": memo.InvalidateAll(ctx),
		} {
			is(t, what, err, memo.ErrDeferred)
		}
		same(t, "done here", n.do(t, ctx, "k"), 2)
		same(t, "counted", c.Snapshot().Total.Invalidations.Deferred > 0, true)
		remove()
	})
}

func TestD08_HowManyIsInTheStatistics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		_, a, _ := wired(t, store)
		c, _, _ := wired(t, store)
		betweenPolls()
		must(t, memo.Invalidate(a, "1", "2", "3"))
		must(t, memo.InvalidateTags(a, "4"))
		same(t, "counted where it was said", memo.From(a).Snapshot().Total.Invalidations.Keys, 3)
		time.Sleep(aPoll)
		same(t, "counted where it was heard", c.Snapshot().Total.Invalidations.Peer, 4)
	})
}

func TestD09_ANumberIsNotItsText(t *testing.T) {
	t.Parallel()
	if memo.Key(1) == memo.Key("1") || memo.Key("k", 1.0) == memo.Key("k", 1) || memo.Key(true) == memo.Key("true") {
		t.Error("a value and its text are one key")
	}
	same(t, "numbers of one value and two types", memo.Key(int8(1)), memo.Key(uint64(1)))
}

func TestD10_WhoWaitsDoesUntilItsOwnTimeOrTheLoadsIsOver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ctx := bound(t, memo.Config{}, memo.LoadTimeout(10*time.Second))
		slow := func(ctx context.Context) (int, error) {
			select {
			case <-time.After(4 * time.Second):
				return 1, nil
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
		first := later(t, func() (int, error) { return memo.Do(ctx, "k", slow) })
		time.Sleep(time.Second)
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		began := time.Now()
		_, err := memo.Do(short, "k", slow)
		is(t, "who has a second", err, context.DeadlineExceeded)
		same(t, "it took", time.Since(began), time.Second)
		v, err := memo.Do(ctx, "k", slow)
		must(t, err)
		same(t, "who has time", v, 1)
		same(t, "it took", time.Since(began), 3*time.Second)
		same(t, "the first", first(), 1)

		_, err = memo.Do(ctx, "endless", func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		is(t, "a load without an end", err, context.DeadlineExceeded)
		same(t, "it took", time.Since(began), 13*time.Second)
	})
}
