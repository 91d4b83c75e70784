package roster_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tiermemo/tiermemo/internal/roster"
	"github.com/tiermemo/tiermemo/internal/wire"
)

// A table is what one process reads from nodes that the test plays.
type table struct {
	*testing.T
	r   *roster.Roster
	now int64
	at  map[string]wire.Roster
}

const epoch = uint64(0x4000_0001) << 32

func sit(t *testing.T, own ...string) *table {
	return &table{t, roster.New("secret", settle, 1, own), 1, map[string]wire.Roster{}}
}

func view(gen, settled uint64, members ...string) (r wire.Roster) {
	r.Gen, r.Settled, r.Patience = gen, settled, settle
	for _, name := range members {
		r.Members = append(r.Members, wire.Member{Name: name, Since: 1})
	}
	return r
}

// says is what a node says, and what lists there are.
func (t *table) says(at wire.Roster, lists [][]string, names ...string) {
	at.Lists = lists
	for _, name := range names {
		t.at[name] = at
	}
}

// hear polls and reads all nodes.
func (t *table) hear() {
	for _, name := range t.r.List() {
		at := t.at[name]
		alive := slices.Repeat([]bool{true}, len(at.Lists))
		t.r.Changed(t.now, name)
		t.r.Polled(t.now, name)
		t.r.Saw(t.now, t.now, name, at, 1, alive)
	}
}

// later is so much later; until then all nodes are polled and read.
func (t *table) later(d int64) {
	for end := t.now + d; t.now < end; {
		t.now = min(end, t.now+pollEvery)
		t.hear()
	}
}

func (t *table) snap() *roster.Snapshot { return t.r.Snapshot(t.now) }

// keyOf is a key whose best of names is the first, and without it the second.
func (t *table) keyOf(names ...string) string {
	t.Helper()
	for i := range 10_000 {
		key := fmt.Sprint(i)
		if roster.Among("secret", names...)(key) == names[0] && roster.Among("secret", names[1:]...)(key) == names[1] {
			return key
		}
	}
	t.Fatal("no such key")
	return ""
}

func (t *table) places(key, want string) {
	t.Helper()
	node, ok := t.snap().Place(t.now, key)
	if ok = ok && t.snap().Serves(node); ok != (want != "") || ok && node != want {
		t.Errorf("the key is at %q %t, want %q", node, ok, want)
	}
}

func (t *table) tells(key string, complete bool, want ...string) {
	t.Helper()
	got, all := t.snap().Tell(nil, key)
	slices.Sort(got)
	if !slices.Equal(got, want) || all != complete {
		t.Errorf("%q are told, %t, want %q, %t", got, all, want, complete)
	}
}

var ab, abc = []string{"A", "B"}, []string{"A", "B", "C"}

func TestOneNodeIsToldOfAKeyInTheSteadyState(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B", "C")
	p.says(view(2, 1, abc...), [][]string{abc}, abc...)
	p.hear()
	first := p.snap()
	p.later(4 * settle)
	for _, name := range abc {
		others := slices.DeleteFunc(slices.Clone(abc), func(s string) bool { return s == name })
		key := p.keyOf(append([]string{name}, others...)...)
		p.places(key, name)
		p.tells(key, true, name)
		if todo := p.r.Todo(p.now, name); todo.Swap || todo.Read {
			t.Errorf("%+v is to be done at %s", todo, name)
		}
	}
	if p.snap() != first {
		t.Error("the Snapshot is another one, and nothing has changed")
	}
}

// Not parallel: it counts allocations.
func TestAllocationsOfACall(t *testing.T) {
	p := sit(t, "A", "B", "C")
	p.says(view(2, 1, abc...), [][]string{abc}, abc...)
	p.later(settle)
	if n := testing.AllocsPerRun(100, func() {
		var buf [4]string
		s := p.snap()
		s.Place(p.now, "user:7:orders")
		s.Tell(buf[:0], "user:7:orders")
		s.Void("A", "user:7:orders", 1)
	}); n != 0 {
		t.Errorf("a place, and who is told, cost %.0f allocations", n)
	}
}

