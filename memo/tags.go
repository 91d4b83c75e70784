package memo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/scope"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Invalidations that name no keys take the way of invalidate.go. What is concerned
// is not looked for: a marker in the shared tier and a fence here hide it.

// InvalidateTags forgets every entry that carries one of tags, however many there
// are, in the time that one key takes. Entries obey the tags that they were stored
// with, also where a reader names none. What is promised, and what ErrDeferred
// means, is the same as for Invalidate.
func InvalidateTags(ctx context.Context, tags ...string) error {
	return invalidate(ctx, nil, "InvalidateTags", wire.Tags, tags)
}

// InvalidateTags is the package's InvalidateTags on c.
func (c *Cache) InvalidateTags(ctx context.Context, tags ...string) error {
	if c.none() {
		return ErrNoCache
	}
	return invalidate(ctx, c, "InvalidateTags", wire.Tags, tags)
}

// InvalidateTree forgets key and every key below it, in the time that one key
// takes: InvalidateTree(ctx, Key("user", 7)) forgets Key("user", 7, "orders") too,
// and InvalidateTree(ctx, Key("user")) all users. What is promised is the same as
// for Invalidate.
func InvalidateTree(ctx context.Context, key string) error {
	return invalidate(ctx, nil, "InvalidateTree", wire.Trees, []string{key})
}

// InvalidateTree is the package's InvalidateTree on c.
func (c *Cache) InvalidateTree(ctx context.Context, key string) error {
	if c.none() {
		return ErrNoCache
	}
	return invalidate(ctx, c, "InvalidateTree", wire.Trees, []string{key})
}

// hide forgets tags or trees in this process and in the request that has table. Loads in
// flight are not told: what they end with is looked at when it lands.
func (c *Cache) hide(table *scope.Table, what told) {
	for _, h := range c.homes() {
		h.fences.made(what.about, what.names)
	}
	if table != nil {
		table.ForgetFunc(func(key string) bool {
			return concerns(what.about, what.names, key, entryIn(table, key))
		})
	}
}

// concerns reports whether the invalidation of names is about e, which is the entry
// of key; nil: it is being loaded, and has tags that nobody knows yet.
func concerns(about wire.Subject, names []string, key string, e *tier.Entry) bool {
	if about == wire.Tags {
		return e == nil || slices.ContainsFunc(e.Tags(), func(tag string) bool { return slices.Contains(names, tag) })
	}
	return slices.ContainsFunc(names, func(name string) bool { return keys.Under(key, name) })
}

// maxTag bounds a tag in bytes: it stands in the envelope of every value that
// carries it.
const maxTag = 250

// tagProblem says what is wrong with tag, or returns nil.
func tagProblem(tag string) *UsageError {
	if tag == "" {
		return &UsageError{Problem: "a tag is empty", Fix: `give it a name, as in memo.Tags("users")`}
	}
	if len(tag) > maxTag {
		return &UsageError{Problem: fmt.Sprintf("a tag has %d bytes, more than %d", len(tag), maxTag), Fix: "use an identifier or a hash of what is so long"}
	}
	if kind, problem, refused := keys.Refused(tag); refused { // of memo.Key, for the parts of a tag
		return &UsageError{Name: kind, Problem: problem, Fix: "pass a number, a string or a struct of such, or give the type a method CacheKey() string"}
	}
	return nil
}

// mergeTags adds the tags of more to tags, each once.
func mergeTags(tags, more []string) []string {
	for _, tag := range more {
		if !slices.Contains(tags, tag) {
			tags = append(tags, strings.Clone(tag))
		}
	}
	return tags
}
