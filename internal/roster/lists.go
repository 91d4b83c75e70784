package roster

// lists.go is about the lists that the nodes have, one of each process.

import (
	"slices"
	"strings"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// sawLists notes which lists name has now, which it did not in the reading before.
//
// A list that was away, and is back, counts as a new one:
//
//  1. a list without C is taken out, since its lease has ended
//  2. another process hears of none
//  3. it is there again; this process takes C out of use, and the other tells C alone of a key
//
// Where its node has lost its memory that is only so if no other node, which every list has,
// told everybody of it meanwhile; and not of the own list: who has another one says so there.
func (r *Roster) sawLists(now int64, name string, before *wire.Roster, alive []bool) {
	n := r.nodes[name]
	last, blank := n.joined, len(before.Members) == 0 && len(before.Lists) == 0
	if len(before.Members) > 0 && len(n.at.Members) == 0 {
		last, blank, n.put = nil, true, never // nobody has disagreed
	}
	n.joined, n.dead = nil, nil
	for i := range n.at.Lists {
		list := join(n.at.Lists[i])
		n.joined = append(n.joined, list)
		_, known := n.listed[list]
		if back := !slices.Contains(last, list); !known || back && !(blank && r.kept(name, list)) {
			r.changed = now
		}
		n.listed[list] = now
		if !alive[i] && list != r.joined {
			n.dead = append(n.dead, list)
		}
	}
}

func (n *node) lists(joined string) bool { return slices.Contains(n.joined, joined) }

// kept reports whether list is not lost with the memory of name: another node has it, which
// every list has, or it is that of this process.
func (r *Roster) kept(name, list string) bool {
	return list == r.joined || slices.ContainsFunc(r.used, func(other string) bool {
		return other != name && r.up(other) && r.nodes[other].lists(list)
	})
}

// has reports whether name has the list, which nobody has taken out of it, or had it before it
// lost its memory, and it is still to be heard of.
//
//  1. a list without C is gone, and everybody but one process has forgotten it
//  2. another process tells C alone of a key
//  3. the one takes C out of use
func (r *Roster) has(name, list string) bool {
	n := r.nodes[name]
	_, had := n.listed[list]
	return n.lists(list) || had && len(n.at.Members) == 0 && r.kept(name, list)
}

// listsAt returns those of n, less the dead, and the own.
func (r *Roster) listsAt(n *node) (lists [][]string) {
	for i, list := range n.at.Lists {
		if !slices.Contains(n.dead, n.joined[i]) {
			lists = append(lists, list)
		}
	}
	if !n.lists(r.joined) {
		lists = append(lists, r.own)
	}
	return lists
}

// inUse finds the lists that somebody has, this process too. A node that is down cannot
// say that a list is gone, so the others do, if the list has any that is up.
func (r *Roster) inUse() {
	r.lists, r.used = []string{r.joined}, slices.Clone(r.own)
	for _, n := range r.nodes {
		for joined := range n.listed {
			if slices.Contains(r.lists, joined) {
				continue
			}
			list := strings.Split(joined, "\x00")
			if n.up || !slices.ContainsFunc(list, r.up) {
				r.lists = append(r.lists, joined)
				r.used = slices.DeleteFunc(r.used, func(name string) bool { return !has(list, name) })
			}
		}
	}
}
