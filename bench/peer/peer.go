// Package peer has one file for each cache that is compared, and the interface that
// all of them are asked through. Each is configured as its own documentation
// recommends; the file says where that stands.
//
// Where the documentation leaves a choice, the one that is faster here is taken: no
// peer keeps statistics that can do without, though ours always does.
package peer

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// Cache is the work: the same calls on the same keys for everybody.
type Cache[K comparable, V any] interface {
	// Context is what callers pass. Ours finds its cache there; to the others it is a
	// context as any.
	Context() context.Context
	// Get returns the value of k, and loads it if it is not there.
	Get(ctx context.Context, k K) (V, error)
	// Delete forgets k, as a writer does after its commit.
	Delete(ctx context.Context, k K) error
	Close() error
}

// Batcher is a Cache that can be asked for many keys in one call.
type Batcher[K comparable, V any] interface {
	Cache[K, V]
	GetMany(ctx context.Context, ks []K) (Found[K, V], error)
}

// Found is what a batch comes back as, which differs by peer: turning the one into the
// other would be work that nobody asked for.
type Found[K comparable, V any] struct {
	List []V
	Map  map[K]V
}

// Of returns the value of the key at place i of the batch, k.
func (f Found[K, V]) Of(i int, k K) (v V, ok bool) {
	if f.Map != nil {
		v, ok = f.Map[k]
		return v, ok
	}
	if i < len(f.List) {
		return f.List[i], true
	}
	return v, false
}

// Options are what every peer is made with.
type Options[K comparable, V any] struct {
	Size     int                                                // entries that it may hold
	TTL      time.Duration                                      // of each
	Refresh  time.Duration                                      // when not 0: past this age an entry is served while one load replaces it
	Load     func(ctx context.Context, k K) (V, error)          // of one
	LoadMany func(ctx context.Context, ks []K) (map[K]V, error) // of many
	Encode   func(V) []byte                                     // for peers that keep bytes
	Decode   func([]byte) (V, error)
	Redis    string // address, for peers that want a server
	// InLine has a peer do its upkeep on the goroutine of the caller, where it can: for a
	// trace without pauses, in which upkeep on another goroutine comes too late.
	InLine bool
}

// ErrUnsupported is what a peer answers that cannot do a thing, by its own design.
var ErrUnsupported = errors.New("peer: it has no such operation")

// New makes a peer.
type New[K comparable, V any] func(Options[K, V]) (Cache[K, V], error)

// Named is one peer in a table.
type Named[K comparable, V any] struct {
	Name    string
	Against string // which of ours it is compared with; "" for the first
	New     New[K, V]
	Closure bool   // each call brings a loader that captures its key
	Needs   string // "redis" if it wants that server
	Later   bool   // what it has loaded is there a moment later
}

// plain is embedded by those that need nothing of a context and nothing to close.
type plain struct{}

func (plain) Context() context.Context { return context.Background() }
func (plain) Close() error             { return nil }

// intKeys lets a peer whose keys are strings be asked with numbers: its user makes the
// key at every call. strconv is the cheapest way, fmt.Sprintf is three times as much.
type intKeys[V any] struct {
	Cache[string, V]
}

func textOf(k int) string { return "user:" + strconv.Itoa(k) }

func numberOf(key string) int {
	n, _ := strconv.Atoi(key[len("user:"):])
	return n
}

func (c intKeys[V]) Get(ctx context.Context, k int) (V, error) { return c.Cache.Get(ctx, textOf(k)) }
func (c intKeys[V]) Delete(ctx context.Context, k int) error {
	return c.Cache.Delete(ctx, textOf(k))
}

// byText makes a peer of strings one of numbers.
func byText[V any](make New[string, V]) New[int, V] {
	return func(o Options[int, V]) (Cache[int, V], error) {
		c, err := make(Options[string, V]{
			Size: o.Size, TTL: o.TTL, Refresh: o.Refresh, Encode: o.Encode, Decode: o.Decode, Redis: o.Redis, InLine: o.InLine,
			Load: func(ctx context.Context, key string) (V, error) { return o.Load(ctx, numberOf(key)) },
		})
		return intKeys[V]{c}, err
	}
}
