package memo

import (
	"context"
	"fmt"
	"strings"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Ahead of every path: under which key a caller's key is kept. Above this all keys and
// tags are those that the caller wrote, below it those that the tiers have; only what
// is shown of one is made what it was (keys.Asked).

// Vary returns a ctx in which every key, tag and tree is this name's and value's own:
// a smaller cache inside the cache, one a tenant, for example. It holds for reads and
// writes, of any cache, for loaders that they run, and for the tags of options and of
// Amend. Without it, or with another value, the same key is another one, also for who
// writes it by hand.
//
// Invalidations under it are about what is varied alike, and InvalidateAll clears that
// and no more. Without it none reaches into it, but InvalidateAll: there is no
// InvalidateTree("user") of all tenants.
//
// Calls nest: the inner one is a part of the outer one, which InvalidateAll under the
// outer one clears too. So do two of one name, and there is no way back out but the ctx
// from before.
//
// The value is anything that Key takes. With one that it refuses, as a pointer, or with
// an empty name, every call under the ctx is a *UsageError that says so, and Peek finds
// nothing: what belongs to nobody is served to nobody. Name and value stand in each key,
// count for its length, and are no place for a secret.
func Vary(ctx context.Context, name string, value any) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	n := find(ctx)
	asked := asksOf(ctx, n)
	if asked.vary.refusal() != nil {
		return ctx // more would make nothing of it good
	}
	asked.vary, asked.mode = newVaried(asked.vary.rootOf(), name, value), asked.mode|modeVary
	return asked.over(ctx, n)
}

// varied is what a ctx varies keys by; nil: by nothing.
type varied struct {
	root    string // what stands before each key. With a problem none that a tier has
	problem string // why the ctx is of no use; "": it is
}

func newVaried(outer, name string, value any) *varied {
	root := keys.Vary(outer, name, value)
	switch _, problem, refused := keys.Refused(root); {
	case refused:
		return &varied{root, fmt.Sprintf("the value of Vary %q: %s", short(name), strings.TrimPrefix(problem, "part 1 "))}
	case name == "":
		return &varied{root, "the name of a Vary is empty"}
	case len(root) > maxKey: // as each key would be. InvalidateAll has none
		return &varied{root, fmt.Sprintf("Vary %q adds %d bytes to each key, which may have %d", short(name), len(root), maxKey)}
	}
	return &varied{root: root}
}

func (v *varied) rootOf() string {
	if v == nil {
		return ""
	}
	return v.root
}

// refusal is what every call is answered with under v, or nil.
func (v *varied) refusal() *UsageError {
	if v == nil || v.problem == "" {
		return nil
	}
	return &UsageError{Problem: v.problem, Fix: `say what keys differ by, as in memo.Vary(ctx, "tenant", id)`}
}

// keep returns the text under which a key, or a tag, is kept, or why it cannot be: it
// has more than most bytes then.
func (v *varied) keep(noun, text string, most int) (string, *UsageError) {
	if v == nil && !keys.Odd(text) {
		return text, nil
	}
	if problem := v.refusal(); problem != nil {
		return "", problem
	}
	kept := string(keys.AppendKept(nil, v.rootOf(), text))
	if v != nil && len(kept) > most {
		return "", &UsageError{Name: keys.Kind(text), Problem: fmt.Sprintf("the %s has %d bytes with what Vary adds, more than %d", noun, len(kept), most), Fix: "use an identifier or a hash of what is so long"}
	}
	return kept, nil
}

func (v *varied) keepKey(key string) (string, *UsageError) { return v.keep("key", key, maxKey) }
func (v *varied) keepTag(tag string) (string, *UsageError) { return v.keep("tag", tag, maxTag) }

// hitVaried is hit under Vary. The key under which key is kept is made on the stack: who
// looks for it keeps nothing of it. It has the looks of hit once more, as a call between the
// two is 4 to 9 % of it.
//
//go:noinline
func (n *node) hitVaried(key string) (*tier.Entry, outcome) {
	var stack [128]byte
	kept := keys.View(keys.AppendKept(stack[:0], n.vary.root, key))
	if n.table != nil {
		if it := n.table.Get(kept); it != nil {
			return entryOf(it), outcomeL1
		}
	}
	return n.inProcess(kept)
}

// mode is what the ctx of a load asks for: that what it reads is its own tenant's.
func (v *varied) mode() mode {
	if v == nil {
		return 0
	}
	return modeVary
}
