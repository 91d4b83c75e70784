package memo_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// While a value is refreshed, its readers are served it as by a hit; but not once its tag
// has been invalidated.
func TestWhatIsBeingRefreshedIsServedUntilItsTagIsInvalidated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx := c.With(t.Context())
		land, version := make(chan struct{}), 0
		read := func() int {
			v, err := memo.Do(ctx, "user:7", func(context.Context) (int, error) {
				version++
				if v := version; v != 2 {
					return v, nil
				}
				<-land
				return 2, nil
			}, memo.TTL(time.Minute), memo.Stale(time.Hour), memo.Tags("users"))
			if err != nil {
				t.Error(err)
			}
			synctest.Wait()
			return v
		}
		read()
		time.Sleep(2 * time.Minute)
		for range 3 {
			if v := read(); v != 1 {
				t.Errorf("while it is refreshed: got version %d, want 1", v)
			}
		}
		if err := memo.InvalidateTags(ctx, "users"); err != nil {
			t.Fatal(err)
		}
		if v := read(); v != 3 {
			t.Errorf("after its tag was invalidated: got version %d, want 3", v)
		}
		close(land)
		synctest.Wait()
		if v := read(); v != 3 {
			t.Errorf("after the refresh has landed: got version %d, want 3", v)
		}
	})
}
