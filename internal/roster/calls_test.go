package roster_test

import (
	"slices"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// calls_test.go is what a process of the simulation is asked for: reads and invalidations.

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
	if p.off(s) || s.seq == 0 {
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
		if !w.late && it.life != life && life != 0 && it.life != 0 {
			w.fail("process %d reads %s of an earlier life of %s", p.id, key, node)
		}
		keep(it.stamp, it.version)
		w.check(p, key, it.version, start, "at "+node)
		return
	}
	net(step)
	lease := w.newCAS()
	if p.off(s) || s.items[key].cas != it.cas {
		alone("lost")
		return
	}
	s.items[key] = item{leased: true, stamp: seq, cas: lease}
	version := p.load(step, key)
	net(step)
	if !p.off(s) && s.items[key].cas == lease {
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
	if p.off(s) {
		return false
	}
	delete(s.items, key)
	net(step)
	if p.off(s) || s.seq == 0 {
		return false
	}
	s.seq++
	n := s.seq
	net(step)
	if p.off(s) || w.now-began > writeTimeout {
		return false
	}
	if s.seq>>32 == n>>32 {
		s.records[n] = wire.AppendRecord(nil, &wire.Record{Seq: n, Source: uint64(p.id), About: wire.Keys, Names: []string{key}})
	}
	net(step)
	w.log("process %d tells %s of %s", p.id, node, key)
	return w.now-began <= writeTimeout
}
