package fleet

// later.go makes a worker what a later release will be: one whose envelopes have a
// higher version, and that reads both.

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// A Kind is the third byte of an envelope, as docs/coherence.md has it.
type Kind byte

// The kinds of envelopes.
const (
	Values  Kind = 1
	Leases  Kind = 2
	Records Kind = 3
	Rosters Kind = 4
)

const (
	magic           = 0xF5
	present, raised = 1, 2 // versions
)

// later is a member for a process of a later release, which has raised the version of
// some kinds.
type later struct {
	wrapped
	kinds []Kind
}

// raise returns what the later release would have written in place of value. The
// checksum is that of the present one: who does not know the version must not look
// for it.
func (l *later) raise(value []byte) []byte {
	if len(value) < 4 || value[0] != magic || value[1] != present || !slices.Contains(l.kinds, Kind(value[2])) {
		return value
	}
	value = bytes.Clone(value)
	value[1] = raised
	return value
}

// Add implements tier.Node.
func (l *later) Add(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	return l.Node.Add(ctx, key, l.raise(value), ttl)
}

// CompareAndSwap implements tier.Node.
func (l *later) CompareAndSwap(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
	return l.Node.CompareAndSwap(ctx, key, cas, l.raise(value), ttl)
}

// GetMulti implements tier.Node.
func (l *later) GetMulti(ctx context.Context, keys []string, items []tier.Item) error {
	if err := l.Node.GetMulti(ctx, keys, items); err != nil {
		return err
	}
	for i := range items {
		if v := items[i].Value; len(v) >= 4 && v[0] == magic && v[1] == raised {
			items[i].Value = bytes.Clone(v)
			items[i].Value[1] = present
		}
	}
	return nil
}
