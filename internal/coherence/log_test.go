package coherence_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/coherence"
)

const giveUp = 100 * time.Millisecond

// moment is what happens until a poll, and what the poll asks for. Numbers are
// counted from first.
type moment struct {
	at      int64 // milliseconds
	seq     uint64
	written []uint64          // records that are there from now on
	other   map[uint64][]byte // the same, with other bytes
	own     []uint64          // what this process has applied itself
	want    asked
}

// asked is an Action, and where it leaves the log.
type asked struct {
	purge, lost    bool
	complete, more bool
	drop           []uint64
	covered        uint64
}

// begin is how every story begins.
var begin = []moment{
	{at: -200, seq: 10, want: asked{purge: true}},
	{at: -100, seq: 10, want: asked{purge: true, complete: true, covered: 10}},
}

func TestLog(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		story []moment
	}{
		{"nothing new", []moment{
			{at: 1, seq: 10, want: asked{complete: true, covered: 10}},
		}},
		{"records are applied in their order", []moment{
			{at: 1, seq: 13, written: []uint64{13, 11, 12}, want: asked{complete: true, drop: []uint64{11, 12, 13}, covered: 13}},
		}},
		{"a hole is waited for, and what is behind it applied at once", []moment{
			{at: 1, seq: 12, written: []uint64{12}, want: asked{drop: []uint64{12}, covered: 10}},
			{at: 50, seq: 12, want: asked{covered: 10}},
			{at: 60, seq: 12, written: []uint64{11}, want: asked{complete: true, drop: []uint64{11}, covered: 12}},
		}},
		{"the lower of two holes bounds what is covered", []moment{
			{at: 1, seq: 14, written: []uint64{11, 13}, want: asked{drop: []uint64{11, 13}, covered: 11}},
			{at: 2, seq: 14, written: []uint64{12}, want: asked{drop: []uint64{12}, covered: 13}},
			{at: 3, seq: 14, written: []uint64{14}, want: asked{complete: true, drop: []uint64{14}, covered: 14}},
		}},
		{"a hole is not given up a moment early", []moment{
			{at: 1, seq: 11, want: asked{covered: 10}},
			{at: 100, seq: 11, want: asked{covered: 10}},
			{at: 101, seq: 11, want: asked{purge: true, lost: true, complete: true, covered: 11}},
			{at: 102, seq: 11, want: asked{complete: true, covered: 11}},
		}},
		{"each hole has its own patience", []moment{
			{at: 0, seq: 11, want: asked{covered: 10}},
			{at: 60, seq: 12, want: asked{covered: 10}},
			{at: 100, seq: 12, want: asked{purge: true, lost: true, covered: 11}},
			{at: 160, seq: 12, want: asked{purge: true, lost: true, complete: true, covered: 12}},
		}},
		{"a record that comes when its hole was given up is not read", []moment{
			{at: 0, seq: 11, want: asked{covered: 10}},
			{at: 100, seq: 11, want: asked{purge: true, lost: true, complete: true, covered: 11}},
			{at: 101, seq: 11, written: []uint64{11}, want: asked{complete: true, covered: 11}},
		}},
		{"a damaged record could be about anything", []moment{
			{at: 1, seq: 11, other: map[uint64][]byte{11: []byte("?")}, want: asked{purge: true, lost: true, complete: true, covered: 11}},
		}},
		{"so could a record that is empty", []moment{
			{at: 1, seq: 11, other: map[uint64][]byte{11: {}}, want: asked{purge: true, lost: true, complete: true, covered: 11}},
		}},
		{"so could a record of a later release", []moment{
			{at: 1, seq: 11, other: map[uint64][]byte{11: laterVersion(record(first + 11))}, want: asked{purge: true, lost: true, complete: true, covered: 11}},
		}},
		{"so could a record of a kind that this release has not", []moment{
			{at: 1, seq: 12, written: []uint64{12}, other: map[uint64][]byte{11: unknownKind(first + 11)},
				want: asked{purge: true, lost: true, complete: true, drop: []uint64{12}, covered: 12}},
		}},
		{"so could a record under another number than its own", []moment{
			{at: 1, seq: 11, other: map[uint64][]byte{11: record(first + 12)}, want: asked{purge: true, lost: true, complete: true, covered: 11}},
		}},
		{"own numbers are covered before the poll comes by, and skipped then", []moment{
			{at: 1, seq: 10, own: []uint64{11, 12}, want: asked{complete: true, covered: 12}},
			{at: 2, seq: 13, written: []uint64{11, 12, 13}, want: asked{complete: true, drop: []uint64{13}, covered: 13}},
		}},
		{"an own number beyond another's covers nothing between", []moment{
			{at: 1, seq: 10, own: []uint64{12}, want: asked{complete: true, covered: 10}},
			{at: 2, seq: 12, written: []uint64{11, 12}, want: asked{complete: true, drop: []uint64{11}, covered: 12}},
		}},
		{"own numbers beyond a hole do not count while it is open", []moment{
			{at: 1, seq: 12, written: []uint64{12}, want: asked{drop: []uint64{12}, covered: 10}},
			{at: 2, seq: 12, own: []uint64{13}, want: asked{covered: 10}},
			{at: 3, seq: 13, written: []uint64{11}, want: asked{complete: true, drop: []uint64{11}, covered: 13}},
		}},
		{"an own number closes its hole, although the record is gone", []moment{
			{at: 1, seq: 11, want: asked{covered: 10}},
			{at: 2, seq: 11, own: []uint64{11}, want: asked{complete: true, covered: 11}},
			{at: 200, seq: 11, want: asked{complete: true, covered: 11}},
		}},
		{"an own number that was passed already is no news", []moment{
			{at: 1, seq: 11, written: []uint64{11}, want: asked{complete: true, drop: []uint64{11}, covered: 11}},
			{at: 2, seq: 11, own: []uint64{11, 9}, want: asked{complete: true, covered: 11}},
		}},
		{"the counter went back", []moment{
			{at: 1, seq: 12, want: asked{covered: 10}},
			{at: 2, seq: 9, own: []uint64{13}, want: asked{purge: true, lost: true}},
			{at: 3, seq: 10, written: []uint64{10}, want: asked{drop: []uint64{10}}},
			{at: 102, seq: 13, written: []uint64{11, 12, 13}, want: asked{purge: true, complete: true, drop: []uint64{11, 12, 13}, covered: 13}},
		}},
		{"another epoch: all of its records are read", []moment{
			{at: 1, seq: 12, want: asked{covered: 10}},
			{at: 2, seq: other - first + 3, want: asked{purge: true, more: true, covered: other - first}},
			{at: 2, seq: other - first + 3, written: upTo(other-first+1, other-first+2), want: asked{drop: upTo(other-first+1, other-first+2), covered: other - first + 2}},
			{at: 3, seq: other - first + 3, own: []uint64{11}, want: asked{covered: other - first + 2}},
			{at: 4, seq: other - first + 3, written: []uint64{other - first + 3}, want: asked{complete: true, drop: []uint64{other - first + 3}, covered: other - first + 3}},
		}},
		{"another epoch, of which as many records are read as can be", []moment{
			{at: 1, seq: other - first + 4096, want: asked{purge: true, more: true, covered: other - first}},
		}},
		{"another epoch, in which too much happened", []moment{
			{at: 1, seq: other - first + 4097, want: asked{purge: true, covered: other - first}},
			{at: 101, seq: other - first + 4097, want: asked{purge: true, complete: true, covered: other - first + 4097}},
		}},
		{"as far ahead as can be read", []moment{
			{at: 1, seq: 10 + 4096, written: upTo(11, 18), want: asked{more: true, drop: upTo(11, 18), covered: 18}},
		}},
		{"too far ahead", []moment{
			{at: 1, seq: 10 + 4097, want: asked{purge: true, lost: true}},
			{at: 100, seq: 10 + 4097, want: asked{}},
			{at: 101, seq: 10 + 4097, want: asked{purge: true, complete: true, covered: 10 + 4097}},
		}},
		{"a burst is read in wide steps, and so is what comes next", []moment{
			{at: 1, seq: 300, written: upTo(11, 300), want: asked{more: true, drop: upTo(11, 18), covered: 18}},
			{at: 1, seq: 300, want: asked{more: true, drop: upTo(19, 274), covered: 274}},
			{at: 1, seq: 300, want: asked{complete: true, drop: upTo(275, 300), covered: 300}},
			{at: 2, seq: 556, written: upTo(301, 556), want: asked{complete: true, drop: upTo(301, 556), covered: 556}},
			{at: 3, seq: 556, want: asked{complete: true, covered: 556}},
			{at: 4, seq: 565, written: upTo(557, 565), want: asked{more: true, drop: upTo(557, 564), covered: 564}},
		}},
		{"not complete while there is more, without a hole", []moment{
			{at: 1, seq: 19, written: upTo(11, 19), want: asked{more: true, drop: upTo(11, 18), covered: 18}},
			{at: 1, seq: 19, want: asked{complete: true, drop: []uint64{19}, covered: 19}},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tell(t, slices.Concat(begin, test.story))
		})
	}
}

