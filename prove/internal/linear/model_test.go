package linear

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// model_test.go holds the models to histories made by hand: a checker that never
// says no is worth nothing, and neither is one that says it to what is promised.

func op(begin, end int64, s step) porcupine.Operation {
	return porcupine.Operation{Call: begin, Return: end, Input: s}
}

func look(tick int64) porcupine.Operation {
	return op(tick, tick, step{kind: looked, tick: tick})
}

func tell(begin, end int64) porcupine.Operation {
	return op(begin, end, step{kind: told, since: begin, until: end, way: "key"})
}

func set(begin, end int64) porcupine.Operation {
	return op(begin, end, step{kind: brought, since: begin, until: end, tick: begin, way: "Set"})
}

func reads(begin, end, value int64) porcupine.Operation {
	return op(begin, end, step{kind: read, served: value, way: "Do"})
}

func TestHistoriesMadeByHand(t *testing.T) {
	t.Parallel()
	const ok, no = porcupine.Ok, porcupine.Illegal
	for _, c := range []struct {
		name              string
		history           []porcupine.Operation
		instant, promised porcupine.CheckResult
		register          porcupine.CheckResult
	}{
		{"what is cached is read until it is told of",
			[]porcupine.Operation{look(2), reads(1, 3, 2), reads(4, 5, 2), tell(6, 9), reads(7, 8, 2), look(11), reads(10, 12, 11)}, ok, ok, ok},
		{"what was looked up before the telling began is read after it has returned",
			[]porcupine.Operation{look(2), reads(1, 3, 2), tell(4, 5), reads(6, 7, 2)}, no, no, no},
		{"a load from before the telling is joined after it has returned",
			[]porcupine.Operation{look(2), tell(3, 4), reads(1, 6, 2), reads(5, 7, 2)}, no, no, no},
		{"and by one who began before it has",
			[]porcupine.Operation{look(2), tell(3, 5), reads(1, 6, 2), reads(4, 7, 2)}, ok, ok, ok},
		{"an old value is read where nothing was written since the one before",
			[]porcupine.Operation{tell(1, 2), look(3), tell(4, 5), look(7), reads(6, 8, 7), reads(9, 10, 3)}, no, no, no},
		{"what was looked up while it was told is read afterwards",
			[]porcupine.Operation{tell(1, 4), look(2), reads(5, 6, 2)}, ok, ok, ok},
		{"nobody has looked it up yet",
			[]porcupine.Operation{reads(1, 2, 3), look(3)}, no, no, ok},
		// The steps of the package comment: 1 is the first load's, 5 the second's look.
		{"what was read once is unread before its telling has returned",
			[]porcupine.Operation{tell(2, 3), look(5), reads(4, 6, 5), tell(7, 13), look(8), reads(1, 9, 8), reads(10, 11, 5)}, ok, ok, no},
		{"and after it",
			[]porcupine.Operation{tell(2, 3), look(5), reads(4, 6, 5), tell(7, 9), look(8), reads(1, 10, 8), reads(11, 12, 5)}, no, no, no},
		{"another process stores what survives, and here the old value is still met",
			[]porcupine.Operation{look(1), tell(2, 6), look(3), reads(4, 5, 1), reads(7, 8, 3)}, no, ok, ok},
		{"a Set takes the place of what is there",
			[]porcupine.Operation{look(1), set(2, 3), reads(4, 5, 2), reads(6, 7, 1)}, no, no, ok},
		{"and of another Set",
			[]porcupine.Operation{set(1, 2), set(3, 4), reads(5, 6, 1)}, no, no, ok},
		{"of two Sets at once either may be the later one",
			[]porcupine.Operation{set(1, 4), set(2, 3), reads(5, 6, 1)}, ok, ok, ok},
		{"and until it has returned what was there before",
			[]porcupine.Operation{look(1), set(2, 8), reads(3, 4, 2), reads(5, 6, 1)}, no, ok, ok},
		{"of a Set and a telling at once the telling was the later one",
			[]porcupine.Operation{set(1, 4), tell(2, 3), look(6), reads(5, 7, 6)}, ok, ok, ok},
		{"and now the Set",
			[]porcupine.Operation{set(1, 4), tell(2, 3), reads(5, 6, 1)}, ok, ok, no},
		{"it was read before the telling began, and after it, but had not returned",
			[]porcupine.Operation{set(1, 5), reads(2, 3, 1), tell(4, 7), reads(8, 9, 1)}, no, ok, no},
		{"but not after a telling that began when it had returned",
			[]porcupine.Operation{set(1, 4), tell(2, 3), look(6), reads(5, 7, 6), tell(8, 9), reads(10, 11, 1)}, no, no, no},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, m := range []struct {
				name  string
				model porcupine.Model
				want  porcupine.CheckResult
			}{{"Instant", Instant(), c.instant}, {"Promise", Promise(), c.promised}, {"Register", Register(), c.register}} {
				if got := Check(m.model, c.history, time.Minute); got != m.want {
					t.Errorf("%s says %s, want %s", m.name, got, m.want)
				}
			}
		})
	}
}
