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
	r      *roster.Roster

	logs    map[string]*coherence.Log
	seqs    map[string]uint64 // the counter, when it was polled last
	covered map[string]int64  // L2 of a node is right as of
	l2      map[string]entry
	turns   map[string]int    // of a key: forgotten so often
	purges  map[string]int    // of a node
	applied map[string]uint64 // of a node and a key: the last record
	pending map[string]int
}

func (w *world) process(id int, list []string) *process {
	p := &process{w: w, id: id, r: roster.New("secret", settle, w.now, list)}
	p.logs, p.seqs, p.covered, p.l2 = map[string]*coherence.Log{}, map[string]uint64{}, map[string]int64{}, map[string]entry{}
	p.turns, p.purges, p.applied, p.pending = map[string]int{}, map[string]int{}, map[string]uint64{}, map[string]int{}
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
		if p.w.now < chaos && p.w.chance.IntN(12) == 0 {
			step(0, 5*settle/4) // what is known may be this old
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
		if s.down {
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
	if s.down {
		return false
	}
	s.leases[short(list)] = p.w.now + leaseTTL
	net(step)
	began := p.w.now
	net(step)
	if s.down {
		return false
	}
	at, cas := s.view(), s.cas
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
		if s.down {
			return false
		}
		old := s.seq
		net(step)
		if s.down || s.seq != old {
			return false
		}
		s.seq = p.w.epoch(old)
	}
	net(step)
	if s.down || s.seq == 0 {
		return false
	}
	s.seq++
	n := s.seq
	next := todo.Next(n)
	net(step)
	if !s.down && s.cas == todo.CAS {
		p.w.log("process %d at %s: %v -> %v", p.id, name, s.view(), next)
		s.roster, s.cas = wire.AppendRoster(nil, &next), p.w.newCAS()
	}
	net(step)
	if !s.down && s.seq != 0 && s.seq>>32 == n>>32 {
		s.records[n] = wire.AppendRecord(nil, &wire.Record{Seq: n, Source: uint64(p.id), About: wire.Members})
	}
	p.r.Changed(p.w.now, name)
	return true
}

// load asks the database.
func (p *process) load(step steps, key string) int {
	step(0, 20)
	version := p.w.version[key]
	if p.w.chance.IntN(8) == 0 {
		step(0, 3*settle)
	}
	step(0, 20)
	return version
}

// get is a read, going down and coming up.
func (p *process) get(step steps, key string) {
	w, start := p.w, p.w.now
	snap := p.r.Snapshot(w.now)
	node, ok := snap.Place(w.now, key)
	if e, has := p.l2[key]; has && ok && e.node == node && w.now-p.covered[node] <= bound && !snap.Void(node, key, e.stamp) {
		w.check(p, key, e.version, start, "L2")
		return
	}
	turn, purges := p.turns[key], p.purges[node]
	keep := func(stamp uint64, version int) {
		if p.turns[key] == turn && p.purges[node] == purges && p.applied[node+key] <= stamp && stamp>>32 == p.seqs[node]>>32 {
			p.l2[key] = entry{node, stamp, version}
		}
	}
	alone := func(why string) { w.check(p, key, p.load(step, key), start, why) }
	if !ok || !snap.Serves(node) || p.pending[key] > 0 {
		alone("unplaced")
		return
	}
	s := w.servers[node]
	net(step)
	if s.down || s.seq == 0 {
		alone("away")
		return
	}
	it, found, seq := s.items[key], false, s.seq
	found = it.cas != 0 && it.stamp>>32 == seq>>32
	life := s.life()
	net(step)
	if found && snap.Void(node, key, it.stamp) {
		found = false
	}
	if found && it.leased {
		alone("leased")
		return
	}
	if found {
		w.shared++
		if it.life != life && life != 0 && it.life != 0 {
			w.fail("process %d reads %s of an earlier life of %s", p.id, key, node)
		}
		keep(it.stamp, it.version)
		w.check(p, key, it.version, start, "at "+node)
		return
	}
	net(step)
	lease := w.newCAS()
	if s.down || s.items[key].cas != it.cas {
		alone("lost")
		return
	}
	s.items[key] = item{leased: true, stamp: seq, cas: lease}
	version := p.load(step, key)
	net(step)
	if !s.down && s.items[key].cas == lease {
		s.items[key] = item{stamp: seq, version: version, cas: w.newCAS(), life: s.life()}
		w.log("process %d fills %s=%d at %s", p.id, key, version, node)
		keep(seq, version)
	}
	w.check(p, key, version, start, "loaded for "+node)
}

// invalidate writes and tells, until it is told.
func (p *process) invalidate(step steps, key string) {
	w := p.w
	step(0, 20)
	w.version[key]++
	version := w.version[key]
	w.log("process %d commits %s=%d", p.id, key, version)
	p.pending[key]++
	p.turns[key]++
	var nodes []string // told; to tell them again and again would be holes in their logs, and no poll complete
	for {
		if at, ok := p.deliver(step, key, &nodes); ok {
			w.log("process %d has told of %s=%d", p.id, key, version)
			w.told[key] = append(w.told[key], told{p.id, at, version})
			w.returned++
			p.pending[key]--
			return
		}
		step(pollEvery, 2*pollEvery)
	}
}

func (p *process) deliver(step steps, key string, told *[]string) (at int64, ok bool) {
	w := p.w
	forget := func() {
		p.turns[key]++
		delete(p.l2, key)
	}
	for range 5 {
		nodes, complete := p.r.Snapshot(w.now).Tell(nil, key)
		w.chance.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		fresh := true
		for _, node := range nodes {
			if slices.Contains(*told, node) {
				continue
			}
			fresh = false
			if !p.deliverTo(step, key, node) {
				return 0, false
			}
			*told = append(*told, node)
		}
		if fresh {
			forget()
			return w.now, complete && len(nodes) > 0 && p.r.Snapshot(w.now).Fresh(w.now)
		}
	}
	return 0, false
}

func (p *process) deliverTo(step steps, key, node string) bool {
	w, s := p.w, p.w.servers[node]
	began := w.now
	net(step)
	if s.down {
		return false
	}
	delete(s.items, key)
	net(step)
	if s.down || s.seq == 0 {
		return false
	}
	s.seq++
	n := s.seq
	net(step)
	if s.down || w.now-began > writeTimeout {
		return false
	}
	if s.seq>>32 == n>>32 {
		s.records[n] = wire.AppendRecord(nil, &wire.Record{Seq: n, Source: uint64(p.id), About: wire.Keys, Names: []string{key}})
	}
	net(step)
	w.log("process %d tells %s of %s", p.id, node, key)
	return w.now-began <= writeTimeout
}

var allNames = strings.Split("ABCDE", "")
