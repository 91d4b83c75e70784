package lab_test

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/bench/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What is deleted has to be there: no run of the Loop may come without its Ready.
func TestEachBlockIsMadeReady(t *testing.T) {
	t.Parallel()
	for _, env := range []lab.Env{{Tiny: true}, {Time: time.Millisecond}} {
		there, lacked, blocks := 0, 0, 0
		e := lab.Event{Name: "e", Contenders: []lab.Contender{{Name: "c", New: func(lab.Env) (lab.Bench, error) {
			return lab.Bench{Block: 10, Loop: func(n int) {
				blocks++
				lacked += max(0, n-there)
				there = max(0, there-n)
			}, Ready: func() error { there = 10; return nil }}, nil
		}}}}
		ms, err := lab.Measure(e, env, 2)
		if err != nil || lacked > 0 || blocks < 2 || len(ms[0].Rounds[lab.Time]) != 2 {
			t.Errorf("%d runs without what they work on, in %d blocks, %v, %v", lacked, blocks, ms, err)
		}
	}
}

// A block that could not be made ready measures something else.
func TestBlockThatIsNotReadyFailsTheEvent(t *testing.T) {
	t.Parallel()
	gone := errors.New("it is not there")
	e := lab.Event{Name: "e", Contenders: []lab.Contender{{Name: "c", New: func(lab.Env) (lab.Bench, error) {
		return lab.Bench{Block: 10, Loop: func(int) {}, Ready: func() error { return gone }}, nil
	}}}}
	if _, err := lab.Measure(e, lab.Env{Tiny: true}, 1); !errors.Is(err, gone) {
		t.Error(err)
	}
}
