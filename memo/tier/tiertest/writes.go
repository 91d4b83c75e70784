package tiertest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// writes.go checks each method that writes: what it does, what it answers when
// it does not, and that of several at once the right number wins.

const crowd = 8 // goroutines at one key

func addStoresWhatIsAbsent(j *judge, open func() tier.Shared) {
	n, key := j.node(open), j.key("k")
	if err := n.Add(j.ctx, key, []byte("first"), time.Hour); err != nil {
		j.broken("Add of an absent key: %s", answer(err))
	}
	first := j.get(n, key)
	if string(first.Value) != "first" {
		j.broken("after Add the value is %q, want %q", first.Value, "first")
	}
	j.answers("Add of a present key", n.Add(j.ctx, key, []byte("second"), time.Hour), tier.ErrExists)
	if got := j.get(n, key); string(got.Value) != "first" || got.CAS != first.CAS {
		j.broken("Add of a present key changed the item: it is %q with the CAS id %d, was %q with %d", got.Value, got.CAS, first.Value, first.CAS)
	}
	for round := range 10 {
		key := j.key(fmt.Sprint("race", round))
		errs := together(crowd, func(i int) error { return n.Add(j.ctx, key, fmt.Append(nil, i), time.Hour) })
		j.oneWins("Add of one absent key", errs, tier.ErrExists)
		if winner := slices.Index(errs, nil); string(j.get(n, key).Value) != fmt.Sprint(winner) {
			j.broken("of %d calls of Add at once number %d succeeded, and the value is that of %s", crowd, winner, j.get(n, key).Value)
		}
	}
}

// oneWins expects that one of errs is nil, and the others want.
func (j *judge) oneWins(call string, errs []error, want error) {
	j.Helper()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, want) {
			j.broken("%d calls at once, %s: one got %s, want that one succeeds and the others get %s", len(errs), call, answer(err), answer(want))
		}
	}
	if won != 1 {
		j.broken("%d calls at once, %s: %d succeeded, want 1", len(errs), call, won)
	}
}

func compareAndSwapReplaces(j *judge, open func() tier.Shared) {
	n, key := j.node(open), j.key("k")
	j.answers("CompareAndSwap of an absent key", n.CompareAndSwap(j.ctx, key, 1, []byte("x"), time.Hour), tier.ErrNotFound)
	if j.get(n, key).Found() {
		j.broken("CompareAndSwap of an absent key stored it")
	}
	first := j.add(n, key, "first", time.Hour)
	if err := n.CompareAndSwap(j.ctx, key, first.CAS, []byte("second"), time.Hour); err != nil {
		j.broken("CompareAndSwap of the present version: %s", answer(err))
	}
	second := j.get(n, key)
	if string(second.Value) != "second" {
		j.broken("after CompareAndSwap the value is %q, want %q", second.Value, "second")
	}
	for i, cas := range []uint64{first.CAS, second.CAS + 1<<40} {
		name := []string{"the version before", "a version that never was"}[i]
		j.answers("CompareAndSwap of "+name, n.CompareAndSwap(j.ctx, key, cas, []byte("late"), time.Hour), tier.ErrConflict)
		if got := j.get(n, key); got.CAS != second.CAS || string(got.Value) != "second" {
			j.broken("CompareAndSwap of %s was refused, and changed the item to %q", name, got.Value)
		}
	}
	for round := range 10 {
		key := j.key(fmt.Sprint("race", round))
		item := j.add(n, key, "before", time.Hour)
		errs := together(crowd, func(i int) error { return n.CompareAndSwap(j.ctx, key, item.CAS, fmt.Append(nil, i), time.Hour) })
		j.oneWins("CompareAndSwap of one version", errs, tier.ErrConflict)
	}
	j.swapsNothingDeleted(n, key, second.CAS)
}

// swapsNothingDeleted: an invalidation deletes the lease of a load, which then
// tries to fill it.
func (j *judge) swapsNothingDeleted(n tier.Node, key string, cas uint64) {
	j.Helper()
	j.stopped("Delete", n.Delete(j.ctx, key))
	j.answers("CompareAndSwap of a version that was deleted", n.CompareAndSwap(j.ctx, key, cas, []byte("late"), time.Hour), tier.ErrNotFound)
	if j.get(n, key).Found() {
		j.broken("CompareAndSwap of a version that was deleted was refused, and stored it again")
	}
	for round := range 10 {
		key := j.key(fmt.Sprint("deleted", round))
		item := j.add(n, key, "before", time.Hour)
		swap := round % 2 // which of the two is the first to start
		errs := together(2, func(i int) error {
			if i == swap {
				return n.CompareAndSwap(j.ctx, key, item.CAS, []byte("late"), time.Hour)
			}
			return n.Delete(j.ctx, key)
		})
		if errs[swap] != nil {
			j.answers("CompareAndSwap, and a Delete at once", errs[swap], tier.ErrNotFound)
		}
		j.stopped("Delete", errs[1-swap])
		if got := j.get(n, key); got.Found() {
			j.broken("CompareAndSwap and Delete of one item ran at once: both have returned, and the item is there, as %q", got.Value)
		}
	}
}

