package clock_test

import (
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/clock"
)

func TestTheWallClockIsTheSystems(t *testing.T) {
	t.Parallel()
	before := time.Now().UnixMilli()
	got := clock.UnixMilli()
	if after := time.Now().UnixMilli(); got < before || got > after {
		t.Errorf("it is %d, between %d and %d", got, before, after)
	}
}
