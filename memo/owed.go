package memo

import "github.com/tiermemo/tiermemo/internal/coherence"

// Beside the queues (queue.go): what waits for a Node that has left the list, or while
// there is none in it.

// mostOwed bounds what waits for a Node: beyond it everything does.
const mostOwed = 100

// owe queues what, which no Node here waits for, for any that there is or will be.
func (m *members) owe(what told) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.owed = append(m.owed, what)
	m.passOn()
}

// passOn queues what is owed for some Node. m.mu is held.
func (m *members) passOn() {
	var heir *domain
	for _, d := range m.domains {
		if d.gone == 0 && (heir == nil || d.reachable()) { // what has gone is about to leave itself
			heir = d
		}
	}
	if heir != nil {
		for _, what := range m.owed {
			heir.queue(what, true) // which has not left, or it were not here
		}
		m.owed = nil
	}
	if len(m.owed) > mostOwed {
		m.owed = []told{{}}
	}
}

// bequeath takes from d, whose Node has left, what waits for it and concerns others. The
// rest need not be delivered: the others say that the Node is not in use, so what it holds is
// void when it comes back. Until they do it stays, and waits:
//
//  1. a process is cut off, and an invalidation waits for C
//  2. it hears of a list without C, and nobody hears that of it
//  3. its list has C again, which was in use all the time
//
// What others have to hear:
//
//  1. a row is on B, what is made of it on A; an invalidation of both reaches A, and not B
//  2. a process that still reaches B makes the one anew of the old other, and stores it on A
//  3. B leaves all lists: A has to hear again
func (d *domain) bequeath() (all []told) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.heirs = true
	for d.others.Len() > 0 {
		b := d.others.Next(mostKeys, d.others.Turn())
		all = append(all, told{b.About, b.Names})
		d.others.Delivered(b)
	}
	d.showQueue()
	return all
}

// inherit takes what waits for before, which was the Node of the same name: the server may be
// the same. If before counted as down, invalidations of processes that have died may be lost.
func (d *domain) inherit(before *domain) {
	down := !before.reachable()
	before.mu.Lock()
	waits := before.pending
	before.pending = coherence.Pending{}
	before.showQueue()
	before.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pending = waits; down {
		d.pending.AddAll()
	}
	d.showQueue()
}

// clean reports whether nothing waits for d, nor may have been lost while it was away.
func (d *domain) clean() bool { return d.waiting.Load() == 0 && d.reachable() }

// debt is what is still owed.
func (m *members) debt() (lost undelivered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, what := range m.owed {
		lost.add(undelivered{keys: len(what.names), all: what.about == everything})
	}
	return lost
}
