package memo_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
)

// A value that ends between the look that finds it and the decision about it: while it is
// decoded.

// unhurried is JSON that takes its time to read, when it is told to.
type unhurried struct {
	codec.JSON
	takes *atomic.Int64
}

func (s unhurried) Unmarshal(data []byte, v any) error {
	time.Sleep(time.Duration(s.takes.Load()))
	return s.JSON.Unmarshal(data, v)
}

func (f *fleet) slowReader(t *testing.T) (*memo.Cache, *atomic.Int64) {
	t.Helper()
	takes := new(atomic.Int64)
	c, _ := f.process(t, func(cfg *memo.Config) { cfg.Codec = unhurried{takes: takes} })
	return c, takes
}

// 1. process A finds a value that has a moment left, and it ends while A decodes it
// 2. A loads
// 3. process B finds the value ended, or a lease: unless it is a lease, B loads as well
func TestValueThatEndsWhileItIsDecodedIsLoadedOnceForTheFleet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, _ := f.process(t)
		a, takes := f.slowReader(t)
		b, _ := f.process(t)
		const ttl = 10 * time.Second
		f.db.do(t, writer.With(context.Background()), "k", memo.TTL(ttl))
		time.Sleep(ttl - 10*time.Millisecond)
		takes.Store(int64(20 * time.Millisecond))

		fn, begun, release := f.db.held("k")
		byA := later(t, func() (int, error) { return memo.Do(a.With(context.Background()), "k", fn, memo.TTL(ttl)) })
		<-begun
		takes.Store(0)
		byB := later(t, func() (int, error) {
			return memo.Do(b.With(context.Background()), "k", func(context.Context) (int, error) { return f.db.read("k"), nil }, memo.TTL(ttl))
		})
		time.Sleep(time.Second) // B has looked
		close(release)
		byA()
		byB()
		if n := f.db.queries("k"); n != 2 {
			t.Errorf("%d loads, want 2: the first, and one when its value had ended", n)
		}
	})
}

// The same with a value that others may be about to replace:
//
//  1. process A finds a value that has a moment left of its Stale, and it ends while A decodes it
//  2. process B, which had it a moment before, refreshes it
//  3. A takes its place for a load of its own: B's is not stored
func TestValueThatEndsWhileItIsDecodedIsLeftToItsRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a, takes := f.slowReader(t)
		b, _ := f.process(t)
		const ttl, window = 10 * time.Second, 10 * time.Second
		opts := []memo.Option{memo.TTL(ttl), memo.Stale(window)}
		f.db.do(t, b.With(context.Background()), "k", opts...)
		time.Sleep(ttl + window - 10*time.Millisecond)
		takes.Store(int64(20 * time.Millisecond))

		byA := later(t, func() (int, error) {
			return memo.Do(a.With(context.Background()), "k", func(context.Context) (int, error) { return f.db.read("k"), nil }, opts...)
		})
		synctest.Wait() // A decodes
		fn, begun, release := f.db.held("k")
		if _, err := memo.Do(b.With(context.Background()), "k", fn, opts...); err != nil {
			t.Fatal(err)
		}
		<-begun // B's refresh has its lock
		time.Sleep(time.Second)
		close(release)
		byA()
		if n := f.db.queries("k"); n != 2 {
			t.Errorf("%d loads, want 2: the first, and the refresh", n)
		}
	})
}
