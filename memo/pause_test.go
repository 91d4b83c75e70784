package memo_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// Many read a value past its time at once, and the refresh fails before the last of
// them has begun one.
func TestPauseIsForReadersThatLookedBeforeTheFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		var late atomic.Bool
		looked, release := make(chan struct{}), make(chan struct{})
		c, _ := f.process(t, func(cfg *memo.Config) {
			cfg.LoadContext = func(context.Context) context.Context {
				if late.CompareAndSwap(true, false) { // this reader has seen that nobody refreshes
					close(looked)
					<-release
				}
				return context.Background()
			}
		})
		ctx := c.With(context.Background())
		f.db.do(t, ctx, "k")
		_, err := memo.Do(ctx, "old", func(context.Context) (int, error) { return 1, nil }, memo.Stale(time.Hour))
		must(t, err)
		must(t, memo.Expire(ctx, "old"))
		runs := 0
		read := func() {
			_, err := memo.Do(ctx, "old", func(context.Context) (int, error) { runs++; return 0, errors.New("down") })
			if err != nil {
				t.Errorf("a reader of an old value got %v", err)
			}
		}
		late.Store(true)
		go read()
		<-looked
		read()
		synctest.Wait() // its refresh has failed
		close(release)
		synctest.Wait()
		if runs != 1 {
			t.Errorf("a loader that failed was run %d times within a second, want once", runs)
		}
	})
}