func TestAListStandsBeforeAnybodyGoesByIt(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B", "C")
	p.says(view(1, 1, ab...), [][]string{ab, abc}, abc...)
	p.later(2 * settle)
	for _, name := range abc {
		if p.r.Todo(p.now, name).Swap && name != "C" {
			t.Error("a node is put in use that another list does not have")
		}
	}
	p.says(view(1, 1, ab...), [][]string{abc}, abc...)
	gone := p.now
	for !p.r.Todo(p.now, "A").Swap {
		if p.later(1); p.now > gone+10*settle {
			t.Fatal("the new node is never put in use")
		}
	}
	if p.now < gone+settle {
		t.Errorf("it is put in use after %d, before every process can have heard that the list is gone", p.now-gone)
	}
	todo := p.r.Todo(p.now, "C")
	next := todo.Next(epoch + 9)
	if !todo.Rotate || len(next.Members) != 3 || next.Members[2].Since != next.Gen {
		t.Errorf("C comes with %+v, want it with a new epoch, in this Gen", todo)
	}
	if p.r.Todo(p.now, "A").Rotate {
		t.Error("A, which stays, begins a new epoch")
	}
}

func TestANodeThatLeavesLeavesAMark(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B", "C")
	p.says(view(1, 1, abc...), [][]string{ab, abc}, abc...)
	p.later(3 * settle)
	next := p.r.Todo(p.now, "A").Next(epoch + 9)
	if len(next.Members) != 2 || !slices.Equal(next.Left, []wire.Left{{Name: "C", Seq: epoch + 9}}) {
		t.Fatalf("A gets %+v, want A and B, and C as left", next)
	}
	p.says(next, [][]string{ab, abc}, abc...)
	p.hear()
	s, was, never := p.snap(), p.keyOf("C", "A", "B"), p.keyOf("A", "C", "B")
	for _, test := range []struct {
		key   string
		stamp uint64
		want  bool
	}{
		{was, epoch + 8, true},          // C may have been told in place of A
		{was, epoch + 9, false},         // after C had gone
		{never, epoch + 8, false},       // A was told
		{was, epoch + 1<<32 + 1, false}, // of another epoch: that is what the epoch is for
	} {
		if got := s.Void("A", test.key, test.stamp); got != test.want {
			t.Errorf("void %t of stamp %x, want %t", got, test.stamp, test.want)
		}
	}
}

// Another process has B and C, and may have heard of B that A is out of use.
func TestWhatEveryListHasMustSpeak(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "C")
	bc, ac := []string{"B", "C"}, []string{"A", "C"}
	p.says(view(1, 1, ab...), [][]string{ac}, "A")
	p.says(wire.Roster{Gen: 2}, [][]string{bc, ac}, "C")
	p.hear()
	key := p.keyOf("A", "B")
	p.places(key, "")
	p.later(settle + pollEvery)
	p.places(key, "")
	todo := p.r.Todo(p.now, "C")
	if next := todo.Next(9); !todo.Swap || !todo.Rotate || len(next.Members) != 1 || next.Members[0].Name != "C" {
		t.Errorf("%+v: nobody says that C is in use, as it is", todo)
	}
	p.r.Own(p.now, ab) // of these every list has B, which has a word
	p.says(view(1, 1, ab...), [][]string{bc, ab}, ab...)
	p.later(2 * settle)
	p.places(key, "A")
}

