package lru_test

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// numbers_test.go is how entries are found by numbers, and when they are not any more.

// tally is what the engine counts in; here only who it is matters.
type tally struct{ _ byte }

// family are the entries of one name in one Cache.
type family struct {
	c       *lru.Cache
	numbers *lru.Numbers
	kind    *tier.Kind
}

func newFamily(c *lru.Cache) family {
	t := new(tally)
	return family{c, c.Numbers(t), &tier.Kind{Tally: t}}
}

func (f family) key(i uint64) string { return "user:" + strconv.FormatUint(i, 10) }

func (f family) entry(i uint64) *tier.Entry {
	return &tier.Entry{Key: f.key(i), Value: i, Kind: f.kind}
}

func (f family) set(i uint64) *tier.Entry {
	e := f.entry(i)
	f.c.Set(e.Key, e)
	return e
}

// find is what the engine does with a number.
func (f family) find(i uint64) *tier.Entry {
	if e := f.numbers.Get(i); e != nil {
		return e
	}
	return f.numbers.Find(i, wordsOf(f.key(i)))
}

// stood is a family with room for all, whose number 7 has a slot.
func stood() (f family, e *tier.Entry) {
	f = newFamily(lru.New(1000))
	f.numbers.Open()
	e = f.set(7)
	f.find(7)
	if f.numbers.Get(7) != e {
		panic("it has no slot")
	}
	return f, e
}

// gone fails if number 7 is found, or its slot holds e.
func (f family) gone(t *testing.T, e *tier.Entry) {
	t.Helper()
	if got := f.numbers.Get(7); got != nil {
		t.Errorf("it is found: %v", got)
	}
	if f.numbers.Holds(e) {
		t.Error("its slot holds it")
	}
}

func TestNumbersAreFound(t *testing.T) {
	t.Parallel()
	f := newFamily(lru.New(1000))
	var want [900]*tier.Entry
	for i := range want {
		want[i] = f.set(uint64(i))
	}
	for round := range 20 { // in which there come to be slots for all
		for i, e := range want {
			if got := f.find(uint64(i)); got != e {
				t.Fatalf("round %d: %d is %v", round, i, got)
			}
		}
	}
	direct := 0
	for i, e := range want {
		switch f.numbers.Get(uint64(i)) {
		case e:
			direct++
		case nil:
		default:
			t.Errorf("%d is another one", i)
		}
	}
	if direct != len(want) {
		t.Errorf("%d of %d are found by their numbers alone", direct, len(want))
	}
	for _, i := range []uint64{900, 1024, 1<<30 - 1, 1 << 30, 1<<32 + 7, 1<<64 - 1} {
		if e := f.numbers.Get(i); e != nil {
			t.Errorf("%d is %v", i, e)
		}
	}
}

// TestWhatHasLeftIsNotFound: from when the Set, the Delete or the Clear returns.
func TestWhatHasLeftIsNotFound(t *testing.T) {
	t.Parallel()
	for how, leave := range map[string]func(f family, e *tier.Entry){
		"Delete": func(f family, e *tier.Entry) { f.c.Delete(e.Key) },
		"Clear":  func(f family, e *tier.Entry) { f.c.Clear() },
		"Set":    func(f family, e *tier.Entry) { f.set(7) },
		"eviction": func(f family, e *tier.Entry) {
			for i := uint64(1000); f.c.Peek(e.Key) == e; i++ { // others that are used as well
				f.c.Get(f.set(i).Key)
			}
		},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			f, e := stood()
			leave(f, e)
			if got := f.numbers.Get(7); got != nil {
				t.Errorf("it is found: %v", got)
			}
			want := f.c.Get(e.Key)
			if got := f.find(7); got != want {
				t.Errorf("it is %v, want %v", got, want)
			}
			if want != nil && f.numbers.Get(7) != want {
				t.Error("what came in its place has no slot")
			}
		})
	}
}

// TestWhatHasLeftIsHeldByNoSlot:
//
//  1. a Find has found e
//  2. e leaves, and Forget finds no slot that has it
//  3. the Find gives e a slot
func TestWhatHasLeftIsHeldByNoSlot(t *testing.T) {
	t.Parallel()
	f := newFamily(lru.New(1000))
	f.numbers.Open()
	e := f.set(7)
	put := f.numbers.Begin()
	f.c.Delete(e.Key)
	f.numbers.Forget(e)
	put(7, e)
	f.gone(t, e)

	f, e = stood() // it has its number already
	put = f.numbers.Begin()
	f.c.Delete(e.Key)
	f.numbers.Forget(e)
	put(7, e)
	f.gone(t, e)

	f, e = stood()
	f.c.Delete(e.Key)
	f.numbers.Forget(e)
	f.gone(t, e)
}

