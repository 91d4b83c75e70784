package memo

import (
	"cmp"
	"sync"

	"github.com/tiermemo/tiermemo/internal/keys"
)

// The end of the path for a call without a cache: do.go notes it here, and runs
// fn.

// uncached remembers what was logged about calls that found no cache in their
// ctx. It belongs to no cache, so it is the package's; it is bounded.
var uncached = &notes{seen: map[string]bool{}}

type notes struct {
	mu   sync.Mutex
	seen map[string]bool
}

const (
	mostNames = 200
	unnamed   = "(not shown)" // all of them are told of once: the keys would say which, and may be secrets
)

// note logs, once for each name, that a call ran its loader because there is no
// cache in its ctx: a slow answer, and a middleware that somebody forgot.
func (u *notes) note(key string) {
	name := cmp.Or(keys.Kind(key), unnamed)
	u.mu.Lock()
	known := u.seen[name] || len(u.seen) >= mostNames
	if !known {
		u.seen[name] = true
	}
	u.mu.Unlock()
	if !known {
		noteUncached(name)
	}
}