// Whoever has come while the list was away has not heard of it.
func TestAListThatIsBackCountsAsNew(t *testing.T) {
	t.Parallel()
	without, with := [][]string{abc}, [][]string{ab, abc}
	blank := func(p *table, names ...string) {
		p.says(wire.Roster{}, nil, names...)
		p.hear()
		p.says(wire.Roster{Patience: settle}, with, names...)
		p.hear()
		p.says(view(1, 1, abc...), with, names...)
	}
	for name, test := range map[string]struct {
		away func(p *table)
		anew bool
	}{
		"it was there":        {func(p *table) {}, false},
		"its lease has ended": {func(p *table) { p.says(view(1, 1, abc...), without, "A") }, true},
		"a node has lost its memory, and another one had the list": {func(p *table) { blank(p, "A") }, false},
		"all have lost their memory":                               {func(p *table) { blank(p, abc...) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := sit(t, abc...)
			p.says(view(1, 1, abc...), with, abc...)
			p.later(settle - 2*pollEvery)
			test.away(p)
			p.hear()
			p.says(view(1, 1, abc...), with, abc...)
			p.later(4 * pollEvery)
			if todo := p.r.Todo(p.now, "A"); todo.Swap == test.anew {
				t.Errorf("C is taken out of use: %t", todo.Swap)
			}
			p.later(settle)
			if todo := p.r.Todo(p.now, "A"); !todo.Swap || len(todo.Next(1).Members) != 2 {
				t.Errorf("C is not taken out of use: %+v", todo)
			}
		})
	}
}

// All was said again until the next look, and somebody has come before that.
func TestMemoryThatIsLostUnnoticedMakesAListNew(t *testing.T) {
	t.Parallel()
	p := sit(t, abc...)
	says := func(at wire.Roster) {
		p.says(at, [][]string{{"A", "D"}, abc}, "A") // which alone both lists have
		p.says(view(1, 1, abc...), [][]string{abc}, "B", "C")
	}
	says(view(1, 1, abc...))
	p.later(settle - 2*pollEvery)
	says(wire.Roster{Patience: settle})
	p.hear()
	says(view(1, 1, abc...))
	p.later(4 * pollEvery)
	if todo := p.r.Todo(p.now, "A"); todo.Swap {
		t.Error("B and C are taken out of use")
	}
	p.later(settle)
	if todo := p.r.Todo(p.now, "A"); !todo.Swap || len(todo.Next(1).Members) != 1 {
		t.Errorf("B and C are not taken out of use: %+v", todo)
	}
}

// The own list may not have been read for nearly settle when a short outage begins.
func TestOwnListIsNotForgottenInAShortOutage(t *testing.T) {
	t.Parallel()
	p := sit(t, "A")
	p.says(view(1, 1, "A"), [][]string{{"A"}}, "A")
	p.later(3 * settle)
	p.now += settle * 9 / 10
	p.r.Polled(p.now, "A")
	p.r.Failed(p.now+1, p.now+1, "A")
	p.now += settle * 2 / 10
	p.says(wire.Roster{}, nil, "A")
	p.hear()
	if todo := p.r.Todo(p.now, "A"); !todo.Swap || len(todo.Next(1).Members) != 1 {
		t.Errorf("A is not used at once: %+v", todo)
	}
}

// What was to be said when a node went down may never have come there: a process that starts
// in an outage would read nothing for as long as two that cannot agree wait for each other.
func TestWhatANodeDidNotHearBeforeItWentDownIsSaidWhenItIsBack(t *testing.T) {
	t.Parallel()
	p := sit(t, "A")
	p.says(wire.Roster{}, nil, "A")
	p.hear()
	if todo := p.r.Todo(p.now, "A"); !todo.Swap || len(todo.Next(1).Members) != 1 {
		t.Fatalf("the first process of a fleet does not say that A is in use: %+v", todo)
	}
	p.now++ // the swap fails
	p.r.Failed(p.now, p.now, "A")
	p.now++
	p.hear()
	if todo := p.r.Todo(p.now, "A"); !todo.Swap || len(todo.Next(1).Members) != 1 {
		t.Errorf("and not when A is back: %+v", todo)
	}
}

