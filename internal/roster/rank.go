package roster

// rank.go orders nodes for a key: by rendezvous hashing, under a secret.

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"

	"github.com/dchest/siphash"
	"github.com/dgryski/go-rendezvous"
)

// A ranking is an order of all names, for each key another one, that every process
// with the same secret has. Without the secret nobody can choose keys that meet on
// one node.
type ranking struct {
	k0, k1 uint64
	id     uint64 // says which secret it is, and not what it is
}

func newRanking(secret string) ranking {
	sum := sha256.Sum256([]byte("tiermemo: which node holds a key\x00" + secret))
	return ranking{binary.LittleEndian.Uint64(sum[:]), binary.LittleEndian.Uint64(sum[8:]), binary.LittleEndian.Uint64(sum[16:])}
}

func (r ranking) hash(s string) uint64 {
	var stack [256]byte // what is longer goes to the heap
	return siphash.Hash(r.k0, r.k1, append(stack[:0], s...))
}

// among returns the choice between names. The best of them all is the best of any
// few that it is one of; so two choices say whether one name is before another.
func (r ranking) among(names ...string) *rendezvous.Rendezvous {
	names = slices.Clone(names)
	slices.Sort(names) // of two names with one hash the first wins
	return rendezvous.New(slices.Compact(names), r.hash)
}

// A duel is the choice between a name and others. It is prepared when it is asked for:
// of a Snapshot's many few are, before there is another Snapshot.
type duel func() *rendezvous.Rendezvous

func (r ranking) duel(name string, others ...string) duel {
	return sync.OnceValue(func() *rendezvous.Rendezvous { return r.among(append(slices.Clone(others), name)...) })
}
