package ended_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/ended"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBudget = errors.New("the budget of this page is used up")

func TestErrIsWhatCtxSaysAndItsCause(t *testing.T) {
	t.Parallel()
	past := time.Unix(1, 0)
	for name, test := range map[string]struct {
		open func(context.Context) (context.Context, context.CancelFunc)
		want []error
		text string
	}{
		"cancelled": {context.WithCancel, []error{context.Canceled}, "context canceled"},
		"a deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadline(ctx, past)
		},
			[]error{context.DeadlineExceeded}, "context deadline exceeded"},
		"a deadline with a cause": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadlineCause(ctx, past, errBudget)
		}, []error{context.DeadlineExceeded, errBudget}, "context deadline exceeded: the budget of this page is used up"},
		"cancelled with a cause": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(errBudget) }
		}, []error{context.Canceled, errBudget}, "context canceled: the budget of this page is used up"},
		"a cause that says it all": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadlineCause(ctx, past, fmt.Errorf("%w: %w", errBudget, context.DeadlineExceeded))
		}, []error{context.DeadlineExceeded, errBudget}, "the budget of this page is used up: context deadline exceeded"},
	} {
		ctx, cancel := test.open(context.Background())
		cancel()
		err := ended.Err(ctx)
		for _, want := range test.want {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v is not %v", name, err, want)
			}
		}
		if err.Error() != test.text {
			t.Errorf("%s: %q, want %q", name, err, test.text)
		}
	}
}

func TestErrAllocations(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if n := testing.AllocsPerRun(100, func() { _ = ended.Err(ctx) }); n > 0 {
		t.Errorf("%v allocations, want none where ctx has no cause of its own", n)
	}
}