// TestWhatWasClearedIsNotPutIntoNewSlots:
//
//  1. a Find has found e
//  2. a Clear drops e, and the slots; others make new ones
//  3. the Find gives e a slot
func TestWhatWasClearedIsNotPutIntoNewSlots(t *testing.T) {
	t.Parallel()
	f, e := stood()
	put := f.numbers.Begin()
	f.c.Clear()
	if n := f.numbers.Slots(); n != 0 {
		t.Errorf("%d slots after a Clear, which hold what was there", n)
	}
	f.numbers.Open()
	put(7, e)
	f.gone(t, e)
}

// TestWhatWasReplacedIsNotPut:
//
//  1. a Find has found e
//  2. another e is Set
//  3. the Find gives the first one a slot
func TestWhatWasReplacedIsNotPut(t *testing.T) {
	t.Parallel()
	f := newFamily(lru.New(1000))
	f.numbers.Open()
	e := f.set(7)
	put := f.numbers.Begin()
	next := f.set(7)
	f.numbers.Forget(e)
	put(7, e)
	f.gone(t, e)
	if f.find(7) != next || f.numbers.Get(7) != next {
		t.Error("what came in its place is not found")
	}
}

// TestAnEntryThatComesBackIsForgottenAgain: what it was known by is not known any more when it is
// Set once more, and so its slot would hold it.
func TestAnEntryThatComesBackIsForgottenAgain(t *testing.T) {
	t.Parallel()
	f, e := stood()
	put := f.numbers.Begin()
	f.c.Delete(e.Key)
	f.numbers.Forget(e)
	f.c.Set(e.Key, e)
	put(7, e)
	if f.numbers.Get(7) != e {
		t.Error("it is not found")
	}
	f.c.Delete(e.Key)
	f.numbers.Forget(e)
	f.gone(t, e)
}

// TestNumbersOfAnotherName: the Tally says whose an entry is, and who hears of its end.
func TestNumbersOfAnotherName(t *testing.T) {
	t.Parallel()
	c := lru.New(1000)
	f, other := newFamily(c), newFamily(c)
	f.numbers.Open()
	e := f.set(7)
	if other.find(7) != e || other.numbers.Holds(e) {
		t.Error("an entry of another name has a slot")
	}
	none := &tier.Entry{Key: f.key(8)}
	c.Set(none.Key, none)
	if f.find(8) != none || f.numbers.Holds(none) {
		t.Error("an entry of no name has a slot")
	}
}

// TestNumbersThatMeet: the first has the slot for as long as it stands.
func TestNumbersThatMeet(t *testing.T) {
	t.Parallel()
	f, e := stood()
	then := 7 + uint64(f.numbers.Slots())
	other := f.set(then)
	for range 3 {
		if f.find(then) != other || f.find(7) != e || f.numbers.Get(7) != e {
			t.Fatal("one of the two is not found, or its slot goes from hand to hand")
		}
	}
	f.c.Delete(e.Key)
	if f.find(then) != other || f.numbers.Get(then) != other {
		t.Error("a slot is kept for what has left")
	}
}

// TestAHitByNumberIsAUse: what is asked for stays, while others come and go.
func TestAHitByNumberIsAUse(t *testing.T) {
	t.Parallel()
	f, e := stood()
	for i := range uint64(20_000) {
		if i%100 == 0 && f.numbers.Get(7) != e {
			t.Fatalf("it has left after %d others", i)
		}
		if key := f.set(1000 + i).Key; i%2 == 0 {
			f.c.Get(key)
		}
	}
}

// TestNoNumberIsThatOfAnEntryWithout: -1 is what follows in an entry that says of no number.
func TestNoNumberIsThatOfAnEntryWithout(t *testing.T) {
	t.Parallel()
	f := newFamily(lru.New(1000))
	last := uint64(f.numbers.Open() - 1)
	e := f.set(last)
	f.find(last)
	f.c.Delete(e.Key)
	f.c.Set(e.Key, e) // it has a slot, and its number is not known
	if f.numbers.Get(1<<64-1) != nil {
		t.Errorf("-1 is %v", e)
	}
}

// TestSlotsAreBounded: two for each entry that there is room for, whatever is asked for.
func TestSlotsAreBounded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 100, 5000} {
		c := lru.New(size)
		var all []*lru.Numbers
		for range 50 {
			f := newFamily(c)
			f.numbers.Open()
			all = append(all, f.numbers)
		}
		count := func() (n int) {
			for _, one := range all {
				n += one.Slots()
			}
			return n
		}
		if n := count(); n > 2*size || size >= 100 && n < size {
			t.Errorf("%d slots for %d entries", n, size)
		}
		c.Clear()
		if n := count(); n != 0 {
			t.Errorf("%d slots after a Clear", n)
		}
		if n := all[7].Open(); size >= 100 && n < size {
			t.Errorf("%d slots after a Clear, for %d entries", n, size)
		}
	}
}

