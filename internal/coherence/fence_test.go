package coherence_test

import (
	"fmt"
	"testing"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

func tag(name string) coherence.Target  { return coherence.Target{About: wire.Tags, Name: name} }
func tree(name string) coherence.Target { return coherence.Target{About: wire.Trees, Name: name} }

func TestFenceOfAnotherProcessHidesByNumber(t *testing.T) {
	t.Parallel()
	f := coherence.Fences{Most: 10}
	f.Heard(first+5, tag("a"))
	for _, test := range []struct {
		what  string
		stamp uint64
		want  bool
	}{
		{"loaded before it", first + 4, true},
		{"loaded after it, and before it was heard", first + 5, false},
		{"of an epoch before", first - 1, false}, // is void by its epoch, and was forgotten
		{"of another epoch", other, false},
	} {
		if got := f.Hides("k", []string{"x", "a"}, test.stamp, 0, 0); got != test.want {
			t.Errorf("%s: hidden %t", test.what, got)
		}
	}
	if f.Hides("k", []string{"x"}, first, 0, 0) {
		t.Error("an entry without the tag is hidden")
	}
}

func TestFenceOfThisProcessHidesByTurn(t *testing.T) {
	t.Parallel()
	f := coherence.Fences{Most: 10}
	before := f.Turn()
	f.Made(tag("a"), tree("user:7"))
	after := f.Turn()
	for _, test := range []struct {
		key  string
		tags []string
		want bool
	}{
		{"k", []string{"a"}, true},
		{"user:7", nil, true},
		{"user:7:orders", nil, true},
		{"user:70", nil, false},
		{"user", nil, false},
		{"a", nil, false}, // a tag is no key
	} {
		if got := f.Hides(test.key, test.tags, 0, before, 0); got != test.want {
			t.Errorf("%s %q, begun before: hidden %t", test.key, test.tags, got)
		}
		if f.Hides(test.key, test.tags, 0, after, 0) {
			t.Errorf("%s %q, begun afterwards, is hidden", test.key, test.tags)
		}
	}
	if f.Hides("k", []string{"a"}, 0, before, after) {
		t.Error("what was checked in this turn is checked again")
	}
}

func TestNewestFenceCounts(t *testing.T) {
	t.Parallel()
	f := coherence.Fences{Most: 10}
	f.Heard(first+5, tag("a"))
	f.Heard(first+3, tag("a")) // a hole that was filled
	if !f.Hides("k", []string{"a"}, first+4, 0, 0) {
		t.Error("an older record has taken the newer one away")
	}
	f.Made(tag("a"))
	if !f.Hides("k", []string{"a"}, first+4, f.Turn(), 0) {
		t.Error("a fence of this process has taken that of another away")
	}
	f.Heard(other+1, tag("a"))
	if !f.Hides("k", []string{"a"}, other, f.Turn(), 0) {
		t.Error("the number of an epoch that is over hides the new one")
	}
	f.Heard(first+9, tag("b"))
	f.Heard(first-1, tag("b")) // of an epoch with a smaller number, and later
	if !f.Hides("k", []string{"b"}, first-2, f.Turn(), 0) {
		t.Error("a new epoch does not count, because its numbers are smaller")
	}
}

// What had to be forgotten hides everything from before it that was not checked
// since, and nothing else.
func TestForgottenFencesHideWhatWasNotChecked(t *testing.T) {
	t.Parallel()
	f := coherence.Fences{Most: 4}
	f.Heard(first+10, tag("a"))
	checked := f.Turn()
	for i := range uint64(8) {
		f.Heard(first+11+i, tag(fmt.Sprint(i)))
	}
	if !f.Hides("k", []string{"a"}, first+9, 0, 0) {
		t.Error("an entry that a forgotten fence hid is shown")
	}
	if f.Hides("k", []string{"other"}, first+30, f.Turn()-1, 0) {
		t.Error("an entry that is newer than all that was forgotten is hidden")
	}
	if !f.Hides("k", []string{"0"}, first+10, 0, checked) {
		t.Error("an entry that was checked before a forgotten fence was put up is shown")
	}
	if f.Hides("k", []string{"none"}, first+10, 0, f.Turn()-1) {
		t.Error("an entry that was checked since is hidden by what was forgotten")
	}
	own := coherence.Fences{Most: 2}
	for i := range 6 {
		own.Made(tag(fmt.Sprint(i)))
	}
	if !own.Hides("k", []string{"0"}, 0, 0, 0) || own.Hides("k", nil, 0, own.Turn(), 0) {
		t.Error("a forgotten fence of this process")
	}
}

func TestFencesAreBounded(t *testing.T) {
	t.Parallel()
	for _, most := range []int{0, 1, 2, 100} {
		f := coherence.Fences{Most: most}
		for i := range 1000 {
			f.Made(tag(fmt.Sprint(i)))
		}
		if n := f.Len(); n > max(most, 2) {
			t.Errorf("%d fences, want at most %d", n, most)
		}
	}
}

func TestSince(t *testing.T) {
	t.Parallel()
	f := coherence.Fences{Most: 4}
	if f.Since(first, 0) {
		t.Error("since the begin there was a fence")
	}
	f.Heard(first+5, tag("a"))
	if !f.Since(first+4, f.Turn()) || f.Since(first+5, f.Turn()) {
		t.Error("a record is not seen, or seen for ever")
	}
	f.Made(tree("t"))
	if !f.Since(first+9, f.Turn()-1) || f.Since(first+9, f.Turn()) {
		t.Error("a fence of this process is not seen, or seen for ever")
	}
	for i := range 20 {
		f.Heard(first+6, tag(fmt.Sprint(i)))
	}
	if !f.Since(first+5, f.Turn()) {
		t.Error("what was forgotten is not seen")
	}
}

func TestMarks(t *testing.T) {
	t.Parallel()
	mark := func(n uint64) tier.Item { return tier.Item{Value: wire.AppendSeq(nil, n), CAS: 1} }
	const seq = first + 100
	m := coherence.ReadMarks([]tier.Item{mark(first + 3), mark(first + 7)}, seq)
	if m.Hide(first+7) || !m.Hide(first+6) || m.Last != first+7 {
		t.Errorf("%+v of markers 3 and 7", m)
	}
	if m := coherence.ReadMarks(nil, seq); m.Hide(0) {
		t.Error("no markers hide something")
	}
	for name, item := range map[string]tier.Item{
		"missing":          {},
		"unborn":           mark(coherence.Unborn),
		"of another epoch": mark(other),
		"no number":        {Value: []byte("x"), CAS: 1},
	} {
		m := coherence.ReadMarks([]tier.Item{mark(first), item}, seq)
		if !m.Hide(seq) || len(m.Unknown) != 1 || m.Unknown[0] != 1 || m.Last != first {
			t.Errorf("%s: %+v, want it to hide everything", name, m)
		}
	}
}

// What was heard of one tag is not forgotten because the last fence is of another epoch.
func TestFencesOfTwoEpochs(t *testing.T) {
	t.Parallel()
	f := coherence.Fences{Most: 10}
	f.Heard(first+5, tag("a"))
	f.Heard(other+5, tag("b"))
	if !f.Hides("k", []string{"a"}, first+4, f.Turn(), 0) {
		t.Error("the fence of the first epoch is gone")
	}
	if !f.Hides("k", []string{"b"}, other+4, f.Turn(), 0) {
		t.Error("the fence of the second epoch is gone")
	}
}
