package memo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Beside the path: under which name a call is counted. There are few, whatever the
// keys are: who chooses keys must not fill the memory, nor a page with labels.

// otherName is where all is counted that has no name, or came after mostNames.
const otherName = "other"

// Name names a call in the statistics of its cache: see FuncStats. Without it the
// first part of the key is the name, if the key has several and it reads like a name
// (a letter, then letters, digits and "_-./", up to 64 bytes): a key of one part may
// be a secret, and a label is shown around. Else the call is one of "other". At most
// 250 bytes. Give it constants: each name stays for as long as the cache.
//
// It is about calls. Of an entry, and of what is invalidated, the key says the name.
func Name(name string) Option {
	return Option{kind: optionName, name: name, quiet: nameProblem(name) == ""}
}

func nameProblem(name string) string {
	switch {
	case name == "":
		return "Name is empty"
	case len(name) > maxTag:
		return fmt.Sprintf("Name has %d bytes, more than %d", len(name), maxTag)
	}
	return ""
}

// named is the Name that opts give, or "".
func named(opts []Option) (name string) {
	for i := range opts {
		if opts[i].kind == optionName {
			name = opts[i].name
		}
	}
	return name
}

// names are the tallies of one cache. Readers take no lock: a new name is a new
// register, and there are never many.
type names struct {
	now   atomic.Pointer[register]
	other *tally
	mu    sync.Mutex // one new name at a time
}

// register is what is known of names. It does not change.
type register struct {
	tallies  map[string]*tally // by name, and other's
	declared map[string]*tally // by the first part of their keys, as it is written: of those the name may be any
}

func (n *names) init() {
	n.other = newTally(otherName)
	n.now.Store(&register{tallies: map[string]*tally{otherName: n.other}})
}

// tallyOf returns the tally of name, or the one for all others.
func (c *Cache) tallyOf(name string) *tally {
	known := c.names.now.Load()
	if t := known.tallies[name]; t != nil {
		return t
	}
	if known.full() {
		return c.names.other
	}
	return c.names.add(name)
}

func (r *register) full() bool { return len(r.tallies) > mostNames }

func (n *names) add(name string) *tally {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.now.Load()
	if t := known.tallies[name]; t != nil {
		return t
	}
	if known.full() {
		return n.other
	}
	t := newTally(strings.Clone(name)) // it may be a part of a key
	next := &register{tallies: maps.Clone(known.tallies), declared: known.declared}
	next.tallies[t.name] = t
	n.now.Store(next)
	return t
}

// declare returns the tally of name, under which from now on all keys count that
// begin with keys.Join(name), also where name does not read like one.
func (c *Cache) declare(name string) *tally {
	t, n := c.tallyOf(name), &c.names
	first := keys.Join(name)
	if t == n.other || n.now.Load().declared[first] == t {
		return t
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.now.Load()
	next := &register{tallies: known.tallies, declared: maps.Clone(known.declared)}
	if next.declared == nil {
		next.declared = map[string]*tally{}
	}
	next.declared[first] = t
	n.now.Store(next)
	return t
}

// tallyOfKey returns the tally for key, where nothing else says the name.
func (c *Cache) tallyOfKey(key string) *tally {
	if t := c.names.now.Load().declared[keys.Name(key)]; t != nil {
		return t
	}
	if kind := keys.Kind(key); kind != "" {
		return c.tallyOf(kind)
	}
	return c.names.other
}

// tallyOfCall returns the tally for a read of key with opts.
func (c *Cache) tallyOfCall(key string, opts []Option) *tally {
	return c.tallyNamed(opts, c.tallyOfKey(key))
}

// tallyNamed returns the tally that opts name, else t.
func (c *Cache) tallyNamed(opts []Option, t *tally) *tally {
	if name := named(opts); name != "" {
		return c.tallyOf(name)
	}
	return t
}

// tallyFor returns the tally of e's key, for entries that the Local may have from
// elsewhere.
func (c *Cache) tallyFor(e *tier.Entry) *tally {
	if e.Kind != nil {
		if t, ok := e.Kind.Tally.(*tally); ok {
			return t
		}
	}
	return c.names.other
}

// tallyKnown returns the tally for what is above or at key, if its name is known
// already: that of a tree of one part, which says nothing of what it is, and of
// others' keys, which may be about names that this process never hears of.
func (c *Cache) tallyKnown(about wire.Subject, key string) *tally {
	known, first := c.names.now.Load(), keys.Name(key)
	t := known.declared[first]
	if t == nil && (about == wire.Trees || keys.Kind(key) != "") {
		t = known.tallies[first]
	}
	if t == nil {
		t = c.names.other
	}
	return t
}

// invalidated counts keys or trees that were invalidated here.
func (c *Cache) invalidated(about wire.Subject, names []string) {
	if about == wire.Tags {
		c.invalidatedTags.Add(uint64(len(names)))
		return
	}
	for _, key := range names {
		key = keys.Asked(key)
		switch {
		case key == "": // the root of a Vary: all that is below it
			c.invalidatedAll.Add(1)
		case about == wire.Trees && keys.Kind(key) == "":
			c.tallyKnown(about, key).invalidated(about, 1)
		default:
			c.tallyOfKey(key).invalidated(about, 1)
		}
	}
}

// heardOf counts what another process has told of.
func (c *Cache) heardOf(r wire.Record) {
	switch r.About {
	case wire.Tags:
		c.peerTags.Add(uint64(len(r.Names)))
	case wire.Keys, wire.Expired, wire.Trees:
		for _, key := range r.Names {
			c.tallyKnown(r.About, keys.Asked(key)).peer.Add(1)
		}
	}
}

// sorted yields the tallies in the order of their names.
func (r *register) sorted() []*tally {
	return slices.SortedFunc(maps.Values(r.tallies), func(a, b *tally) int { return strings.Compare(a.name, b.name) })
}
