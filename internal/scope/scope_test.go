package scope_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"weak"

	"github.com/tiermemo/tiermemo/internal/scope"
)

func TestOwnersDoNotMeet(t *testing.T) {
	t.Parallel()
	s := new(scope.Scope)
	for i := range 5 {
		tableOf(s, i).Add("k", val(i))
	}
	for i := range 5 {
		holds(t, tableOf(s, i), "k", i)
	}
	tableOf(s, 2).Forget("k")
	holds(t, tableOf(s, 2), "k", -1)
	holds(t, tableOf(s, 1), "k", 1)
	if s.Len() != 4 || tableOf(s, 1).Len() != 1 {
		t.Errorf("the scope has %d keys and one owner %d, want 4 and 1", s.Len(), tableOf(s, 1).Len())
	}
}

// Two goroutines look for a table that neither finds. The second to get the
// lock has to look again.
func TestAnOwnerHasOneTable(t *testing.T) {
	t.Parallel()
	s := new(scope.Scope)
	for owner := range 3 {
		first := scope.AddTable(s, ownerOf(owner))
		if scope.AddTable(s, ownerOf(owner)) != first || tableOf(s, owner).Table != first {
			t.Errorf("owner %d has two tables", owner)
		}
	}
}

func TestFirstOwnerCostsNoAllocation(t *testing.T) {
	owner := ownerOf("test")
	if n := testing.AllocsPerRun(100, func() { new(scope.Scope).Table(owner).Get("k") }); n != 1 {
		t.Errorf("%v allocations, want one, of the Scope", n)
	}
}

func TestBound(t *testing.T) {
	t.Parallel()
	s, a := open(t, 3)
	b := tableOf(s, "other")
	a.Add("1", val(1))
	_, running, _ := b.Begin("2")
	a.Put("3", val(3))

	v := val(4)
	if got := a.Add("4", v); got != v {
		t.Error("a full Add does not return its own value")
	}
	a.Put("4", v)
	if got, c, lead := b.Begin("4"); got != nil || c != nil || !lead {
		t.Errorf("a full Begin says %v, %v, %v, want a pass-through", got, c, lead)
	}
	holds(t, a, "4", -1)
	a.Put("1", val(11)) // known: no more room needed
	holds(t, a, "1", 11)
	running.Done(val(2)) // its room was taken at Begin
	holds(t, b, "2", 2)
	if s.Len() != 3 {
		t.Errorf("Len is %d, want 3", s.Len())
	}

	a.Forget("1", "3")
	if got := room(s); got != 2 {
		t.Errorf("room for %d after two were forgotten", got)
	}
}

func TestDefaultBound(t *testing.T) {
	t.Parallel()
	s, table := open(t, -1)
	for i := range 10_100 {
		table.Add(fmt.Sprint(i), val(i))
	}
	if s.Len() != 10_000 {
		t.Errorf("Len is %d, want 10000", s.Len())
	}
}

// However a call ends, its place is given back, once.
func TestEveryEndOfACallGivesItsPlaceBack(t *testing.T) {
	t.Parallel()
	ends := map[string]func(*scope.Scope, table, *call){
		"Fail":              func(_ *scope.Scope, _ table, c *call) { c.Fail(nil) },
		"Forget and Done":   func(_ *scope.Scope, t table, c *call) { t.Forget("k"); c.Done(val(1)) },
		"Reset and Fail":    func(s *scope.Scope, _ table, c *call) { s.Reset(); c.Fail(nil) },
		"Forget, Forget":    func(_ *scope.Scope, t table, c *call) { t.Forget("k"); t.Forget("k"); c.Fail(nil) },
		"Done, Fail":        func(_ *scope.Scope, t table, c *call) { c.Done(val(1)); c.Fail(nil); t.Forget("k") },
		"Add, Done, Forget": func(_ *scope.Scope, t table, c *call) { t.Add("k", val(1)); c.Done(val(2)); t.Forget("k") },
		"Put, Done, Reset":  func(_ *scope.Scope, t table, c *call) { t.Put("k", val(1)); c.Done(val(2)); t.Reset() },
	}
	for name, end := range ends {
		s, table := open(t, 5)
		_, c, _ := table.Begin("k")
		end(s, table, c)
		if got := room(s); got != 5 {
			t.Errorf("%s: room for %d, want 5", name, got)
		}
	}
}

