package roster_test

import (
	"slices"
	"strings"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/roster"
	"github.com/tiermemo/tiermemo/internal/wire"
)

// process_test.go is a process of the simulation: the engine, as short as it can be.

type entry struct {
	node    string
	stamp   uint64
	version int
}

type process struct {
	w      *world
	id     int
	paused int64
	dead   bool
	behind int64 // its settle
	r      *roster.Roster

	logs    map[string]*coherence.Log
	seqs    map[string]uint64 // the counter, when it was polled last
	covered map[string]int64  // L2 of a node is right as of
	l2      map[string]entry
	turns   map[string]int    // of a key: forgotten so often
	purges  map[string]int    // of a node
	applied map[string]uint64 // of a node and a key: the last record
	pending map[string]int
	cut     map[string]int64 // a server that this process does not reach: until when
}

// lease is for how long p's list counts as in use: several of its polls.
func (p *process) lease() int64 {
	switch {
	case p.w.short:
		return settle / 2
	case p.behind > settle:
		return 2 * p.behind
	}
	return leaseTTL
}

// off reports whether s does not answer p.
func (p *process) off(s *server) bool { return s.down || p.w.now < p.cut[s.name] }

func (w *world) process(id int, list []string) *process {
	behind := int64(settle)
	if w.patient && w.chance.IntN(2) == 0 {
		behind *= 3
	}
	p := &process{w: w, id: id, behind: behind, r: roster.New("secret", behind, w.now, list)}
	p.logs, p.seqs, p.covered, p.l2 = map[string]*coherence.Log{}, map[string]uint64{}, map[string]int64{}, map[string]entry{}
	p.turns, p.purges, p.applied, p.pending = map[string]int{}, map[string]int{}, map[string]uint64{}, map[string]int{}
	p.cut = map[string]int64{}
	w.log("process %d starts with %s", id, short(list))
	for name, s := range w.ordered() {
		w.begin(p, func(step steps) { p.follow(step, name, s) })
	}
	return p
}

func (w *world) ordered() func(func(string, *server) bool) {
	return func(yield func(string, *server) bool) {
		for _, name := range allNames {
			if s := w.servers[name]; s != nil && !yield(name, s) {
				return
			}
		}
	}
}

// net is one way to a server.
func net(step steps) { step(0, 12) }

// follow polls a node for ever and does there what there is to do.
func (p *process) follow(step steps, name string, s *server) {
	for {
		if slices.Contains(p.r.List(), name) {
			p.poll(step, name, s)
			for range 4 {
				todo := p.r.Todo(p.w.now, name)
				if todo.Read && p.read(step, name, s) || todo.Swap && p.swap(step, name, s, todo) {
					continue
				}
				break
			}
		} else {
			delete(p.logs, name)
			p.purge(name)
		}
		step(pollEvery/2, pollEvery)
		if p.behind > settle {
			step(2*settle, p.behind-3*pollEvery) // it polls as seldom as it may, and is not behind when it has
		}
		if p.w.now < chaos && p.w.chance.IntN(12) == 0 {
			step(0, 5*p.behind/4) // what is known may be this old
		}
	}
}

func (p *process) purge(name string) {
	p.purges[name]++
	for key, e := range p.l2 {
		if e.node == name {
			delete(p.l2, key)
		}
	}
}

func (p *process) poll(step steps, name string, s *server) {
	for range 4 {
		began := p.w.now
		l := p.logs[name]
		if l == nil {
			l = &coherence.Log{GiveUp: giveUp}
			p.logs[name] = l
		}
		wanted := l.Wanted()
		net(step)
		if p.off(s) {
			net(step)
			p.r.Failed(p.w.now, began, name)
			return
		}
		if s.seq == 0 {
			s.seq = p.w.epoch(0)
		}
		seq, records := s.seq, make([][]byte, len(wanted))
		for i, n := range wanted {
			records[i] = s.records[n]
		}
		net(step)
		if p.logs[name] != l {
			return
		}
		act := l.Read(began, seq, wanted, records)
		if act.Purge {
			p.purge(name)
			p.r.Changed(p.w.now, name)
		}
		for _, rec := range act.Drop {
			if rec.About == wire.Members {
				p.r.Changed(p.w.now, name)
			}
			for _, key := range rec.Names {
				p.applied[name+key] = rec.Seq
				if e, ok := p.l2[key]; ok && e.node == name && e.stamp < rec.Seq {
					delete(p.l2, key)
				}
			}
		}
		l.Done()
		p.seqs[name] = seq
		if act.Complete {
			p.covered[name] = began
			p.r.Polled(began, name)
		}
		if !act.More {
			return
		}
	}
}

// read renews the lease and reads the roster.
func (p *process) read(step steps, name string, s *server) bool {
	list := p.r.List()
	net(step)
	if p.off(s) {
		return false
	}
	s.leases[short(list)] = p.w.now + p.lease()
	net(step)
	began := p.w.now
	net(step)
	if p.off(s) {
		return false
	}
	at, cas := s.view(), s.cas
	net(step)
	if p.off(s) {
		return false
	}
	alive := make([]bool, len(at.Lists))
	for i, l := range at.Lists {
		alive[i] = s.leases[short(l)] > p.w.now
	}
	net(step)
	p.r.Saw(p.w.now, began, name, at, cas, alive)
	return true
}

func (p *process) swap(step steps, name string, s *server, todo roster.Todo) bool {
	if todo.Rotate {
		net(step)
		if p.off(s) {
			return false
		}
		old := s.seq
		net(step)
		if p.off(s) || s.seq != old {
			return false
		}
		s.seq, s.reborn = p.w.epoch(old), true
	}
	net(step)
	if p.off(s) || s.seq == 0 {
		return false
	}
	s.seq++
	n := s.seq
	next := todo.Next(n)
	put := func() {
		if s.cas == todo.CAS {
			p.w.log("process %d at %s: %v -> %v", p.id, name, s.view(), next)
			s.roster, s.cas, s.reborn = wire.AppendRoster(nil, &next), p.w.newCAS(), false
		}
	}
	if p.w.late && p.w.now < chaos {
		switch p.w.chance.IntN(10) {
		case 0: // it arrives late, and its writer believes that it has failed
			began := p.w.now
			net(step)
			p.w.begin(nil, func(step steps) {
				step(0, 6*settle)
				put()
			})
			p.r.Changed(p.w.now, name)
			if p.w.fails {
				p.r.Failed(p.w.now, began, name)
			}
			return false
		case 1: // its writer is stopped before it
			p.paused = p.w.now + p.w.chance.Int64N(3*settle)
			p.w.log("process %d is stopped in a swap until %d", p.id, p.paused)
		}
	}
	net(step)
	if !p.off(s) {
		put()
	}
	net(step)
	if !p.off(s) && s.seq != 0 && s.seq>>32 == n>>32 {
		s.records[n] = wire.AppendRecord(nil, &wire.Record{Seq: n, Source: uint64(p.id), About: wire.Members})
	}
	p.r.Changed(p.w.now, name)
	return true
}

var allNames = strings.Split("ABCDEFG", "")
