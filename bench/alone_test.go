package main

import (
	"testing"

	"github.com/tiermemo/tiermemo/bench/events"
	"github.com/tiermemo/tiermemo/bench/lab"
)

func TestEventIsMeasuredInAProcessOfItsOwn(t *testing.T) {
	for _, e := range events.All() {
		if e.Name != events.PerEntryOf(100_000) {
			continue
		}
		ms, err := measureAlone(e, lab.Env{Tiny: true}, 2)
		if err != nil {
			t.Fatal(err)
		}
		if len(ms) != len(e.Contenders) {
			t.Fatalf("%d contenders of %d", len(ms), len(e.Contenders))
		}
		for i, m := range ms {
			c := e.Contenders[i]
			if m.Name != c.Name || m.Against != c.Against || m.Floor != c.Floor || len(m.Rounds[events.PerEntry]) != 2 {
				t.Errorf("%s is %+v", c.Name, m)
			}
		}
		return
	}
	t.Error("there is no such event")
}

func TestEventThatFailsInItsProcessIsAnError(t *testing.T) {
	if _, err := measureAlone(lab.Event{Name: "there is no such"}, lab.Env{Tiny: true}, 1); err == nil {
		t.Error("no error")
	}
}
