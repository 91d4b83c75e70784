package memotest_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memotest"
)

// choice_test.go: RoundTrip asks the codec that the cache would use.

type animal interface{ Legs() int }

type dog struct{ N int }

func (d dog) Legs() int { return d.N }

func TestRoundTripAsksTheCodecOfTheType(t *testing.T) {
	t.Parallel()
	byType := codec.ByType(nil, map[reflect.Type]codec.Codec{
		reflect.TypeFor[animal]():  returns{dog{4}},
		reflect.TypeFor[account](): nil,
	})
	memotest.RoundTrip[animal](t, dog{4}, byType)
	memotest.RoundTrip(t, dog{4}, byType)
	failsWith(t, run(func(t testing.TB) { memotest.RoundTrip[animal](t, dog{3}, byType) }), "returns loses animal.N: 3 became 4")
	failsWith(t, run(func(t testing.TB) { memotest.RoundTrip(t, account{}, byType) }), "account stay out of the shared tier", "the codec chosen for it is nil")
	failsWith(t, run(func(t testing.TB) { memotest.RoundTrip(t, account{}, nil) }), "the codec chosen for it is nil")
}

// The offset of a time is kept in whole minutes.
func TestRoundTripFindsATimeThatMoves(t *testing.T) {
	t.Parallel()
	old := time.Date(1890, 1, 1, 0, 0, 0, 0, time.FixedZone("LMT", 53*60+28))
	failsWith(t, run(func(t testing.TB) { memotest.RoundTrip(t, struct{ Born time.Time }{old}) }), "Born")
}
