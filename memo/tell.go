package memo

import (
	"context"
	"errors"
	"slices"

	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Between an invalidation (invalidate.go) and the messages of which it consists
// (deliver.go): which Nodes are told of what, and in which steps.

// told is what an invalidation tells the shared tier.
type told struct {
	about wire.Subject
	names []string
}

// everything as a Subject is what no names stand for.
const everything wire.Subject = 0

// part is what one Node is told of an invalidation.
type part struct {
	told
	domain  *domain
	numbers []uint64 // drawn for it: those of its records, and that of its opening
	opened  uint64   // the opening's; 0: it needs none

	places, marks []string    // what to delete, or to soften; what to raise
	items         []tier.Item // marks, as they were read
	batches       [][]string  // the names of each record
	last          uint64      // the number of the last record

	err error
}

// tell delivers an invalidation, or queues it, whatever ctx does: the write is
// committed, and somebody has to tell. The parts are for settle.
func (c *Cache) tell(ctx context.Context, what told) (parts []*part, err error) {
	if c.cfg.Shared == nil {
		return nil, nil
	}
	ctx = context.WithoutCancel(ctx)
	if what.about == everything {
		return c.tellOnce(ctx, what, nil)
	}
	for some := range slices.Chunk(what.names, mostKeys) {
		told, failed := c.tellOnce(ctx, told{what.about, some}, nil)
		parts = append(parts, told...)
		if failed != nil {
			err = failed
		}
	}
	return parts, err
}

// tellOnce is tell for what is delivered at once; done is a Node that has been told.
//
// Which Nodes that are is taken going down, and checked coming up. In between another
// process may have come with a longer list, and have read what was told to nobody:
//
//  1. this process looks which Node holds k: it is A, and A is told
//  2. meanwhile it was stopped for a minute, and the fleet has moved k to B
//  3. what B has is from before the write, and stays
func (c *Cache) tellOnce(ctx context.Context, what told, done *domain) (parts []*part, err error) {
	c.members.attach(ctx)
	ctx, cancel := context.WithTimeout(ctx, c.cfg.WriteTimeout)
	defer cancel()
	err = deferred(nil) // unless a look finds that all were told
	for range mostLooks {
		v := c.members.now.Load()
		some, complete := v.parts(what, func(d *domain) bool {
			return d == done || slices.ContainsFunc(parts, func(p *part) bool { return p.domain == d })
		})
		for _, p := range some {
			if !p.domain.reachable() {
				p.err = errAway
			}
		}
		c.deliver(ctx, what, some)
		parts = append(parts, some...)
		if latest := c.members.latest(ctx); latest == nil || latest == v {
			if latest != nil && complete {
				err = nil
			}
			break
		}
	}
	if err != nil {
		// It is not known who may read it, or somebody may from a Node that is on no list here. It is
		// told again when that is over; what was made of it meanwhile is all over the Nodes.
		if len(parts) > 0 {
			parts[0].domain.suspend(what, true)
		} else {
			c.members.owe(what)
		}
	}
	failed, causes := false, []error(nil)
	for _, p := range parts {
		if p.err == nil {
			continue
		}
		p.domain.suspend(what, len(parts) > 1)
		if failed = true; !errors.Is(p.err, errAway) {
			causes = append(causes, p.err)
		}
	}
	if failed {
		err = deferred(errors.Join(causes...))
	}
	return parts, err
}

// mostLooks is how often in a row the Nodes may change under an invalidation.
const mostLooks = 4

// settle notes that this process has applied what the parts are about.
func settle(parts []*part) {
	for _, p := range parts {
		p.domain.settled(p.numbers)
	}
}

// parts is what each Node is to be told of what, but for those to skip: of keys the Node
// that holds them, of tags, of trees and of everything every Node. It is not complete
// where somebody may read it from a Node that is on no list here.
func (v *view) parts(what told, skip func(*domain) bool) (parts []*part, complete bool) {
	of := map[string]*part{}
	to := func(name string) *part {
		p := of[name]
		if d := v.domains[name]; p == nil && d != nil && !skip(d) {
			p = &part{told: told{about: what.about}, domain: d}
			of[name] = p
			parts = append(parts, p)
		}
		return p
	}
	var nodes []string
	complete = true
	if what.about != wire.Keys && what.about != wire.Expired {
		nodes, complete = v.TellAll(nodes)
		for _, node := range nodes {
			if p := to(node); p != nil {
				p.names = what.names
			}
		}
	}
	if what.about == wire.Tags {
		return parts, complete
	}
	for _, name := range what.names { // also those by which trees are named: they are below no marker of theirs
		told, all := v.Tell(nodes[:0], name)
		complete = complete && all
		for _, node := range told {
			p := to(node)
			if p == nil {
				continue
			}
			p.places = append(p.places, p.domain.space.Value(name))
			if what.about != wire.Trees {
				p.names = append(p.names, name)
			}
		}
	}
	return parts, complete
}

// deliver tells the Nodes of their parts of what, within Config.WriteTimeout. A part that
// fails says so by its err, and the others go on.
//
// One Node is told of one key in two steps: the item is deleted while a number is
// drawn, and then its record tells the other processes. The item is deleted before the
// record can be seen:
//
//  1. another process reads the record, and drops its L2 entry
//  2. it reads the old item from the shared tier, as of after the record
//  3. the item is deleted, too late: no record to come drops the entry
//
// What is about more than one key may be about values that are made of each other, say
// A of B:
//
//  1. A is deleted, or its marker raised
//  2. another process takes the lease of A, and makes it of the B that it has, which is
//     right as far as it can know
//  3. B is deleted. The A of 2 is old, and nothing to come drops it
//
// So the number is drawn first. A lease of A that is taken before its deletion is
// deleted with it; one that is taken later sees the number, and uses no B from before
// until the record is there (need.go), which is written when all is deleted.
//
// Where B is on another Node, its number and that of A know nothing of each other. There
// the logs of all Nodes are opened first, by a number each that has its record, an empty
// one, only in the end. Who makes A of B asks whether B's log is complete, as it was
// after the lease of A was there; until B is deleted it is not, and B is loaded. What was
// begun before all logs were open may be made of anything, but it has a smaller stamp
// than the numbers that come, or its lease is deleted.
func (c *Cache) deliver(ctx context.Context, what told, parts []*part) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.WriteTimeout)
	defer cancel()
	for _, p := range parts {
		p.prepare()
	}
	if len(parts) > 1 {
		// In half of the time: one Node that hangs must not take that of the others.
		opening, cancel := context.WithTimeout(ctx, c.cfg.WriteTimeout/2)
		defer cancel()
		together(parts, func(p *part) error { return p.open(opening) })
	}
	together(parts, func(p *part) error { return p.deliver(ctx) })
	for _, p := range parts {
		if p.err != nil && !tier.IsAnswer(p.err) && !errors.Is(p.err, errAway) {
			p.domain.failed(p.err)
		}
	}
}

// together takes one step on all Nodes that have not failed.
func together(parts []*part, step func(*part) error) {
	_ = each(len(parts), len(parts), func(i int) error {
		if p := parts[i]; p.err == nil {
			p.err = step(p)
		}
		return nil
	})
}