func TestMoreThanANodeTakesIsSaid(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range wire.MaxNodes/2 + 1 {
		names = append(names, fmt.Sprintf("n%04d", i))
	}
	p := sit(t, names...)
	p.says(wire.Roster{}, nil, names...)
	p.hear()
	if todo := p.r.Todo(p.now, names[0]); !todo.Full || todo.Swap || todo.Read {
		t.Errorf("%+v: twice %d names do not fit", todo, len(names))
	}
}

func TestANewNodeIsNotAloneToldUntilEverybodyUsesIt(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B", "C")
	p.says(view(1, 1, ab...), [][]string{abc}, abc...)
	p.later(settle)
	key := p.keyOf("C", "A", "B")
	p.tells(key, true, "A", "C")
	at := view(2, 1, ab...)
	at.Members = append(at.Members, wire.Member{Name: "C", Since: 2})
	p.says(at, [][]string{abc}, abc...)
	p.later(settle - 1)
	p.tells(key, true, "A", "C") // who has not heard yet reads at A
	p.later(2 * pollEvery)
	p.tells(key, true, "C")
}

func TestWhoHasJustStartedTellsTheOldPlaceToo(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B", "C")
	at := view(2, 1, ab...)
	at.Members, at.Changed = append(at.Members, wire.Member{Name: "C", Since: 2}), 2
	p.says(at, [][]string{abc}, abc...)
	p.hear()
	p.tells(p.keyOf("C", "A", "B"), true, "A", "C")
	p.later(settle + 1)
	p.tells(p.keyOf("C", "A", "B"), true, "C")
	if todo := p.r.Todo(p.now, "A"); !todo.Swap || todo.Next(1).Settled != 2 {
		t.Errorf("%+v: nobody is told that C is known to all", todo)
	}
}

func TestAListWithoutANodeEndsThatItAloneIsTold(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B", "C")
	p.says(view(1, 1, abc...), [][]string{abc}, abc...)
	p.later(settle)
	key := p.keyOf("C", "A", "B")
	p.tells(key, true, "C")
	p.says(view(1, 1, abc...), [][]string{ab, abc}, abc...)
	p.hear()
	p.tells(key, true, "A", "C") // it is about to be read at A
}

func TestWhoCannotTellANodeThatIsReadSaysSo(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.says(view(1, 1, abc...), [][]string{ab, abc}, ab...)
	p.later(settle)
	key, other := p.keyOf("C", "A", "B"), p.keyOf("A", "C", "B")
	p.tells(key, false, "A")
	p.tells(other, false, "A") // who reads key at C may make other of it
	if _, complete := p.snap().TellAll(nil); complete {
		t.Error("everything is told, and C is not")
	}
	p.places(key, "")
	p.says(view(2, 1, ab...), [][]string{ab, abc}, ab...)
	p.hear()
	p.tells(key, false, "A") // who has not heard yet reads at C
	p.later(settle)
	p.tells(key, true, "A")
}

func TestWhoHasJustStartedHearsOfWhatHasLeft(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	at := view(2, 1, ab...)
	at.Left, at.Changed = []wire.Left{{Name: "C", Seq: epoch}}, 2
	p.says(at, [][]string{ab}, ab...)
	p.hear()
	key := p.keyOf("C", "A", "B")
	p.tells(key, false, "A")
	p.later(settle)
	p.tells(key, true, "A")
	todo := p.r.Todo(p.now, "A")
	if at = todo.Next(1); !todo.Swap || at.Settled != 2 {
		t.Fatalf("%+v: nobody is told that all know that C has left", todo)
	}
	p = sit(t, "A", "B")
	p.says(at, [][]string{ab}, ab...)
	p.hear()
	p.tells(key, true, "A") // that was long ago
}