func TestClosedScopeKeepsNothing(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 20} {
		s, table := open(t, 0)
		for i := range n {
			table.Add(fmt.Sprint(i), val(i))
		}
		_, running, _ := table.Begin("running")
		s.Close()
		s.Close()
		if !s.Closed() {
			t.Error("not closed")
		}
		v := val(1)
		if got := running.Done(v); got != v {
			t.Error("Done does not return its own value")
		}
		if got := table.Add("added", v); got != v {
			t.Error("Add does not return its own value")
		}
		table.Put("put", v)
		if got, c, lead := table.Begin("begun"); got != nil || c != nil || !lead {
			t.Errorf("Begin says %v, %v, %v, want a pass-through", got, c, lead)
		}
		tableOf(s, "late").Add("k", v)
		for _, key := range []string{"0", "running", "added", "put", "begun"} {
			holds(t, table, key, -1)
		}
		holds(t, tableOf(s, "late"), "k", -1)
		if s.Len() != 0 {
			t.Errorf("Len is %d", s.Len())
		}
	}
}

// Close looks without a lock whether there is anything to drop.
func TestWhatIsKeptWhileAScopeIsClosedIsDropped(t *testing.T) {
	t.Parallel()
	type pair struct {
		scope *scope.Scope
		table table
	}
	var now atomic.Pointer[pair]
	var stop atomic.Bool
	var writer sync.WaitGroup
	kept := make(chan *pair)
	writer.Go(func() {
		for last := (*pair)(nil); !stop.Load(); {
			if p := now.Load(); p != last && p != nil {
				p.table.Add("k", val(1))
				last = p
				kept <- p
			}
		}
	})
	for i := range 20_000 {
		s, table := open(t, 0)
		now.Store(&pair{s, table})
		for range i % 64 { // Close comes before, in the midst of it, or after
			s.Closed()
		}
		s.Close()
		<-kept
		if table.Get("k") != nil || s.Len() != 0 {
			t.Fatal("a closed scope keeps a value")
		}
	}
	stop.Store(true)
	writer.Wait()
}

func TestNilCallIsAPassThrough(t *testing.T) {
	t.Parallel()
	var c *call
	v := val(1)
	if got := c.Done(v); got != v {
		t.Error("Done does not return its own value")
	}
	c.Fail(nil)
}

// large is too large to share its place in memory with anything else.
type large [64]byte

// freed reports whether nothing refers to what w points to. One collection
// would be enough if no other were in progress.
func freed(w weak.Pointer[large]) bool {
	for range 20 {
		if runtime.GC(); w.Value() == nil {
			return true
		}
	}
	return false
}

func TestFreedByClose(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 20} {
		s, table := open(t, 0)
		var kept []weak.Pointer[large]
		for i := range n {
			v := new(large)
			kept = append(kept, weak.Make(v))
			table.Add(fmt.Sprint(i), v)
		}
		s.Close()
		for i, w := range kept {
			if !freed(w) {
				t.Errorf("value %d of %d is still reachable", i, n)
			}
		}
		runtime.KeepAlive(s)
		runtime.KeepAlive(table)
	}
}

func TestFreedWhenTheLastKeyIsForgotten(t *testing.T) {
	t.Parallel()
	_, table := open(t, 0)
	v := new(large)
	kept := weak.Make(v)
	table.Add("k", v)
	v = nil
	table.Forget("k")
	if !freed(kept) {
		t.Error("a forgotten value is still reachable")
	}
	runtime.KeepAlive(table)
}

// A computation may end before those that began as a part of it.
func TestFreedAlthoughAPartIsStillRunning(t *testing.T) {
	t.Parallel()
	s, table := open(t, 0)
	v := new(large)
	kept := weak.Make(v)
	_, c, _ := table.Begin("k")
	_, before, _ := table.BeginWithin(c, "begun before its end")
	c.Done(v)
	_, after, _ := table.BeginWithin(c, "begun after its end")
	v, c = nil, nil
	s.Close()
	if !freed(kept) {
		t.Error("a value that was dropped is still reachable")
	}
	before.Fail(nil)
	after.Fail(nil)
}

// A long computation may have had many parts.
func TestFreedAlthoughTheWholeIsStillRunning(t *testing.T) {
	t.Parallel()
	_, table := open(t, 0)
	v := new(large)
	kept := weak.Make(v)
	_, whole, _ := table.Begin("whole")
	_, part, _ := table.BeginWithin(whole, "part")
	part.Done(v)
	v, part = nil, nil
	table.Forget("part")
	if !freed(kept) {
		t.Error("a value that was dropped is still reachable")
	}
	whole.Fail(nil)
}

func TestContextCarriesAndHides(t *testing.T) {
	t.Parallel()
	type other struct{}
	s := new(scope.Scope)
	base := context.WithValue(t.Context(), other{}, "kept")
	inner, cancel := context.WithCancel(carrier{base, s})
	defer cancel()
	var none context.Context
	switch {
	case scope.FromContext(inner) != s:
		t.Error("the scope is not found")
	case scope.FromContext(carrier{inner, nil}) != nil:
		t.Error("a nil scope does not hide the outer one")
	case scope.FromContext(base) != nil:
		t.Error("a scope out of nowhere")
	case scope.FromContext(none) != nil:
		t.Error("a nil ctx has a scope")
	}
}
