package memo_test

import (
	"context"
	"testing"
	"time"
	"unsafe"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// Where the bytes of a key are: those of a short one are in its entry, and its entry alone holds them.
func TestBytesOfAShortKeyAreInItsEntry(t *testing.T) {
	t.Parallel()
	l2 := lru.New(100)
	c := newCache(t, memo.Config{Local: l2})
	ctx := c.With(context.Background())
	for key, inside := range map[string]bool{"k": true, "user:12345678901": true, "user:123456789012": false} {
		for range 2 { // the second time of what Expire has left: a copy with other times, or what was loaded since
			if _, err := memo.Do(ctx, key, loadUser, memo.TTL(time.Hour), memo.Stale(time.Hour)); err != nil {
				t.Fatal(err)
			}
			e := l2.Peek(key)
			if e == nil || e.Key != key {
				t.Fatalf("%q: L2 has %v", key, e)
			}
			if at := unsafe.StringData(e.Key) == &e.Text[0]; at != inside {
				t.Errorf("%q: in its entry: %v, want %v", key, at, inside)
			}
			must(t, memo.Expire(ctx, key))
		}
	}
}