func TestNobodySaysThatAllHaveHeardOfWhatHasJustLeft(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.says(view(1, 1, abc...), [][]string{ab}, ab...)
	p.later(2 * settle)
	at := view(2, 1, ab...)
	at.Left, at.Changed = []wire.Left{{Name: "C", Seq: epoch}}, 2
	p.says(at, [][]string{ab}, ab...)
	p.later(settle)
	if todo := p.r.Todo(p.now, "A"); todo.Swap {
		t.Errorf("%+v is said, and somebody may not have polled since", todo)
	}
	p.later(pollEvery)
	if todo := p.r.Todo(p.now, "A"); !todo.Swap || todo.Next(1).Settled != 2 {
		t.Errorf("%+v: nobody is told that all know that C has left", todo)
	}
}

func TestNodesThatDoNotAgreePlaceWhatTheyAgreeOn(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B", "C")
	p.says(view(1, 1, abc...), [][]string{abc}, abc...)
	p.says(view(2, 1, ab...), [][]string{abc}, "B")
	p.hear()
	p.places(p.keyOf("A", "B", "C"), "A")
	p.places(p.keyOf("C", "A", "B"), "")
}

func TestANodeThatMissedThatItWentIsNotRead(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B", "C")
	at := view(2, 1, ab...)
	at.Members = append(at.Members, wire.Member{Name: "C", Since: 2})
	p.says(at, [][]string{abc}, ab...)
	p.says(view(1, 1, abc...), [][]string{abc}, "C")
	p.later(2 * settle)
	p.places(p.keyOf("C", "A", "B"), "")
	if todo := p.r.Todo(p.now, "C"); !todo.Rotate || todo.Next(1).Members[2].Since != 2 {
		t.Errorf("%+v: C goes on with what it had", todo)
	}
	p.says(view(1, 1, abc...), [][]string{abc}, "C")
	p.says(view(2, 1, ab...), [][]string{abc}, ab...)
	p.later(settle)
	if todo := p.r.Todo(p.now, "C"); !todo.Rotate || todo.Next(1).Members[2].Since <= 2 {
		t.Errorf("%+v: C, which is out of use since, comes back with what it had", todo)
	}
}

func TestWhoWasStoppedReadsNothingAndHasToldNobody(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.says(view(1, 1, ab...), [][]string{ab}, ab...)
	p.later(settle)
	key := p.keyOf("A", "B")
	p.now += settle
	if p.snap().Fresh(p.now) {
		t.Error("what is known is fresh, although nobody was asked")
	}
	p.places(key, "")
	for _, name := range ab {
		p.r.Polled(p.now, name)
	}
	p.places(key, "A")
	old := p.snap()
	p.r.Changed(p.now, "A")
	p.now += settle
	for _, name := range ab {
		p.r.Polled(p.now, name) // its log says that the roster was changed; it is not read yet
	}
	p.places(key, "")
	p.says(view(2, 1, "B"), [][]string{ab}, ab...)
	p.hear()
	if old.Fresh(p.now) {
		t.Error("a Snapshot from before is fresh, by polls after it")
	}
}

func TestANodeThatIsDownHoldsNothingAndHidesNothing(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.says(view(1, 1, ab...), [][]string{ab}, ab...)
	p.later(settle)
	p.r.Failed(p.now, p.now, "A")
	p.places(p.keyOf("A", "B"), "")
	p.places(p.keyOf("B", "A"), "B")
	p.tells(p.keyOf("A", "B"), true, "A") // which fails
	for range 2 {
		p.now += settle / 2
		p.r.Polled(p.now, "B")
	}
	p.places(p.keyOf("B", "A"), "") // A may be back, and say something else
	p.r.Failed(p.now, p.now, "A")
	p.places(p.keyOf("B", "A"), "B")
}

