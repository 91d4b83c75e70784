package tiertest

import (
	"fmt"
	"reflect"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// processes.go checks what two processes with a Shared each see of one another.

// late is how long is waited to tell a replica from a store of one's own.
const late = 2 * time.Second

// processesHaveOneStore passes only if two processes were there to be compared:
// a rule that has seen nothing must not look like one that holds.
func processesHaveOneStore(j *judge, open func() tier.Shared) {
	here, there := j.shared(open), j.shared(open)
	if same(here, there) {
		j.broken("open returned one Shared twice, so that it cannot be seen what two processes see of one another. Let each call return a client of its own, of one store. To a store in memory that is &struct{ tier.Shared }{store}")
	}
	a, b := first(here), first(there)
	probe := j.key("probe")
	j.add(a, probe, "v", time.Hour)
	found := func() bool { return j.get(b, probe).Found() }
	switch {
	case found():
	case j.watch(time.Now(), late, found):
		j.broken("an item that one process has added was absent in another, and appeared there later: that one reads a replica which lags, or what it has kept")
	default:
		j.broken("an item that one process has added is absent in another, also after %v: each call of open has made a store of its own. Let all of them return clients of one store", late)
	}

	counter := j.key("counter")
	j.add(a, counter, "0", time.Hour)
	for round := range 100 {
		one, other := a, b
		if round >= 50 { // not in turn: who has just written may read anew
			one, other = b, a
		}
		sum, err := one.Incr(j.ctx, counter, 1)
		j.stopped("Incr", err)
		if got := j.get(other, counter); string(got.Value) != fmt.Sprint(sum) {
			j.broken("an Incr to %d has returned in one process, and another then reads %q", sum, got.Value)
		}
	}

	key := j.key("replaced")
	first := j.add(a, key, "same", time.Hour)
	j.stopped("Delete", b.Delete(j.ctx, key))
	second := j.add(b, key, "same", time.Hour)
	j.answers("CompareAndSwap of a version that another process has replaced", a.CompareAndSwap(j.ctx, key, first.CAS, []byte("late"), time.Hour), tier.ErrConflict)
	if now := j.get(b, key); now.CAS != second.CAS {
		j.broken("CompareAndSwap of a version that another process has replaced was refused, and changed the item")
	}
	if now := j.get(a, key); now.CAS == first.CAS {
		j.broken("another process has replaced the item, and it is read with the CAS id that it had before, %d", now.CAS)
	}
	j.oneProcessWins([]tier.Node{a, b})
}

// oneProcessWins lets both write one key at once.
func (j *judge) oneProcessWins(nodes []tier.Node) {
	j.Helper()
	for round := range 10 {
		key := j.key(fmt.Sprint("race", round))
		errs := together(len(nodes), func(i int) error { return nodes[i].Add(j.ctx, key, []byte("v"), time.Hour) })
		j.oneWins("Add of one absent key in two processes", errs, tier.ErrExists)

		versions := make([]uint64, len(nodes)) // each process goes by what it has read itself
		for i, n := range nodes {
			versions[i] = j.get(n, key).CAS
		}
		errs = together(len(nodes), func(i int) error {
			return nodes[i].CompareAndSwap(j.ctx, key, versions[i], []byte("v"), time.Hour)
		})
		j.oneWins("CompareAndSwap of one version in two processes", errs, tier.ErrConflict)
	}
}

// same reports whether a and b are one Shared.
func same(a, b tier.Shared) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}
