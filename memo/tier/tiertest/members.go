package tiertest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// members.go checks what a Shared says of its Nodes.

func nodesAreNamed(j *judge, open func() tier.Shared) {
	s := j.shared(open)
	nodes := s.Nodes()
	if len(nodes) == 0 {
		j.broken("Nodes returned no member")
	}
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
	for i := range 100 {
		now := names(s.Nodes())
		s.Place(j.key(fmt.Sprint(i)))
		if !slices.Equal(names(nodes), names(before)) {
			j.broken("the slice that Nodes returned was changed afterwards: it held %q and holds %q", names(before), names(nodes))
		}
		if !slices.Equal(now, names(before)) {
			j.broken("Nodes was %q and is %q, and no member was added or removed", names(before), now)
		}
	}
}

func names(nodes []tier.Node) []string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Name())
	}
	return all
}

// someKeys is enough of them that a placement by chance shows.
const someKeys = 200

func placeIsOneMember(j *judge, open func() tier.Shared) {
	s, other := j.shared(open), j.shared(open)
	members := names(s.Nodes())
	there := names(other.Nodes())
	slices.Sort(there)
	same := slices.Equal(slices.Sorted(slices.Values(members)), there)
	for i := range someKeys {
		key := j.key(fmt.Sprint(i))
		place := s.Place(key)
		if place == nil || !slices.Contains(members, place.Name()) {
			j.broken("Place returned %v, which is not one of Nodes %q", place, members)
		}
		if again := s.Place(key); again.Name() != place.Name() {
			j.broken("Place returned %q for a key, and %q for the same key a moment later", place.Name(), again.Name())
		}
		if elsewhere := other.Place(key).Name(); same && elsewhere != place.Name() {
			j.broken("two Shareds of the same members disagree: one places a key on %q, the other on %q", place.Name(), elsewhere)
		}
	}
}

func placeKeepsToAMember(j *judge, open func() tier.Shared) {
	s := j.shared(open)
	failing, cancel := context.WithDeadline(j.ctx, time.Now().Add(-time.Second))
	defer cancel()
	for i := range someKeys {
		key := j.key(fmt.Sprint(i))
		place := s.Place(key)
		for range 5 {
			_ = place.GetMulti(failing, []string{key}, make([]tier.Item, 1))
			_, _ = place.Incr(failing, key, 1)
			_ = place.Ping(failing)
		}
		if now := s.Place(key); now.Name() != place.Name() {
			j.broken("after calls on %q had failed, its key was placed on %q", place.Name(), now.Name())
		}
	}
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

func closeWorks(j *judge, open func() tier.Shared) {
	s := open()
	c, ok := s.(io.Closer)
	if !ok {
		return // nothing to close
	}
	n, key := s.Nodes()[0], j.key("k")
	j.add(n, key, "v", time.Hour) // so that there is a connection
	j.leave(s.Nodes())
	j.returns("Close", func() {
		if err := c.Close(); err != nil {
			j.broken("Close: %v", err)
		}
	})
	j.returns("a call after Close", func() {
		_ = n.GetMulti(j.ctx, []string{key}, make([]tier.Item, 1))
		_ = n.Delete(j.ctx, key)
	})
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