func compareAndDeleteDeletes(j *judge, open func() tier.Shared) {
	n, key := j.node(open), j.key("k")
	j.answers("CompareAndDelete of an absent key", n.CompareAndDelete(j.ctx, key, 1), tier.ErrNotFound)
	first := j.add(n, key, "first", time.Hour)
	j.stopped("CompareAndSwap", n.CompareAndSwap(j.ctx, key, first.CAS, []byte("second"), time.Hour))
	second := j.get(n, key)
	j.answers("CompareAndDelete of the version before", n.CompareAndDelete(j.ctx, key, first.CAS), tier.ErrConflict)
	if got := j.get(n, key); got.CAS != second.CAS {
		j.broken("CompareAndDelete of another version changed the item, or deleted it")
	}
	if err := n.CompareAndDelete(j.ctx, key, second.CAS); err != nil {
		j.broken("CompareAndDelete of the present version: %s", answer(err))
	}
	if j.get(n, key).Found() {
		j.broken("after CompareAndDelete the item is still there")
	}
	if err := n.Add(j.ctx, key, []byte("new"), time.Hour); err != nil {
		j.broken("Add after CompareAndDelete: %s", answer(err))
	}
	for round := range 10 {
		key := j.key(fmt.Sprint("race", round))
		item := j.add(n, key, "before", time.Hour)
		errs := together(crowd, func(int) error { return n.CompareAndDelete(j.ctx, key, item.CAS) })
		j.oneWins("CompareAndDelete of one version", errs, tier.ErrNotFound)
	}
}

func incrCounts(j *judge, open func() tier.Shared) {
	n := j.node(open)
	_, err := n.Incr(j.ctx, j.key("none"), 1)
	j.answers("Incr of an absent key", err, tier.ErrNotFound)
	if j.get(n, j.key("none")).Found() {
		j.broken("Incr of an absent key made one")
	}
	for i, from := range []uint64{0, 9, math.MaxInt32, 1 << 53, math.MaxInt64 - 1, 1<<63 + 1, math.MaxUint64 - 8} {
		key := j.key(fmt.Sprint(i))
		j.add(n, key, strconv.FormatUint(from, 10), time.Hour)
		for _, delta := range []uint64{1, 7} {
			sum, err := n.Incr(j.ctx, key, delta)
			if err != nil {
				j.broken("Incr of %d: %s", from, answer(err))
			}
			if from += delta; sum != from {
				j.broken("Incr of %d by %d returned %d", from-delta, delta, sum)
			}
			if got := string(j.get(n, key).Value); got != strconv.FormatUint(from, 10) {
				j.broken("Incr to %d left the value %q, want it in decimal", from, got)
			}
		}
	}
	key, sums := j.key("race"), make([][]uint64, crowd)
	j.add(n, key, "0", time.Hour)
	const each = 50
	for _, err := range together(crowd, func(i int) (err error) {
		sums[i] = make([]uint64, each)
		for c := range sums[i] {
			if sums[i][c], err = n.Incr(j.ctx, key, 1); err != nil {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			j.broken("Incr, several at once: %s", answer(err))
		}
	}
	all := slices.Concat(sums...)
	slices.Sort(all)
	for i, sum := range all {
		if sum != uint64(i+1) {
			j.broken("%d calls of Incr at once, from 0: the %dth sum is %d, want each number once", len(all), i+1, sum)
		}
	}
}

func deleteRemoves(j *judge, open func() tier.Shared) {
	n := j.node(open)
	if err := n.Delete(j.ctx, j.key("none")); err != nil {
		j.broken("Delete of an absent key: %s", answer(err))
	}
	if err := n.Delete(j.ctx); err != nil {
		j.broken("Delete of no keys: %s", answer(err))
	}
	for _, many := range []int{1, 2, 30} {
		keys := make([]string, many)
		for i := range keys {
			keys[i] = j.key(fmt.Sprint(many, "-", i))
			j.add(n, keys[i], "v", time.Hour)
		}
		stays := j.key(fmt.Sprint("stays", many))
		j.add(n, stays, "v", time.Hour)
		if err := n.Delete(j.ctx, slices.Concat([]string{j.key("none")}, keys)...); err != nil {
			j.broken("Delete of an absent key and %d present ones: %s", many, answer(err))
		}
		for i, key := range keys {
			if j.get(n, key).Found() {
				j.broken("after Delete of an absent key and %d present ones number %d is still there", many, i+1)
			}
		}
		if !j.get(n, stays).Found() {
			j.broken("Delete of %d keys deleted another one as well", many)
		}
	}
	j.deletesMany(n)
}

// mostDeleted is how many keys the engine deletes in one call.
const mostDeleted = 1000

func (j *judge) deletesMany(n tier.Node) {
	j.Helper()
	keys := make([]string, mostDeleted)
	for i := range keys {
		keys[i] = j.key(fmt.Sprint("many", i))
	}
	last := keys[len(keys)-1]
	j.add(n, last, "v", time.Hour)
	if err := n.Delete(j.ctx, keys...); err != nil {
		j.broken("Delete of %d keys: %s", len(keys), answer(err))
	}
	if j.get(n, last).Found() {
		j.broken("after Delete of %d keys the last one is still there", len(keys))
	}
}
