package coherence_test

import (
	"math"
	"slices"
	"testing"

	"github.com/tiermemo/tiermemo/internal/coherence"
)

// log_poll_test.go is what happens before the first poll of a log, and while one
// is under way.

func TestLogThatHasReadNothing(t *testing.T) {
	t.Parallel()
	l := coherence.Log{GiveUp: giveUp}
	if wanted := l.Wanted(); wanted != nil {
		t.Errorf("wants %d before it knows the counter", wanted)
	}
	l.Own(first + 1) // an invalidation before the first poll
	l.Own(1)
	if n := l.Covered(); n != 0 {
		t.Errorf("covers %d, want 0", n)
	}
	// No counter of ours is that small: an operator wrote it. It is one, nevertheless.
	if act := poll(&l, 0, 5, nil); !act.Purge || act.Complete || act.More || l.Covered() != 0 {
		t.Errorf("purge %v, complete %v, more %v, covered %d; want to begin at 5", act.Purge, act.Complete, act.More, l.Covered())
	}
}

// Numbers up to that of the first poll may be those of invalidations under way:
// counted, and neither deleted nor written. Their records are never read.
func TestWhatIsReadWhileTheFirstNumbersAreOpenIsForgotten(t *testing.T) {
	t.Parallel()
	l := coherence.Log{GiveUp: giveUp}
	poll(&l, 0, first+10, nil)
	act := poll(&l, ms(99), first+11, map[uint64][]byte{first + 11: record(first + 11)})
	if act.Purge || act.Complete || !slices.Equal(dropped(act), []uint64{first + 11}) || l.Covered() != first {
		t.Errorf("purge %v, complete %v, drops %d, covered %d; want to read on, and to cover nothing", act.Purge, act.Complete, dropped(act), l.Covered())
	}
	if act := poll(&l, ms(100), first+11, nil); !act.Purge || !act.Complete || l.Covered() != first+11 {
		t.Errorf("purge %v, complete %v, covered %d; want to forget once, and to cover all", act.Purge, act.Complete, l.Covered())
	}
	if act := poll(&l, ms(101), first+11, nil); act.Purge || !act.Complete {
		t.Errorf("purge %v, complete %v afterwards", act.Purge, act.Complete)
	}
}

func TestEpochThatNobodyCountedInIsCoveredAtOnce(t *testing.T) {
	t.Parallel()
	l := coherence.Log{GiveUp: giveUp}
	if act := poll(&l, 0, first, nil); !act.Purge || !act.Complete || l.Covered() != first {
		t.Errorf("purge %v, complete %v, covered %d; want to begin", act.Purge, act.Complete, l.Covered())
	}
}

func TestNumbersOfEpochsThatAreNeighboursHaveNoOrder(t *testing.T) {
	t.Parallel()
	l := coherence.Log{GiveUp: giveUp}
	start(&l, other-1)
	l.Own(other) // of the epoch that the next poll will find
	if n := l.Covered(); n != other-1 {
		t.Errorf("covers %d, of an epoch that it has not seen", n)
	}
	if act := poll(&l, 0, other+1, nil); !act.Purge || act.Complete || l.Covered() != other {
		t.Errorf("purge %v, complete %v, covered %d; want to begin anew, and to wait for the record", act.Purge, act.Complete, l.Covered())
	}
}

func TestWantedIsTheHolesAndWhatComesNext(t *testing.T) {
	t.Parallel()
	l := coherence.Log{GiveUp: giveUp}
	start(&l, first+10)
	poll(&l, 0, first+18, map[uint64][]byte{first + 12: record(first + 12), first + 14: record(first + 14)})
	want := []uint64{first + 11, first + 13}
	for n := first + 15; n <= first+34; n++ { // 8 were found: there is room for 16 more
		want = append(want, n)
	}
	for range 50 { // the order of a map is right by chance, now and then
		if got := l.Wanted(); !slices.Equal(got, want) {
			t.Fatalf("wants %d, want %d", got, want)
		}
	}
}

// What the next poll asks for follows what the last one found, in all of its commands.
func TestRoomIsForWhatTheLastPollFound(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		found uint64
		wants []int // by each command that it takes, and by the next poll
	}{
		{0, []int{8, 8}},
		{2, []int{8, 8}},
		{3, []int{8, 9}},
		{8, []int{8, 16}},
		{9, []int{8, 8, 17}},   // 1 is left
		{40, []int{8, 46, 56}}, // 32 are
		{200, []int{8, 246, 256}},
		{264, []int{8, 256, 256}},
		{265, []int{8, 256, 8, 256}},
		{4096, append([]int{8}, slices.Repeat([]int{256}, 17)...)},
	} {
		l := coherence.Log{GiveUp: giveUp}
		start(&l, first)
		store := map[uint64][]byte{}
		for n := range test.found {
			store[first+1+n] = record(first + 1 + n)
		}
		for i, want := range test.wants {
			if got := len(l.Wanted()); got != want {
				t.Errorf("%d records: command %d asks for %d numbers, want %d", test.found, i, got, want)
			}
			act := poll(&l, 0, first+test.found, store)
			if over := i >= len(test.wants)-2; act.More == over || act.Complete != over {
				t.Errorf("%d records: command %d: more %v, complete %v", test.found, i, act.More, act.Complete)
			}
		}
		if got := len(l.Wanted()); got != 8 {
			t.Errorf("%d records: %d numbers after a poll that found nothing, want 8", test.found, got)
		}
	}
}

