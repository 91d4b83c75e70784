package roster_test

import (
	"fmt"
	"testing"

	"github.com/tiermemo/tiermemo/internal/roster"
)

// Names that come and go, as those of pods do.
func TestNamesThatHaveGoneAreForgotten(t *testing.T) {
	t.Parallel()
	now := int64(1)
	r := roster.New("secret", settle, now, []string{"A"})
	for i := range 10_000 {
		r.Own(now, []string{"A", fmt.Sprint("pod-", i)})
		now += 2 * settle
		r.Own(now, []string{"A"})
		now += 2 * settle
		r.Snapshot(now)
	}
	if n := roster.Foreign(r); n > 2 {
		t.Errorf("%d names are remembered that nobody has used for long", n)
	}
}