func TestANodeThatLostItsMemoryGetsItBack(t *testing.T) {
	t.Parallel()
	p, fresh := sit(t, "A", "B"), sit(t, "A", "B")
	p.says(view(1, 1, ab...), [][]string{ab}, ab...)
	p.later(2 * settle)
	p.says(wire.Roster{}, nil, "A")
	p.later(pollEvery)
	p.places(p.keyOf("B", "A"), "B")
	todo := p.r.Todo(p.now, "A")
	if next := todo.Next(1); !todo.Rotate || len(next.Lists) != 1 || !slices.Equal(next.Members, view(1, 1, ab...).Members) {
		t.Errorf("A gets %+v back", todo)
	}
	if p.r.Todo(p.now, "B").Rotate {
		t.Error("B begins a new epoch because A did")
	}

	// A may have said that B is out of use. Who has not heard it there asks for B anew.
	fresh.says(view(1, 1, ab...), [][]string{ab}, "B")
	fresh.says(wire.Roster{}, [][]string{ab}, "A")
	fresh.later(2 * settle)
	fresh.places(p.keyOf("B", "A"), "")
	if !fresh.r.Todo(fresh.now, "B").Rotate {
		t.Error("B goes on with what it had, and nobody knows whether it was in use")
	}
}

func TestFixedKnowsEverything(t *testing.T) {
	t.Parallel()
	s := roster.Fixed("A")
	node, ok := s.Place(1<<60, "k")
	told, complete := s.Tell(nil, "k")
	all, whole := s.TellAll(nil)
	if node != "A" || !ok || !slices.Equal(told, []string{"A"}) || !complete || !slices.Equal(all, told) || !whole || s.Void("A", "k", 1) || !s.Fresh(1<<60) {
		t.Error("one node is not enough")
	}
}

func TestTheDeadAreTakenOutAndTheOwnListIsPutIn(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.r.Polled(1, "A")
	p.r.Saw(1, 1, "A", wire.Roster{Gen: 4, Lists: [][]string{abc}}, 7, []bool{false})
	todo := p.r.Todo(1, "A")
	if next := todo.Next(1); todo.CAS != 7 || next.Gen != 5 || len(next.Lists) != 1 || !slices.Equal(next.Lists[0], ab) {
		t.Errorf("A gets %+v", todo)
	}
	if !p.r.Todo(1, "B").Read {
		t.Error("B is not read")
	}
}

func TestWhoWasStoppedDoesNotKnowWhatANodeHadBeforeItLostItsMemory(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.says(view(1, 1, ab...), [][]string{ab}, ab...)
	p.later(2 * settle)
	p.now += settle
	p.says(wire.Roster{}, nil, "A")
	p.hear()
	p.places(p.keyOf("B", "A"), "")
}

// A machine takes longer to restart than settle.
func TestANodeThatIsBackWithoutItsMemoryIsNoConcernOfTheOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pause int64    // in which this process is stopped, before the node is back
		first string   // which of the nodes is read first then
		list  []string // of another process
		known bool
	}{
		"another node was heard of all the time":         {0, "A", ab, true},
		"nothing was heard for a while":                  {settle, "A", ab, false},
		"nothing was heard for a while, B is read first": {settle, "B", ab, false},
		"somebody had the one alone":                     {0, "A", []string{"A"}, false}, // and may have told it what he did not tell B
	} {
		p := sit(t, "A", "B")
		p.says(view(1, 1, ab...), [][]string{ab, c.list}, ab...)
		p.later(2 * settle)
		p.r.Failed(p.now, p.now, "A")
		b := func() {
			p.r.Polled(p.now, "B")
			p.r.Saw(p.now, p.now, "B", p.at["B"], 1, []bool{true, true})
		}
		for range 5 * settle / pollEvery {
			p.now += pollEvery
			b()
		}
		p.now += c.pause
		p.says(wire.Roster{}, [][]string{ab, c.list}, "A")
		if c.first == "B" {
			b()
		}
		p.hear()
		if node, ok := p.snap().Place(p.now, p.keyOf("B", "A")); ok != c.known {
			t.Errorf("%s: the key is at %q %t, want %t", name, node, ok, c.known)
		}
		p.later(2 * settle)
		if todo := p.r.Todo(p.now, "A"); c.known && (!todo.Rotate || p.r.Todo(p.now, "B").Rotate) {
			t.Errorf("%s: %+v is to be done at A, and B begins anew %t", name, todo, p.r.Todo(p.now, "B").Rotate)
		}
	}
}

