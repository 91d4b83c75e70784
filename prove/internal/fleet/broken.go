package fleet

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// A Flaw is what is wrong, on purpose, between a worker and memcached. The keys
// that it knows are those of docs/coherence.md.
type Flaw string

const (
	// Mute: the records of the process's invalidations vanish, as if it died each
	// time between the number and the record. Nothing may come of it.
	Mute Flaw = "mute"
	// Deaf: the process sees the counter stand still, and so never hears of an
	// invalidation. Nothing can save its L2 then: the checker has to see it.
	Deaf Flaw = "deaf"
)

// flawed is a member with a Flaw.
type flawed struct {
	wrapped
	flaw Flaw

	mu   sync.Mutex
	seen []byte // the counter, when it was first read
}

// Add implements tier.Node.
func (f *flawed) Add(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if f.flaw == Mute && strings.Contains(key, ":g:") {
		return nil
	}
	return f.Node.Add(ctx, key, value, ttl)
}

// GetMulti implements tier.Node.
func (f *flawed) GetMulti(ctx context.Context, keys []string, items []tier.Item) error {
	err := f.Node.GetMulti(ctx, keys, items)
	if err != nil || f.flaw != Deaf {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, key := range keys {
		if !strings.HasSuffix(key, ":seq") || !items[i].Found() {
			continue
		}
		if f.seen == nil {
			f.seen = bytes.Clone(items[i].Value)
		}
		items[i].Value = bytes.Clone(f.seen)
	}
	return nil
}
