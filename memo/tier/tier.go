// Package tier says what a process tier (Local, L2) and a shared tier (Shared,
// L3) must do, and nothing about how.
//
// A Shared is a list of Nodes. A Node has its own keys, its own counter and
// its own log, and the coherence protocol runs once over each. For memcached a
// Node is a server; for Redis it is a primary. Backend authors implement Node
// and return Single(n), or a list of their own; package tiertest checks the result.
package tier

import (
	"context"
	"errors"
	"math"
	"time"
)

// NoExpiry as a ttl keeps an item until it is evicted. It is not 0, so that a
// ttl rounded down to 0 is never immortal.
const NoExpiry time.Duration = math.MaxInt64

// Answers of a Node. They are part of the protocol: the server was reached and
// said no. Any other non-nil error means that the Node could not be reached and
// that a write may, or may not yet, have been applied.
var (
	ErrNotFound = errors.New("tier: no such item")                       // CompareAndSwap, CompareAndDelete, Incr, Touch: the key is absent
	ErrExists   = errors.New("tier: item exists")                        // Add: the key is present
	ErrConflict = errors.New("tier: item was changed since it was read") // CompareAndSwap, CompareAndDelete: another CAS id
	ErrRefused  = errors.New("tier: item refused")                       // too large, or a key the backend cannot hold; nothing is stored
)

// IsAnswer reports whether err, returned by a method of a Node, is an answer of
// the server (nil and the four errors above, wrapped or not) and not a failure
// to reach it.
func IsAnswer(err error) bool {
	return err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, ErrExists) ||
		errors.Is(err, ErrConflict) || errors.Is(err, ErrRefused)
}

// Entry is one cached value with what the engine knows about it. It is
// immutable once stored, but for Local, Checked, Held and Retry: tiers and requests share it.
// A Local keeps the pointer, as a copy would race with those four, and need not look
// at any field but its own.
type Entry struct {
	// What a hit looks at: 64 bytes, one line of the processor's memory (entry.go).
	Key     string // under which it is stored
	Value   any    // the Go value; nil is a value
	Local   uint64 // the Local's alone, from Set until the entry has left: what it likes, by atomic operations; 0 before the first Set, but where it is memo/lru's
	Early   int64  // from when it may be refreshed before its time; that is its end, as Fresh says, but where More has a Last
	Checked uint64 // the engine's, by atomic operations: when it was last compared with the invalidations that Began counts
	Kind    *Kind  // what it has in common with others

	// What none looks at. Times are in nanoseconds on the engine's clock, which is one process's own.

	Stamp   uint64 // the Node's sequence, read before the value was loaded: it is newer than every invalidation up to it; 0 without a Node
	Began   uint64 // when the load, or the read of the shared tier, began, counted in invalidations of tags and trees
	Loaded  int64  // when the load, or the read of the shared tier, began
	Created int64  // when it was first stored, in unix milliseconds: the same in every process that has this version
	More    *More  // what most entries have not; nil: nothing
	Held    uint32 // the engine's, by atomic operations: since when a Local has it, counted in what emptied it; 0: none has
	Micros  uint32 // how long the load ran, as Took says

	Text [16]byte // the engine's: the bytes of a Key that is so short, which points here
}

// Item is what a Node holds under one key.
type Item struct {
	Value []byte // never nil for an item that exists
	CAS   uint64 // identifies this version of the item; 0 says that the item is absent
}

// Found reports whether the item exists.
func (i Item) Found() bool { return i.CAS != 0 }

