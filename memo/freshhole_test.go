package memo_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// A server without room refuses the record, and the invalidation has returned.
func TestFreshReadDoesNotTrustALogWithAHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		writer, store := f.process(t, slowPoll)
		reader, _ := f.process(t, slowPoll)
		ctx := reader.With(context.Background())
		time.Sleep(5 * time.Second)
		f.db.do(t, memo.Fresh(ctx), "k") // and so it trusts its log
		time.Sleep(time.Second)
		f.db.write("k")
		defer store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":g:", Err: fmt.Errorf("%w: out of memory", tier.ErrRefused)})()
		must(t, memo.Invalidate(writer.With(context.Background()), "k"))
		if v := f.db.do(t, memo.Fresh(ctx), "k"); v != 1 {
			t.Errorf("a fresh read saw version %d, want 1: its log has a hole where the invalidation was", v)
		}
	})
}
