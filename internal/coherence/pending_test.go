package coherence_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/wire"
)

const most = 3 // keys that a queue of these tests holds

// A deed is one thing done to a queue and the batch that is under way.
type deed func(p *coherence.Pending, under *coherence.Batch)

func add(keys ...string) deed {
	return func(p *coherence.Pending, _ *coherence.Batch) { p.Add(wire.Keys, keys...) }
}

func addAll(p *coherence.Pending, _ *coherence.Batch) { p.AddAll() }

func next(p *coherence.Pending, under *coherence.Batch) { *under = p.Next(100, p.Turn()) }

func delivered(p *coherence.Pending, under *coherence.Batch) { p.Delivered(*under) }

func TestPending(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		deeds []deed
		all   bool     // everything is left
		keys  []string // these are, beside it
	}{
		{"empty", nil, false, nil},
		{"asked for", []deed{add("a", "b"), add("c")}, false, []string{"a", "b", "c"}},
		{"asked for twice", []deed{add("a", "b"), add("b")}, false, []string{"a", "b"}},
		{"asked for nothing", []deed{add()}, false, nil},
		{"under way", []deed{add("a"), next}, false, []string{"a"}},
		{"delivered", []deed{add("a", "b"), add("c"), next, delivered}, false, nil},
		{"delivered, and asked for again", []deed{add("a"), next, delivered, add("a")}, false, []string{"a"}},
		{"delivered twice", []deed{add("a"), next, delivered, delivered}, false, nil},

		{"another one while a batch is under way", []deed{add("a"), next, add("b"), delivered}, false, []string{"b"}},
		{"asked for again while it is under way", []deed{add("a", "b"), next, add("b"), delivered}, false, []string{"b"}},
		{"and delivered again", []deed{add("a", "b"), next, add("b"), delivered, next, delivered}, false, nil},

		{"one too many", []deed{add("a", "b", "c", "d")}, true, nil},
		{"one too many, one after the other", []deed{add("a"), add("b"), add("c"), add("d")}, true, nil},
		{"one more beside everything", []deed{addAll, add("a")}, true, []string{"a"}},
		{"one too many beside everything", []deed{addAll, add("a", "b"), add("c", "d")}, true, nil},
		{"everything takes the keys from before", []deed{add("a"), addAll}, true, nil},

		{"everything is delivered", []deed{addAll, next, delivered}, false, nil},
		{"everything is delivered, with the keys that were asked for since", []deed{addAll, add("a"), next, delivered}, false, nil},
		{"a key while everything is under way", []deed{addAll, add("a"), next, add("b"), delivered}, false, []string{"b"}},
		{"a key again while everything is under way", []deed{addAll, add("a"), next, add("a"), delivered}, false, []string{"a"}},
		{"everything while everything is under way", []deed{addAll, next, addAll, delivered}, true, nil},
		{"too many keys while everything is under way", []deed{addAll, next, add("a", "b", "c", "d"), delivered}, true, nil},
		{"everything while keys are under way", []deed{add("a"), next, addAll, delivered}, true, nil},
		{"everything, and a key, while that key is under way", []deed{add("a"), next, addAll, add("a"), delivered}, true, []string{"a"}},
		{"after everything keys are keys again", []deed{add("a", "b", "c", "d"), next, delivered, add("a")}, false, []string{"a"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := coherence.Pending{Most: most}
			var under coherence.Batch
			for _, do := range test.deeds {
				do(&p, &under)
			}
			waits(t, &p, test.all, test.keys)
		})
	}
}

// waits checks that all and keys are what p holds, in all that it says.
func waits(t *testing.T, p *coherence.Pending, all bool, keys []string) {
	t.Helper()
	want := len(keys)
	if all {
		want++
	}
	if got := p.Len(); got != want {
		t.Errorf("%d wait, want %d", got, want)
	}
	for _, key := range []string{"a", "b", "c", "d", "z"} {
		if got, want := p.Covers(key), all || slices.Contains(keys, key); got != want {
			t.Errorf("covers %s: %v, want %v", key, got, want)
		}
	}
	b := p.Next(100, p.Turn())
	if b.All != all {
		t.Errorf("the next batch is everything: %v, want %v", b.All, all)
	}
	if all {
		keys = nil // everything is one message
	}
	slices.Sort(b.Names)
	if !slices.Equal(b.Names, keys) {
		t.Errorf("the next batch is %q, want %q", b.Names, keys)
	}
}

func TestAQueueIsDeliveredInBatches(t *testing.T) {
	t.Parallel()
	p := coherence.Pending{Most: 100}
	var want []string
	for i := range 25 {
		want = append(want, fmt.Sprintf("key:%02d", i))
	}
	p.Add(wire.Keys, want...)
	var got []string
	var sizes []int
	for p.Len() > 0 && len(sizes) < 100 {
		b := p.Next(10, p.Turn())
		p.Delivered(b)
		got = append(got, b.Names...)
		sizes = append(sizes, len(b.Names))
	}
	if !slices.Equal(sizes, []int{10, 10, 5}) {
		t.Errorf("batches of %d keys, want 10, 10, 5", sizes)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("delivered %q, want each of %q once", got, want)
	}
}

// What is made of others is asked for with them, or after them, and is not told of
// before them.
func TestAQueueIsDeliveredInItsOrder(t *testing.T) {
	t.Parallel()
	p := coherence.Pending{Most: 100}
	for _, call := range []struct {
		about wire.Subject
		names []string
	}{
		{wire.Keys, []string{"a"}},
		{wire.Keys, []string{"b1", "b2", "b3"}},
		{wire.Tags, []string{"c"}},
		{wire.Keys, []string{"d1", "d2", "d3"}},
		{wire.Keys, []string{"e1", "e2"}},
		{wire.Expired, []string{"f1", "f2", "f3", "f4", "f5"}}, // more than fit
		{wire.Expired, []string{"a", "g"}},
		{wire.Keys, []string{"a"}}, // again
	} {
		p.Add(call.about, call.names...)
	}
	var got []string
	for range 100 {
		b := p.Next(4, p.Turn())
		if p.Delivered(b); len(b.Names) == 0 {
			break
		}
		slices.Sort(b.Names)
		got = append(got, fmt.Sprint(len(b.Names), b.About, b.Names[0]))
	}
	want := []string{
		fmt.Sprint(3, wire.Keys, "b1"), fmt.Sprint(1, wire.Tags, "c"), fmt.Sprint(3, wire.Keys, "d1"), fmt.Sprint(2, wire.Keys, "e1"),
	}
	if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Fatalf("delivered %q, want %q first", got, want)
	}
	if last := fmt.Sprint(1, wire.Keys, "a"); got[len(got)-1] != last {
		t.Errorf("delivered %q, want %q last", got, last)
	}
	if p.Len() != 0 {
		t.Errorf("%d are left", p.Len())
	}
}

// A key that is written all the time, behind one that cannot be told.
func TestPendingOfWhatIsAskedForAgainAndAgainStaysSmall(t *testing.T) {
	t.Parallel()
	p := coherence.Pending{Most: 100}
	p.Add(wire.Keys, "first")
	for range 10_000 {
		p.Add(wire.Keys, "again")
	}
	if n := p.Ordered(); n > 100 {
		t.Errorf("%d entries for 2 keys", n)
	}
	if b := p.Next(100, p.Turn()); len(b.Names) != 2 || b.Names[0] != "first" {
		t.Errorf("%v are delivered", b.Names)
	}
}