// A Local is the tier of one process, bounded and safe for concurrent use. It
// knows nothing of time: it may forget an entry early, and the engine refuses
// one that is late. Its methods are called under locks of the engine: they do no
// I/O, and call no cache.
type Local interface {
	// Get returns the entry of key or nil, and counts as a use of it.
	Get(key string) *Entry
	// Peek is Get that does not count as a use.
	Peek(key string) *Entry
	// Set stores e under key, which is its Key, in place of any other. Who keeps the key keeps e: its bytes may lie there.
	Set(key string, e *Entry)
	// Delete forgets key. A Get that begins after it returned does not find what was there.
	Delete(key string)
	// Clear forgets everything, with the promise of Delete.
	Clear()
	// Len is the number of entries, Cap the most there can be.
	Len() int
	Cap() int
	// OnEvict registers fn, which hears of every entry that left for want of room. The engine calls it once, before use.
	OnEvict(fn func(key string, e *Entry))
}

// A Node is one store with one order of writes. All methods are safe for
// concurrent use and return when ctx ends, by its deadline or before. A write
// must be applied whole or not at all, and may be applied after its call has
// failed. A ttl is a lower bound: a backend that counts whole seconds rounds up.
// What has a ttl ends, within seconds after it. A ttl of 0 or less is an error.
// It may be NoExpiry in every method that takes one. The text of an error ends
// in logs: it has no keys and no values in it.
type Node interface {
	// Name identifies the Node, for example "10.0.0.2:11211": keys are placed by it. A Node has one Name in all processes,
	// which never changes, and no other Node has it.
	Name() string
	// GetMulti fills items[i] for keys[i] in one round trip; an absent key leaves a zero Item. len(items) == len(keys). A Node
	// around another one that does not wait for it to return gives it a ctx of its own, made of this one: what this one lends to
	// memo/memcached is lent to somebody else then.
	GetMulti(ctx context.Context, keys []string, items []Item) error
	// Add stores value if the key is absent, else ErrExists.
	Add(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// CompareAndSwap replaces the version cas of the item, else ErrConflict or ErrNotFound.
	CompareAndSwap(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error
	// CompareAndDelete deletes the version cas of the item, else ErrConflict or ErrNotFound.
	CompareAndDelete(ctx context.Context, key string, cas uint64) error
	// Incr adds delta to a decimal uint64 and returns the sum, else ErrNotFound. It keeps the item's ttl and changes its CAS.
	Incr(ctx context.Context, key string, delta uint64) (uint64, error)
	// Touch gives an existing item a new ttl and keeps its CAS, else ErrNotFound.
	Touch(ctx context.Context, key string, ttl time.Duration) error
	// Delete removes keys; an absent key is no error.
	Delete(ctx context.Context, keys ...string) error
	// Ping reports whether the Node answers. It must not delay calls to other Nodes.
	Ping(ctx context.Context) error
}

// A Shared is a tier shared between processes: the Nodes that this process knows.
// Which of them holds a key is not its business. The engine places keys by the
// Names alone, and because an invalidation has to find its key while one process
// knows of a new Node and another does not, the engines agree with each other,
// through the Nodes, on when a Node is used. All methods are safe for concurrent
// use.
//
// A Node may be an io.Closer. The engine closes it when it is a member no longer
// and nobody needs it any more; until then it is called, and has to work, for
// keys that it holds may have to be invalidated. A Node that is closed is not
// returned again: where its name is a member again, it has a new Node.
//
// A Shared may be an io.Closer too. The Close of the cache closes it, and it
// closes all Nodes that are left. Calls that come later return, and open nothing.
// Closing again is no error, of either.
type Shared interface {
	// Nodes returns the present members, each Name once, in any order. The slice is not modified later; a change makes a new
	// one. A member that stays is the same Node, by ==, and one that fails is still a member. There may be none, while names
	// are not resolved yet: the engine then goes without. It asks several times a second, and under no lock: Nodes does no I/O.
	Nodes() []Node
	// Fixed reports whether these are the members for ever, and the same in every process. Engines then need not agree on
	// them, and do not. Where two processes differ all the same, they read old values of each other.
	Fixed() bool
}

// Single makes a Shared of one Node, which is Fixed. It passes Close on to a
// Node that is an io.Closer.
func Single(n Node) Shared { return single{n} }