// TestFunctionsThatComeLateHaveSlots: twenty that are asked for as many numbers have about as many slots,
// though the first one had been given all of them. And they keep them.
func TestFunctionsThatComeLateHaveSlots(t *testing.T) {
	t.Parallel()
	const size, functions = 10_000, 20
	c := lru.New(size)
	var all []*lru.Numbers
	for range functions {
		f := newFamily(c)
		f.numbers.Open()
		all = append(all, f.numbers)
	}
	count := func() (sizes []int, sum int) {
		for _, n := range all {
			sizes = append(sizes, n.Slots())
			sum += n.Slots()
		}
		return sizes, sum
	}
	before, sum := count()
	if least, most := slices.Min(before), slices.Max(before); least < size/functions/2 || most > 4*least || sum > 2*size {
		t.Errorf("slots for %d entries: %v", size, before)
	}
	for range 3 {
		for _, n := range all {
			n.Open()
		}
	}
	if after, _ := count(); !slices.Equal(before, after) {
		t.Errorf("they take them from each other: %v, then %v", before, after)
	}
}

// TestNumbersBesideWriters has values that count up: a look finds none that was replaced before it
// began, and none that is yet to come.
func TestNumbersBesideWriters(t *testing.T) {
	t.Parallel()
	const many = 8
	f := newFamily(lru.New(100))
	f.numbers.Open()
	var begun, done [many]atomic.Int64 // every third deletes, the others set
	var readers sync.WaitGroup
	var stop atomic.Bool
	for range 2 {
		readers.Go(func() {
			for i := uint64(0); !stop.Load(); i++ {
				k := i % many
				first := done[k].Load()
				e := f.find(k)
				last := begun[k].Load()
				switch {
				case e == nil && first == last && first%3 != 0:
					t.Errorf("%d was there and is not found", k)
				case e != nil:
					if n := e.Value.(int64); n < first || n > last {
						t.Errorf("%d is of change %d, looked for between %d and %d", k, n, first, last)
					}
				}
			}
		})
	}
	for i := range uint64(20_000) {
		k := i * 5 % many
		n, key := begun[k].Add(1), f.key(k)
		old := f.c.Peek(key)
		if n%3 == 0 {
			f.c.Delete(key)
		} else {
			f.c.Set(key, &tier.Entry{Key: key, Value: n, Kind: f.kind})
		}
		if old != nil {
			f.numbers.Forget(old)
		}
		done[k].Store(n)
	}
	stop.Store(true)
	readers.Wait()
}

// TestWhatHasLeftHasItsNumber: a request goes on with what it has read.
func TestWhatHasLeftHasItsNumber(t *testing.T) {
	t.Parallel()
	f := newFamily(lru.New(1000))
	e := f.entry(7)
	if lru.HasNumber(e, 7) || lru.HasNumber(e, 0) {
		t.Error("it has a number that nobody has noted")
	}
	newFamily(f.c).numbers.Note(e, 7)
	if lru.HasNumber(e, 7) {
		t.Error("another name has noted a number")
	}
	f.numbers.Note(e, 7)
	f.numbers.Note(e, 7)
	if !lru.HasNumber(e, 7) || lru.HasNumber(e, 8) || lru.HasNumber(e, 6) || f.numbers.Get(7) != nil {
		t.Error("its number is not the one that was noted, or it stands")
	}
	f, e = stood()
	f.c.Delete(e.Key)
	f.numbers.Forget(e)
	if !lru.HasNumber(e, 7) {
		t.Error("it has lost its number")
	}
}

// TestAHitThatCanHaveNoSlotWritesNothing: neither the first of a name that comes when others have
// all the slots, nor one that meets another where there are no more slots to be had. What they
// would write is on a line that all processors share.
func TestAHitThatCanHaveNoSlotWritesNothing(t *testing.T) {
	t.Parallel()
	c := lru.New(100)
	first, then := newFamily(c), newFamily(c)
	for _, f := range []family{first, then, newFamily(c)} { // the third halves those of the first
		f.numbers.Open()
	}
	late := newFamily(c)
	late.set(7)
	for name, f := range map[string]family{"meets another": then, "comes late": late} {
		if name == "meets another" && f.numbers.Slots() == 0 {
			t.Fatal("there are no slots for a second name")
		}
		f.set(7)
		f.set(7 + 1<<10)
		for range 2 {
			f.find(7)
			f.find(7 + 1<<10)
		}
		before := f.numbers.Tries()
		for range 10 {
			if f.find(7+1<<10) == nil {
				t.Fatal("it is not there")
			}
		}
		if n := f.numbers.Tries() - before; n != 0 {
			t.Errorf("who %s writes at each hit: %d times in 10", name, n)
		}
	}
}
