package memo

import (
	"context"
	"strings"

	"github.com/tiermemo/tiermemo/internal/coherence"
)

// Add is Set (set.go), with a look before it takes the place.

// Add is Set for a key that has no value, and reports whether it stored v. Of all
// processes that Add at once, one does. A value past its TTL is none, and neither is a
// cached ErrNotFound, nor a load that is under way, which will not replace v.
//
// Where the shared tier does not answer, or cannot hold v, this process's memory
// decides, for this process. The errors are those of Set: with ErrDeferred added may
// be true, as v is stored here then.
func Add[T any](ctx context.Context, key string, v T, opts ...Option) (added bool, err error) {
	return store("Add", ctx, nil, strings.Clone(key), v, opts, true)
}

// hasValue reports whether L2 has a value of l's key.
func (l *load) hasValue() bool {
	e := l.cache.cfg.Local.Peek(l.key)
	now := l.cache.clock.Now()
	return e != nil && e.Err() == nil && ageOf(e, now, 0) == fresh && sound(e, now)
}

// holds reports whether at has found a value of l's key; or all the tags of which the
// markers have to be looked at before that is known.
func (l *load) holds(claim *call, at look, tags []string) (found bool, all []string) {
	e, verdict, all := l.judge(claim, at, tags)
	if l.domain.awaits(l.key, all) {
		return false, all // its invalidation has not reached the shared tier
	}
	switch verdict {
	case coherence.Foreign:
		return true, all
	case coherence.Valid:
		return e != nil && e.Err() == nil && l.cache.clock.Exact() < e.Fresh(), all
	}
	return false, all
}