func TestNobodyChangesTheViewByOldReadings(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B", "C")
	p.says(view(1, 1, ab...), [][]string{abc}, abc...)
	p.hear()
	p.now += settle / 2
	p.hear()
	p.now += settle/2 + 1 // a list may have come since
	if todo := p.r.Todo(p.now, "A"); todo.Swap || !todo.Read {
		t.Errorf("%+v, want A to be read again", todo)
	}
}

func TestAListThatIsNotEverywhereYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B", "C")
	p.says(view(1, 1, abc...), [][]string{abc, ab}, "A")
	p.says(view(1, 1, abc...), [][]string{abc}, "B", "C")
	p.later(3 * settle)
	if p.r.Todo(p.now, "A").Swap {
		t.Error("C is taken out, and who asks B alone has not heard of the list")
	}
}

// A list stands for a while after it has gone, so that nobody goes by that too early: nor to
// take out what it did not have.
func TestAListThatIsGoneTakesNothingOutOfUse(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B", "C")
	p.says(view(1, 1, abc...), [][]string{abc}, abc...)
	p.later(2 * settle)
	p.says(view(1, 1, abc...), [][]string{abc, ab}, ab...)
	p.later(settle)
	p.says(view(1, 1, abc...), [][]string{abc}, ab...)
	p.later(pollEvery)
	if todo := p.r.Todo(p.now, "A"); todo.Swap {
		t.Errorf("A gets %+v", todo)
	}
}

func TestANodeThatIsDownKeepsTheListsThatItAloneHas(t *testing.T) {
	t.Parallel()
	a := []string{"A"}
	p := sit(t, "A", "B")
	p.says(view(1, 1, "A"), [][]string{a, ab}, ab...)
	p.says(view(1, 1, "A"), [][]string{ab}, "B")
	p.later(settle)
	for range 5 * settle / pollEvery {
		p.now += pollEvery
		p.r.Failed(p.now, p.now, "A")
		p.r.Polled(p.now, "B")
		p.r.Saw(p.now, p.now, "B", p.at["B"], 1, []bool{true})
		if p.r.Todo(p.now, "B").Swap {
			t.Fatal("B is used, which the process with the other list does not have")
		}
	}
}

func TestWhoIsNotRegisteredHasToldNobody(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		at    wire.Roster
		lists [][]string
		want  bool
	}{
		"registered":     {view(1, 1, ab...), [][]string{ab}, true},
		"not registered": {view(1, 1, ab...), [][]string{abc}, false},
		"no view":        {wire.Roster{}, [][]string{ab}, false},
	} {
		p := sit(t, "A", "B")
		p.says(c.at, c.lists, ab...)
		p.hear()
		if _, complete := p.snap().Tell(nil, "k"); complete != c.want {
			t.Errorf("%s: complete %t", what, complete)
		}
	}
}

func TestWhatALaterReleaseSaysIsNotWrittenOver(t *testing.T) {
	t.Parallel()
	p := sit(t, "A", "B")
	p.r.Unreadable(p.now, p.now, "A")
	p.r.Saw(p.now, p.now, "B", wire.Roster{}, 0, nil) // a new server; or one that the later release knows well, and that has lost its memory
	if p.r.Young() {
		t.Error("this is no new fleet")
	}
	if todo := p.r.Todo(p.now, "A"); todo.Swap {
		t.Errorf("A gets %+v", todo)
	}
	if todo := p.r.Todo(p.now, "B"); len(todo.Next(1).Members) > 0 {
		t.Errorf("B hears from a process that has just come who is in use: %+v", todo)
	}
	p.tells("k", false, "A", "B")
}
