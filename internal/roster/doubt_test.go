package roster_test

import (
	"slices"
	"testing"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// doubt_test.go is about processes that do not reach all nodes.

// word is what the node says that a process reaches, with all lists alike.
func word(settled uint64, members ...string) (at wire.Roster) {
	at = view(2, settled, members...)
	at.Changed, at.Lists = 2, [][]string{members}
	return at
}

// goes on for d, in which all nodes are away but those that say something. Each version of
// what they say has its own CAS id.
func (t *table) goesOn(d int64, cas uint64, at wire.Roster, reached ...string) {
	for end := t.now + d; t.now < end; {
		t.now = min(end, t.now+pollEvery)
		t.reads(cas, at, reached...)
	}
}

func (t *table) reads(cas uint64, at wire.Roster, reached ...string) {
	for _, name := range t.r.List() {
		if slices.Contains(reached, name) {
			t.r.Polled(t.now, name)
			t.r.Saw(t.now, t.now, name, at, cas, slices.Repeat([]bool{true}, len(at.Lists)))
		} else {
			t.r.Failed(t.now, t.now, name)
		}
	}
}

// Who comes while A is down cannot know whether A has said of B that it is out of use.
func TestWhoDoesNotReachAllAsksThoseWhoWereHereBefore(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	key := p.keyOf("B", "A")
	said := word(2, ab...)
	p.r.Polled(p.now, "B")
	p.r.Saw(p.now, p.now, "B", said, 1, []bool{true})
	if todo := p.r.Todo(p.now, "B"); todo.Swap {
		t.Errorf("%+v: B is asked before A is", todo)
	}
	p.reads(1, said, "B")
	p.places(key, "")
	p.tells(key, true, "A", "B") // and A cannot be told
	todo := p.r.Todo(p.now, "B")
	if !todo.Swap || todo.Rotate || todo.Next(1).Settled != 0 || !slices.Equal(todo.Next(1).Members, said.Members) {
		t.Fatalf("%+v is to be done at B, want that nothing is settled", todo)
	}
	p.reads(2, todo.Next(1), "B")
	p.places(key, "")
	if todo := p.r.Todo(p.now, "B"); todo.Swap {
		t.Errorf("%+v: B is asked once more", todo)
	}
	p.reads(3, said, "B") // somebody has said so again
	p.places(key, "B")
	p.tells(key, true, "B")
}

// An answer that was under way before there was a question is none.
func TestALateWordAnswersNobody(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.reads(1, word(0, ab...), "B")
	if todo := p.r.Todo(p.now, "B"); !todo.Swap || todo.Next(1).Settled != 0 {
		t.Errorf("%+v is to be done at B: it was not asked by this process", todo)
	}
	p.reads(2, word(2, ab...), "B")
	p.places(p.keyOf("B", "A"), "")
	p.reads(2, word(2, ab...), "B")
	p.places(p.keyOf("B", "A"), "")
	p.reads(3, word(0, ab...), "B")
	p.reads(4, word(2, ab...), "B")
	p.places(p.keyOf("B", "A"), "B")
}

func TestWhoWasHereBeforeAnswersAtTheNextPoll(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.goesOn(2*settle, 1, word(2, ab...), ab...)
	p.goesOn(2*settle, 1, word(2, ab...), "B")
	p.reads(2, word(0, ab...), "B")
	if todo := p.r.Todo(p.now, "B"); !todo.Swap || todo.Next(1).Settled != 2 {
		t.Errorf("%+v is to be done at B, want that all is settled", todo)
	}
	for range 2 {
		p.now += settle / 2
		p.r.Polled(p.now, "B")
		p.r.Saw(p.now, p.now, "B", word(0, ab...), 2, []bool{true})
	}
	if todo := p.r.Todo(p.now, "B"); todo.Swap {
		t.Errorf("%+v is to be done at B, by who has not heard of A for long", todo)
	}
}

func TestWhoHasNobodyToAskWaits(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	key := p.keyOf("B", "A")
	p.goesOn(2*settle-pollEvery, 2, word(0, ab...), "B")
	p.places(key, "")
	if todo := p.r.Todo(p.now, "B"); todo.Next(1).Settled != 0 {
		t.Errorf("%+v: who has to ask answers", todo)
	}
	p.goesOn(pollEvery, 2, word(0, ab...), "B")
	p.places(key, "B")
	p.tells(key, true, "B")
}

// The one new server that is reached knows nothing of the others, nor do they look new.
func TestWhoDoesNotReachAllFoundsNoFleet(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.goesOn(settle, 0, wire.Roster{}, "B")
	if next := p.r.Todo(p.now, "B").Next(1); len(next.Members) > 0 {
		t.Errorf("B gets %+v", next)
	}
	p.goesOn(settle, 0, wire.Roster{}, "B")
	if next := p.r.Todo(p.now, "B").Next(1); len(next.Members) != 2 || next.Settled != next.Gen {
		t.Errorf("B gets %+v: a server that is down prevents a new fleet", next)
	}
}

func TestWhoWasStoppedAsksToo(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.goesOn(2*settle, 1, word(2, ab...), ab...)
	p.places(p.keyOf("B", "A"), "B")
	p.now += settle
	p.reads(1, word(2, ab...), "B")
	p.places(p.keyOf("B", "A"), "")
	p.now += settle
	p.r.Failed(p.now, p.now, "A")
	p.r.Polled(p.now, "B")
	p.r.Saw(p.now, p.now-1, "B", word(0, ab...), 6, []bool{true}) // this was under way
	p.r.Saw(p.now, p.now, "B", word(0, ab...), 7, []bool{true})
	p.reads(8, word(2, ab...), "B")
	p.places(p.keyOf("B", "A"), "")
	p.now += pollEvery
	p.reads(8, word(2, ab...), ab...)
	p.places(p.keyOf("B", "A"), "B")
}

func TestWhoWasStoppedFoundsNoFleet(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.reads(0, wire.Roster{}, ab...)
	if !p.r.Young() {
		t.Error("this is a new fleet")
	}
	p.now += settle
	p.reads(0, wire.Roster{}, ab...)
	if p.r.Young() {
		t.Error("others may have come and gone")
	}
}

// There is nobody who could say anything else, and what it keeps has a place.
func TestWhoReachesNobodyPlacesByItsList(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.reads(0, wire.Roster{})
	if node, ok := p.snap().Place(p.now, p.keyOf("B", "A")); !ok || node != "B" {
		t.Errorf("the key is at %q %t", node, ok)
	}
}

func TestAChangeIsLaterThanWhatANodeHasForgotten(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.says(view(1, 1, ab...), [][]string{ab}, "B")
	p.says(view(9, 9, ab...), [][]string{ab}, "A")
	p.later(2 * settle)
	p.says(wire.Roster{}, nil, "A")
	p.later(pollEvery)
	if next := p.r.Todo(p.now, "A").Next(1); next.Gen != 10 {
		t.Errorf("A gets %+v", next)
	}
}

// Its list is longer than it was; what it had, it was in touch with.
func TestWhoWasHereBeforeNeedNotReachANewNode(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.goesOn(2*settle, 1, word(2, ab...), ab...)
	p.r.Own(p.now, abc)
	p.goesOn(pollEvery, 1, word(2, ab...), ab...)
	p.places(p.keyOf("B", "A"), "B")
	p.r.Own(p.now, []string{"C", "D"})
	p.goesOn(pollEvery, 1, word(2, "C", "D"), "C")
	p.places(p.keyOf("C", "D"), "")

	p = sit(t, "A", "B")
	said := word(2, ab...)
	said.Lists = append(said.Lists, []string{"A"}) // somebody need not tell B
	p.goesOn(2*settle, 1, said, ab...)
	p.r.Own(p.now, []string{"B", "C"})
	p.goesOn(pollEvery, 1, word(2, "B", "C"), "B")
	p.places(p.keyOf("B", "C"), "")
}

func TestWhatANodeSaidBeforeItWentDownCounts(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	key := p.keyOf("B", "A")
	p.says(view(2, 2, "A"), [][]string{ab}, "A")
	p.says(view(1, 1, ab...), [][]string{ab}, "B") // which was away
	p.hear()
	p.places(key, "")
	p.reads(1, p.at["B"], "B")
	p.places(key, "")
	p.tells(key, true, "A", "B")
	back := p.at["B"]
	back.Members = []wire.Member{{Name: "A", Since: 1}, {Name: "B", Since: 3}}
	p.reads(2, back, "B") // it came anew
	p.places(key, "B")
}

// All processes were started while A was away.
func TestWhoHasGoneOnWithoutANodeGoesOnWhenItIsBackWithoutItsMemory(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B", "C")
	p.goesOn(3*settle, 2, word(2, abc...), "B", "C")
	p.places(p.keyOf("B", "C", "A"), "B")
	p.says(word(2, abc...), [][]string{abc}, abc...)
	p.says(wire.Roster{}, nil, "A")
	p.later(pollEvery)
	p.places(p.keyOf("B", "C", "A"), "B")
	p.places(p.keyOf("A", "B", "C"), "")
	p.says(wire.Roster{}, [][]string{abc}, "A")
	p.later(2 * settle)
	if todo := p.r.Todo(p.now, "A"); !todo.Rotate || len(todo.Next(1).Members) != 3 {
		t.Errorf("%+v is to be done at A", todo)
	}
	for _, name := range []string{"B", "C"} {
		if todo := p.r.Todo(p.now, name); todo.Swap {
			t.Errorf("%+v is to be done at %s", todo, name)
		}
	}
}
