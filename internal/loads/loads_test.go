package loads_test

import (
	"context"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/loads"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheNearestListenerHears(t *testing.T) {
	t.Parallel()
	var outer, inner []string
	ctx := loads.Listen(t.Context(), func(key string) { outer = append(outer, key) })
	loads.Begins(ctx, "a")
	nested := loads.Listen(ctx, func(key string) { inner = append(inner, key) })
	loads.Begins(context.WithoutCancel(nested), "b")
	loads.Begins(t.Context(), "c") // nobody
	if !slices.Equal(outer, []string{"a"}) || !slices.Equal(inner, []string{"b"}) {
		t.Errorf("heard %q and %q", outer, inner)
	}
}
