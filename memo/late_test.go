package memo_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// A process that begins to read the log in the midst of it: invalidations may be
// under way, counted and not yet deleted, whose numbers it will never read.

func TestG05_ProcessThatStartsBetweenTheCountAndTheDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, store := f.process(t)
		wctx := writer.With(context.Background())
		f.db.do(t, wctx, "k")
		f.db.write("k")
		var rctx context.Context
		remove := countFirst(store, func() {
			reader, _ := f.process(t) // polls: its log begins behind the number
			rctx = reader.With(context.Background())
			f.db.do(t, rctx, "k")
		})
		must(t, memo.Invalidate(wctx, "k"))
		remove()
		time.Sleep(10 * time.Second)
		if v := f.db.do(t, rctx, "k"); v != 1 {
			t.Fatalf("10s after Invalidate returned nil the new process has version %d, want 1", v)
		}
	})
}

// The reader finds an epoch in which somebody has counted already.
func TestG05_EpochFoundWithACountInIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, store := f.process(t)
		reader, _ := f.process(t, func(c *memo.Config) { c.PollInterval = 300 * time.Millisecond })
		wctx, rctx := writer.With(context.Background()), reader.With(context.Background())
		must(t, memo.InvalidateAll(wctx))
		f.db.do(t, wctx, "k") // stored in the new epoch
		f.db.write("k")
		remove := countFirst(store, func() {
			time.Sleep(350 * time.Millisecond) // a poll of the reader finds the epoch
			f.db.do(t, rctx, "k")
		})
		must(t, memo.Invalidate(wctx, "k"))
		remove()
		time.Sleep(10 * time.Second)
		if v := f.db.do(t, rctx, "k"); v != 1 {
			t.Fatalf("10s after Invalidate returned nil the reader has version %d, want 1", v)
		}
	})
}

// The reader is so far behind that it forgets everything, and goes on from there.
func TestG05_FarBehindBetweenTheCountAndTheDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, store := f.process(t)
		reader, _ := f.process(t, func(c *memo.Config) { c.PollInterval = 300 * time.Millisecond })
		wctx, rctx := writer.With(context.Background()), reader.With(context.Background())
		f.db.do(t, wctx, "k")
		time.Sleep(10 * time.Millisecond)
		_, err := f.store.Nodes()[0].Incr(context.Background(), "t:seq", 5000) // others count
		must(t, err)
		f.db.write("k")
		remove := countFirst(store, func() {
			time.Sleep(350 * time.Millisecond) // a poll of the reader
			f.db.do(t, rctx, "k")
		})
		must(t, memo.Invalidate(wctx, "k"))
		remove()
		time.Sleep(10 * time.Second)
		if v := f.db.do(t, rctx, "k"); v != 1 {
			t.Fatalf("10s after Invalidate returned nil the reader has version %d, want 1", v)
		}
	})
}
