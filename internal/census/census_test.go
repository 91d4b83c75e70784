package census_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/census"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWhatIsHeldIsCounted(t *testing.T) {
	t.Parallel()
	c, err := memo.New(memo.Config{Local: lru.New(1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	var all census.Census
	if err := all.Visit(c.With(context.Background())); !errors.Is(err, census.ErrNoScope) {
		t.Errorf("a visit without a scope: %v", err)
	}

	ctx, end := c.Begin(context.Background())
	for range 2 {
		if err := all.Visit(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if scopes, values := all.Left(0, 0, 10*time.Millisecond); scopes != 2 || values != 2 {
		t.Errorf("an open request: %d scopes and %d values, want 2 visits of each", scopes, values)
	}
	end()
	if scopes, values := all.Left(2, 1, time.Minute); scopes != 2 || values != 1 {
		t.Errorf("an ended request that is held: %d scopes and %d values, want 2, and the one that the process has room for", scopes, values)
	}
	runtime.KeepAlive(ctx)
	ctx, end = nil, nil
	if scopes, _ := all.Left(0, 1, time.Minute); scopes != 0 {
		t.Errorf("nobody holds the request, and %d scopes are left", scopes)
	}
	if all.Visits() != 2 {
		t.Errorf("%d visits, want 2", all.Visits())
	}
}

func TestHeapIsWhatIsInUse(t *testing.T) {
	before := census.Heap()
	held := make([]byte, 8<<20)
	with := census.Heap()
	runtime.KeepAlive(held)
	held = nil
	after := census.Heap()
	if with < before+7<<20 || after > before+1<<20 {
		t.Errorf("the heap is %d, with 8 MiB held %d, and without %d", before, with, after)
	}
}
