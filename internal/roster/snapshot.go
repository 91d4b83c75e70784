package roster

// snapshot.go is what a call asks: where a key is, and who is told. draw.go fills it in.

import (
	"slices"
	"sync/atomic"

	"github.com/dgryski/go-rendezvous"
)

// A Snapshot is what a process knew at one time. It is safe for concurrent use.
//
// A call takes one going down. An invalidation takes another one coming up: it tells
// those nodes too that are new in Tell, and it is done if Tell is complete and the
// Snapshot is Fresh.
type Snapshot struct {
	only   string // the one node that there is; "": there may be more
	settle int64
	asOf   atomic.Int64 // the oldest last word of a node; moves while the Snapshot is the current one

	rank   ranking
	views  []*rendezvous.Rendezvous // what the nodes say of who is in use, each once
	used   []string                 // the nodes that all of these have
	serves map[string]served        // the nodes that may be read

	known    []string               // the process's own list
	core     *rendezvous.Rendezvous // the nodes that everyone uses; nil: nobody knows any
	besides  []besides              // the nodes of known that some may use and others not
	foreign  bool                   // somebody may use a node of others, and make of what he reads there what he stores elsewhere
	complete bool                   // nobody else is used
}

// served is what a node says of itself.
type served struct{ marks []mark }

// A mark says that what the node got before seq is void if name comes before it.
type mark struct {
	name string // "": always
	seq  uint64
	duel duel
}

// besides is a node that is told if it comes before the best of the core.
type besides struct {
	name string
	duel duel // it and the core
}

// before reports whether b comes before the core for key.
func (b besides) before(key string) bool { return b.duel().Lookup(key) == b.name }

// Fixed returns the Snapshot of a process that has one node for ever, and shares it
// with such processes only: there is nothing to know.
func Fixed(node string) *Snapshot {
	return &Snapshot{only: node, known: []string{node}, complete: true}
}

// Place returns the node that holds key, be it up or down. Without one the key is loaded
// by each process alone: the nodes do not agree, or nobody has asked them for too long.
func (s *Snapshot) Place(now int64, key string) (node string, ok bool) {
	if s.only != "" {
		return s.only, true
	}
	if len(s.views) == 0 || !s.Fresh(now) {
		return "", false
	}
	if len(s.views) == 1 && len(s.used) == 1 {
		return s.used[0], true // whatever the key: a hash of it was 60 ns, twice for each that is read
	}
	node = s.views[0].Lookup(key)
	for _, view := range s.views[1:] {
		if view.Lookup(key) != node {
			return "", false
		}
	}
	return node, true
}

// Used reports whether node holds keys, be it up or down: Place may return it.
func (s *Snapshot) Used(node string) bool {
	return s.only == node && node != "" || slices.Contains(s.used, node)
}

// Serves reports whether what node has may be read: it is not down, nor behind.
func (s *Snapshot) Serves(node string) bool {
	if s.only != "" {
		return true
	}
	_, ok := s.serves[node]
	return ok
}

// Fresh reports whether nothing can have happened to the nodes that this Snapshot
// does not know of and that matters at now.
func (s *Snapshot) Fresh(now int64) bool {
	return s.only != "" || now-s.asOf.Load() < s.settle
}

// Tell appends to nodes those that are told of an invalidation of key. They are not
// complete where somebody may read key from a node that this process does not have.
func (s *Snapshot) Tell(nodes []string, key string) (told []string, complete bool) {
	if s.only != "" {
		return append(nodes, s.only), true
	}
	if s.core != nil {
		nodes = append(nodes, s.core.Lookup(key))
	}
	for _, b := range s.besides {
		if b.before(key) {
			nodes = append(nodes, b.name)
		}
	}
	return nodes, s.complete && !s.foreign
}

// TellAll is Tell for what may concern any key.
func (s *Snapshot) TellAll(nodes []string) (told []string, complete bool) {
	return append(nodes, s.known...), s.complete && !s.foreign
}

// Void reports whether what node holds for key, or the process has from it, with
// stamp, may be older than an invalidation that node was not told of:
//
//  1. a value is stored at A; B joins, and is before A for this key
//  2. the key is invalidated at B
//  3. B leaves, and the key is looked for at A again
func (s *Snapshot) Void(node, key string, stamp uint64) bool {
	for _, m := range s.serves[node].marks {
		if stamp>>32 == m.seq>>32 && stamp < m.seq && (m.name == "" || m.duel().Lookup(key) == m.name) {
			return true
		}
	}
	return false
}
