package tiertest

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// members.go checks what a Shared says of its Nodes, and what becomes of one that
// is closed.

func nodesAreNamed(j *judge, open func() tier.Shared) {
	s := j.shared(open)
	nodes := s.Nodes()
	seen := map[string]bool{}
	for i, n := range nodes {
		name := n.Name()
		if name == "" {
			j.broken("member %d has an empty name", i)
		}
		if seen[name] {
			j.broken("two members are called %q", name)
		}
		seen[name] = true
		if again := n.Name(); again != name {
			j.broken("member %d is called %q, and then %q", i, name, again)
		}
	}
	before := slices.Clone(nodes)
	for range 100 {
		s.Nodes()
		if !slices.Equal(names(nodes), names(before)) {
			j.broken("the slice that Nodes returned was changed afterwards: it held %q and holds %q", names(before), names(nodes))
		}
	}
	together(crowd, func(int) error { s.Nodes(); return nil }) // for the race detector
}

func membersStay(j *judge, open func() tier.Shared) {
	s := j.shared(open)
	before := j.byName(s)
	failing, cancel := context.WithDeadline(j.ctx, time.Now().Add(-time.Second))
	defer cancel()
	key := j.key("k")
	for range 5 {
		j.sameMembers("Nodes was asked again", before, s)
		for _, n := range s.Nodes() {
			_ = n.GetMulti(failing, []string{key}, make([]tier.Item, 1))
			_, _ = n.Incr(failing, key, 1)
			_ = n.Ping(failing)
		}
		j.sameMembers("calls had failed", before, s)
	}
}

// byName are the members of s, which can be compared.
func (j *judge) byName(s tier.Shared) map[string]tier.Node {
	j.Helper()
	all := map[string]tier.Node{}
	for _, n := range s.Nodes() {
		if !reflect.ValueOf(n).Comparable() {
			j.broken("the member %q is a %T, which cannot be compared by ==", n.Name(), n)
		}
		all[n.Name()] = n
	}
	return all
}

func (j *judge) sameMembers(after string, before map[string]tier.Node, s tier.Shared) {
	j.Helper()
	now := j.byName(s)
	for name, n := range before {
		switch other, ok := now[name]; {
		case !ok:
			j.broken("after %s %q was no member any more, and no member was removed", after, name)
		case other != n:
			j.broken("after %s the member %q was another Node, and nobody had closed the first", after, name)
		}
	}
}

// namesAreEverybodys looks by which Names two processes know a store.
func namesAreEverybodys(j *judge, open func() tier.Shared) {
	here, there := j.shared(open), j.shared(open)
	for _, n := range here.Nodes() {
		name := n.Name()
		probe := j.key(fmt.Sprintf("on-%x", name)) // a name may hold what a key may not
		j.add(n, probe, name, time.Hour)
		var found []string
		for _, other := range there.Nodes() {
			if j.get(other, probe).Found() {
				found = append(found, other.Name())
			}
		}
		if len(found) > 0 && !slices.Contains(found, name) {
			j.broken("one process calls a Node %q, and another calls the same store %q", name, found[0])
		}
	}
}

func fixedIsFixed(j *judge, open func() tier.Shared) {
	here, there := j.shared(open), j.shared(open)
	if is, was := here.Fixed(), here.Fixed(); is != was {
		j.broken("Fixed was %v, and is %v", was, is)
	}
	if here.Fixed() != there.Fixed() {
		j.broken("Fixed is %v in one process and %v in another", here.Fixed(), there.Fixed())
	}
	one, other := names(here.Nodes()), names(there.Nodes())
	slices.Sort(one)
	slices.Sort(other)
	if here.Fixed() && !slices.Equal(one, other) {
		j.broken("Fixed is true, and the members are %q in one process and %q in another", one, other)
	}
}

func names(nodes []tier.Node) []string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Name())
	}
	return all
}

func nodesHaveTheirOwnKeys(j *judge, open func() tier.Shared) {
	nodes := j.shared(open).Nodes()
	key := j.key("own")
	for i, n := range nodes {
		if err := n.Add(j.ctx, key, fmt.Append(nil, i), time.Hour); err != nil {
			j.broken("Add on member %q, of a key that only other members have: %s", n.Name(), answer(err))
		}
	}
	for i, n := range nodes {
		if got := j.get(n, key); string(got.Value) != fmt.Sprint(i) {
			j.broken("member %q has the value %q, which another member was given", n.Name(), got.Value)
		}
	}
}

// closedIsReplaced closes members as the engine does where it is late: their names
// are members again. Of a Fixed list it closes none.
func closedIsReplaced(j *judge, open func() tier.Shared) {
	s := j.shared(open)
	if s.Fixed() {
		return
	}
	for name, n := range j.byName(s) {
		c, ok := n.(io.Closer)
		if !ok {
			continue
		}
		j.closes("Close of a Node", c)
		if j.byName(s)[name] == n {
			j.broken("the Node of %q was closed, and Nodes returned it again", name)
		}
	}
	for name, n := range j.byName(s) {
		if err := n.Ping(j.ctx); err != nil {
			j.broken("after members were closed and returned anew, Ping of %q: %v", name, err)
		}
	}
}

func closeWorks(j *judge, open func() tier.Shared) {
	s := open()
	c, ok := s.(io.Closer)
	if !ok {
		return // nothing to close
	}
	j.peopled(s)
	nodes, key := s.Nodes(), j.key("k")
	for _, n := range nodes {
		j.add(n, key, "v", time.Hour) // so that there is a connection
	}
	j.leave(nodes)
	j.closes("Close", c)
	j.returns("a call after Close", func() {
		s.Nodes()
		for _, n := range nodes {
			_ = n.GetMulti(j.ctx, []string{key}, make([]tier.Item, 1))
			_ = n.Delete(j.ctx, key)
		}
	})
	for _, n := range nodes {
		if c, ok := n.(io.Closer); ok {
			j.closes("Close of a Node of a Shared that is closed", c)
		}
	}
	j.closes("Close again", c)
}

func (j *judge) closes(what string, c io.Closer) {
	j.Helper()
	var err error
	j.returns(what, func() { err = c.Close() })
	if err != nil {
		j.broken("%s: %v", what, err)
	}
}

// returns runs fn, which may hang or panic.
func (j *judge) returns(what string, fn func()) {
	ended := make(chan any, 1)
	go func() {
		defer func() { ended <- recover() }()
		fn()
	}()
	select {
	case p := <-ended:
		if p != nil {
			j.broken("%s: panic: %v", what, p)
		}
	case <-j.ctx.Done():
		j.broken("%s did not return within a minute", what)
	}
}

func pingReports(j *judge, open func() tier.Shared) {
	for _, n := range j.shared(open).Nodes() {
		if err := n.Ping(j.ctx); err != nil {
			j.broken("Ping of %q, which answers other calls: %v", n.Name(), err)
		}
	}
}
