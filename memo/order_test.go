package memo_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// An invalidation deletes and counts at the same time, on two connections: who
// reads in between sees its number, and the value that it is about to delete.

// countFirst holds back the writer's deletions until between has run, with the
// number drawn.
func countFirst(store *tiertest.Faulty, between func()) (remove func()) {
	return store.Inject(tiertest.Fault{
		Ops: []tiertest.Op{tiertest.OpDelete}, Times: 1,
		Before: func(context.Context, tiertest.Op, []string) {
			synctest.Wait() // the count beside it has ended
			between()
		},
	})
}

func TestG06_ValueReadBetweenTheCountAndTheDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, store := f.process(t)
		reader, _ := f.process(t)
		wctx, rctx := writer.With(context.Background()), reader.With(context.Background())
		f.db.do(t, wctx, "k")

		// 1. the writer counts
		// 2. the reader reads the new number, and the old value, which it keeps in L2
		// 3. the writer deletes, and writes its record
		f.db.write("k")
		remove := countFirst(store, func() { f.db.do(t, rctx, "k") })
		must(t, memo.Invalidate(wctx, "k"))
		remove()
		time.Sleep(time.Second)
		if v := f.db.do(t, rctx, "k"); v != 1 {
			t.Fatalf("the reader has version %d after StaleBound, want 1: the record did not drop what was read at its number", v)
		}
	})
}

func TestG06_LoadThatEndsBetweenTheCountAndTheDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, store := f.process(t)
		reader, _ := f.process(t)
		rctx := reader.With(context.Background())
		loaded, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_, _ = memo.Do(rctx, "k", func(context.Context) (int, error) {
				v := f.db.read("k")
				close(loaded)
				<-release
				return v, nil
			})
		}()
		<-loaded

		// 1. the writer counts
		// 2. the load ends. Its lease is still there, so that its value is stored, and kept
		// 3. the writer deletes, and writes its record: it drops what is older than its number
		f.db.write("k")
		remove := countFirst(store, func() { close(release); <-done })
		must(t, writer.Invalidate(context.Background(), "k"))
		remove()
		time.Sleep(time.Second)
		if v := f.db.do(t, rctx, "k"); v != 1 {
			t.Fatalf("the reader has version %d after StaleBound, want 1: the stamp was not that of the begin", v)
		}
	})
}

// slowDecoder is a codec on which a reader can be stopped.
type slowDecoder struct {
	codec.Codec
	decoding, release chan struct{}
}

func (c slowDecoder) Unmarshal(data []byte, v any) error {
	close(c.decoding)
	<-c.release
	return c.Codec.Unmarshal(data, v)
}

func TestG06_ValueDecodedAcrossTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		slow := slowDecoder{codec.JSON{}, make(chan struct{}), make(chan struct{})}
		writer, store := f.process(t)
		reader, _ := f.process(t, func(cfg *memo.Config) { cfg.Codec = slow })
		wctx, rctx := writer.With(context.Background()), reader.With(context.Background())
		f.db.do(t, wctx, "k")

		// As above, and the reader keeps it in L2 only after it has read the record.
		f.db.write("k")
		done := make(chan struct{})
		remove := countFirst(store, func() {
			go func() { defer close(done); f.db.do(t, rctx, "k") }()
			<-slow.decoding
		})
		must(t, memo.Invalidate(wctx, "k"))
		remove()
		time.Sleep(300 * time.Millisecond)
		close(slow.release)
		<-done
		time.Sleep(time.Second)
		if v := f.db.do(t, rctx, "k"); v != 1 {
			t.Fatalf("the reader has version %d after StaleBound, want 1: it kept what it had read before the delete", v)
		}
	})
}

func TestG06_WholeMadeOfAPartReadBetweenTheCountAndTheDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, store := f.process(t, slowPoll)
		reader, _ := f.process(t, slowPoll)
		wctx, rctx := writer.With(context.Background()), reader.With(context.Background())
		part := func(ctx context.Context) (int, error) { return f.db.read("part"), nil }
		whole := func(ctx context.Context) (int, error) { return memo.Do(ctx, "part", part) }
		f.db.do(t, wctx, "part")

		// 1. the writer counts, and the reader keeps the old part, read at that number
		// 2. the writer's Invalidate returns
		// 3. the reader makes the whole, with a stamp that no record to come makes void
		f.db.write("part")
		remove := countFirst(store, func() { f.db.do(t, rctx, "part") })
		must(t, memo.Invalidate(wctx, "part", "whole"))
		remove()
		_, err := memo.Do(rctx, "whole", whole)
		must(t, err)
		v, err := memo.Do(wctx, "whole", whole)
		must(t, err)
		if v != 1 {
			t.Fatalf("the writer's process got a whole made of part version %d, want 1", v)
		}
	})
}

// yielding is an L2 that lets others run before it deletes a key.
type yielding struct {
	tier.Local
	before func(key string)
}

func (y *yielding) Delete(key string) {
	if y.before != nil {
		y.before(key)
	}
	y.Local.Delete(key)
}

// A chain of keys, each made of the next, is forgotten in one step. Key after key
// is not enough, in any number of rounds that is less than the chain is long:
//
//  1. b is about to be forgotten, and a has been
//  2. a is loaded again, and made of the old b
func TestG06_ChainOfKeysInOneProcess(t *testing.T) {
	db, local := newDatabase(), &yielding{Local: lru.New(100)}
	c := newCache(t, memo.Config{Local: local})
	ctx := c.With(context.Background())
	const first, last = "a", "d"
	var read func(ctx context.Context, key string) (int, error)
	read = func(ctx context.Context, key string) (int, error) {
		return memo.Do(ctx, key, func(ctx context.Context) (int, error) {
			if key == last {
				return db.read(key), nil
			}
			return read(ctx, string(key[0]+1))
		})
	}
	_, err := read(ctx, first)
	must(t, err)
	db.write(last)
	var readers sync.WaitGroup
	local.before = func(key string) {
		if key == first {
			return
		}
		var done atomic.Bool
		readers.Go(func() {
			_, _ = read(ctx, string(key[0]-1))
			done.Store(true)
		})
		for i := 0; i < 10_000 && !done.Load(); i++ {
			runtime.Gosched() // it reads now, unless a lock keeps it away
		}
	}
	must(t, memo.Invalidate(ctx, "a", "b", "c", "d"))
	readers.Wait()
	if v, err := read(ctx, first); err != nil || v != 1 {
		t.Fatalf("%s is made of version %d of %s (%v), want 1", first, v, last, err)
	}
}