func tell(t *testing.T, story []moment) {
	l := coherence.Log{GiveUp: giveUp}
	store := map[uint64][]byte{}
	for i, m := range story {
		for _, n := range m.written {
			store[first+n] = record(first + n)
		}
		for n, data := range m.other {
			store[first+n] = data
		}
		for _, n := range m.own {
			l.Own(first + n)
		}
		act := poll(&l, ms(m.at), first+m.seq, store)
		if act.Purge != m.want.purge || act.Lost != m.want.lost || act.Complete != m.want.complete || act.More != m.want.more {
			t.Errorf("poll %d: purge %v, lost %v, complete %v, more %v; want %v, %v, %v, %v",
				i, act.Purge, act.Lost, act.Complete, act.More, m.want.purge, m.want.lost, m.want.complete, m.want.more)
		}
		var want []uint64
		for _, n := range m.want.drop {
			want = append(want, first+n)
		}
		if got := dropped(act); !slices.Equal(got, want) {
			t.Errorf("poll %d drops %d, want %d", i, got, want)
		}
		if got := l.Covered(); got != first+m.want.covered {
			t.Errorf("poll %d leaves %d covered, want %d", i, got, first+m.want.covered)
		}
	}
}

func upTo(from, to uint64) []uint64 {
	var numbers []uint64
	for n := from; n <= to; n++ {
		numbers = append(numbers, n)
	}
	return numbers
}
