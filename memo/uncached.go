package memo

import (
	"log/slog"
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

const mostNames = 200

// note logs, once for each name, that a call ran its loader because there is no
// cache in its ctx: a slow answer, and a middleware that somebody forgot.
func (u *notes) note(key string) {
	name := keys.Name(key)
	u.mu.Lock()
	known := u.seen[name] || len(u.seen) >= mostNames
	if !known {
		u.seen[name] = true
	}
	u.mu.Unlock()
	if !known {
		slog.Warn("memo: a call ran uncached, because there is no cache in its context; install the middleware or call Begin", "name", name)
	}
}
