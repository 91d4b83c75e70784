package memo_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// A worker polls seldom, as its StaleBound allows, beside processes that have the defaults.
//
//  1. c is taken out of the lists of the others, and seconds later they read its keys elsewhere
//  2. the worker has not heard of that, and thinks that it need not have
//  3. it tells c of a key, and returns nil
func TestWhoPollsSeldomIsWaitedForWhenAListChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		worker, _ := f.process(t, func(cfg *memo.Config) {
			cfg.Shared, cfg.PollInterval, cfg.StaleBound = f.memory().List(abc...), 10*time.Second, time.Minute
		})
		other, list := f.listed(t, abc...)
		time.Sleep(2*time.Minute + 500*time.Millisecond)
		ctx := other.With(context.Background())
		key := f.keyOn(t, ctx, "c", 0)
		list.Change("a", "b")
		for range 200 {
			time.Sleep(time.Second)
			f.db.do(t, ctx, key)
			want := f.db.write(key)
			if err := memo.Invalidate(worker.With(context.Background()), key); err != nil {
				continue
			}
			time.Sleep(time.Second + aPoll)
			if v := f.db.do(t, ctx, key); v != want {
				t.Fatalf("version %d is read 1.15 s after an Invalidate that returned nil, want %d", v, want)
			}
		}
		time.Sleep(5 * time.Minute)
		f.db.do(t, ctx, key)
		if f.held("a", []string{key})+f.held("b", []string{key}) != 1 {
			t.Error("the key has no new place")
		}
		f.db.write(key)
		must(t, memo.Invalidate(worker.With(context.Background()), key))
	})
}