func TestRecordBeyondTheCounterIsTheNextPolls(t *testing.T) {
	t.Parallel()
	l := coherence.Log{GiveUp: giveUp}
	start(&l, first+10)
	// The counter is read, an invalidation counts to 11 and writes, record 11 is read.
	store := map[uint64][]byte{first + 11: record(first + 11)}
	if act := poll(&l, 0, first+10, store); len(act.Drop) > 0 || !act.Complete {
		t.Errorf("drops %d, complete %v, at a counter that has not come there", dropped(act), act.Complete)
	}
	if act := poll(&l, 0, first+11, store); !slices.Equal(dropped(act), []uint64{first + 11}) {
		t.Errorf("the next poll drops %d, want record 11", dropped(act))
	}
}

func TestWhatChangedDuringThePollIsNoHole(t *testing.T) {
	t.Parallel()
	t.Run("this process wrote what was one", func(t *testing.T) {
		t.Parallel()
		l := coherence.Log{GiveUp: giveUp}
		start(&l, first+10)
		poll(&l, 0, first+11, nil) // 11 is this process's, under way
		wanted := l.Wanted()
		l.Own(first + 11) // while the answer without the record is on its way
		if act := read(&l, 0, first+11, wanted, make([][]byte, len(wanted))); !act.Complete || l.Covered() != first+11 {
			t.Errorf("complete %v, covered %d: an applied number is open again", act.Complete, l.Covered())
		}
	})
	t.Run("this process began an epoch", func(t *testing.T) {
		t.Parallel()
		l := coherence.Log{GiveUp: giveUp}
		start(&l, first+10)
		wanted := l.Wanted() // numbers of the old epoch
		l.Restart(other)
		act := read(&l, 0, other, wanted, make([][]byte, len(wanted)))
		if act.Purge || !act.Complete || l.Covered() != other {
			t.Errorf("purge %v, complete %v, covered %d: numbers of the old epoch are open in the new one", act.Purge, act.Complete, l.Covered())
		}
		if act := poll(&l, ms(1000), other, nil); act.Purge {
			t.Error("a purge, for numbers of the old epoch")
		}
	})
	t.Run("this process began an epoch, and others counted in it", func(t *testing.T) {
		t.Parallel()
		l := coherence.Log{GiveUp: giveUp}
		start(&l, first+10)
		wanted := l.Wanted()
		l.Restart(other)
		act := read(&l, 0, other+1, wanted, make([][]byte, len(wanted)))
		if act.Purge || act.Complete || !act.More || l.Covered() != other {
			t.Errorf("purge %v, complete %v, more %v, covered %d; want to read on", act.Purge, act.Complete, act.More, l.Covered())
		}
		act = poll(&l, 0, other+1, map[uint64][]byte{other + 1: record(other + 1)})
		if !act.Complete || !slices.Equal(dropped(act), []uint64{other + 1}) {
			t.Errorf("complete %v, drops %d; want record 1 of the new epoch", act.Complete, dropped(act))
		}
	})
}

func TestNothingIsCoveredBeforeItIsDone(t *testing.T) {
	t.Parallel()
	// An invalidation of this process, its number 12, ends while the poll that has
	// read record 11 is about to drop its key.
	l := coherence.Log{GiveUp: giveUp}
	start(&l, first+10)
	wanted := l.Wanted()
	l.Read(0, first+11, wanted, look(map[uint64][]byte{first + 11: record(first + 11)}, wanted))
	l.Own(first + 12)
	if n := l.Covered(); n != first+10 {
		t.Errorf("covers %d before record 11 is applied, want %d", n, first+10)
	}
	l.Done()
	if n := l.Covered(); n != first+12 {
		t.Errorf("covers %d, want both", n)
	}

	// The same while it is about to forget everything.
	l.Read(0, other, nil, nil)
	if n := l.Covered(); n != first+12 {
		t.Errorf("covers %d before everything is forgotten, want what was covered before", n)
	}
	l.Done()
	if n := l.Covered(); n != other {
		t.Errorf("covers %d, want %d", n, other)
	}
}

func TestARestartIsDoneAtOnce(t *testing.T) {
	t.Parallel()
	// While a poll is about to forget everything, this process begins an epoch: it
	// has forgotten everything already.
	l := coherence.Log{GiveUp: giveUp}
	start(&l, first+10)
	l.Read(0, first+9, nil, nil)
	l.Restart(other)
	if n := l.Covered(); n != other {
		t.Errorf("covers %d, want %d", n, other)
	}
}

func TestRestartForgetsWhatWasOpen(t *testing.T) {
	t.Parallel()
	l := coherence.Log{GiveUp: giveUp}
	start(&l, first+10)
	poll(&l, 0, first+30, nil) // holes, and more to read
	l.Own(first + 50)
	l.Restart(other)
	if wanted := l.Wanted(); len(wanted) != 8 || wanted[0] != other+1 {
		t.Errorf("wants %d, want the 8 numbers behind the new one", wanted)
	}
	if n := l.Covered(); n != other {
		t.Errorf("covers %d, want %d", n, other)
	}
}

func TestCounterAtTheEndOfItsNumbers(t *testing.T) {
	t.Parallel()
	// No counter of ours comes there; what an operator has written there must not
	// stop a process.
	for back := range uint64(300) {
		l := coherence.Log{GiveUp: giveUp}
		seq := math.MaxUint64 - back
		start(&l, seq)
		if wanted := l.Wanted(); len(wanted) != 8 {
			t.Fatalf("at %d it wants %d numbers, want 8", seq, len(wanted))
		}
		if act := poll(&l, 0, seq, nil); act.Purge || !act.Complete {
			t.Errorf("at %d: purge %v, complete %v, although nothing was counted", seq, act.Purge, act.Complete)
		}
	}
}
