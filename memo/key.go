package memo

import (
	"context"
	"fmt"
	"strings"

	"github.com/tiermemo/tiermemo/internal/keys"
)

// A key is made before any path begins, and checked below the hit path: one that
// is refused is in no tier to be hit.

// maxKey bounds a key. Keys beyond memcached's 250 bytes are hashed for the
// shared tier; a limit there must be, as a key is stored in every tier.
const maxKey = 64 << 10

// Key joins parts into a key: injective, readable, escaped. Key(1), Key("1") and
// Key("a:b"), Key("a", "b") differ, and Key("user", 7) stands above Key("user",
// 7, "orders") in the tree of keys. Integers go by their value whatever their
// type, structs by their exported fields, maps in sorted order; CacheKey()
// string and encoding.TextMarshaler are respected. A part that has no value to
// go by (a func, a channel, a pointer to neither of the two, a struct with an
// unexported field) gives a key that every function refuses with a *UsageError
// naming the part. docs/keys.md has the whole encoding.
func Key(parts ...any) string { return keys.Join(parts...) }

// checkCall says what is wrong with the arguments of a call on key.
func checkCall(op string, ctx context.Context, key string) error {
	if err := checkContext(op, ctx); err != nil {
		return err
	}
	if problem := keyProblem(key); problem != nil {
		problem.Op = op
		return problem
	}
	return nil
}

// checkContext says what is wrong with ctx, or with the Vary of it.
func checkContext(op string, ctx context.Context) error {
	if ctx == nil {
		return &UsageError{Op: op, Problem: "ctx is nil", Fix: "pass the request's context, or context.Background()"}
	}
	if problem := asksOf(ctx, find(ctx)).vary.refusal(); problem != nil {
		problem.Op = op
		return problem
	}
	return nil
}

// keyProblem says what is wrong with key, or returns nil.
func keyProblem(key string) *UsageError {
	if key == "" {
		return &UsageError{Problem: "the key is empty", Fix: `give it a name, as in memo.Key("user", id)`}
	}
	if len(key) > maxKey {
		return &UsageError{Name: keys.Kind(key), Problem: fmt.Sprintf("the key has %d bytes, more than %d", len(key), maxKey), Fix: "use an identifier or a hash of what is so long"}
	}
	if kind, problem, refused := keys.Refused(key); refused {
		return &UsageError{Name: kind, Problem: problem, Fix: "pass a number, a string or a struct of such, or give the type a method CacheKey() string"}
	}
	return nil
}

// split returns the texts under which those of all are kept, in memory of their own,
// that have no problem, and what is wrong with the first of those that have.
func split(op, noun string, all []string, problemOf func(string) *UsageError, keep func(string) (string, *UsageError)) (good []string, refused error) {
	good = make([]string, 0, len(all))
	for i, name := range all {
		kept, problem := "", problemOf(name)
		if problem == nil {
			kept, problem = keep(name)
		}
		if problem == nil {
			good = append(good, strings.Clone(kept))
			continue
		}
		if refused != nil {
			continue
		}
		if problem.Op = op; len(all) > 1 {
			problem.Problem = fmt.Sprintf("%s %d of %d: %s", noun, i+1, len(all), problem.Problem)
		}
		refused = problem
	}
	return good, refused
}
