// Package shop is the values of the program that is rolled out. Its types are in
// old.go in one release and in new.go in the next; what is here is in both.
package shop

import (
	"context"
	"fmt"

	"github.com/tiermemo/tiermemo/internal/rollout"
	"github.com/tiermemo/tiermemo/memo"
)

// Alike is the same in both releases.
type Alike struct {
	ID   int
	Name string
}

// Read reads the value that q asks for.
type Read func(ctx context.Context, q rollout.Question) (rollout.Answer, error)

// Values is what the program reads, by the names that questions have for it.
func Values() map[string]Read {
	values := changed()
	values["alike"] = read(func(version int) Alike { return Alike{7, at(version)} })
	return values
}

// read makes a Read of a loader, which is given the version of the row.
func read[T any](load func(version int) T) Read {
	return func(ctx context.Context, q rollout.Question) (a rollout.Answer, err error) {
		v, err := memo.Do(ctx, q.Key, func(context.Context) (T, error) {
			a.Loaded = true
			return load(q.Version), nil
		}, memo.TTL(q.TTL))
		a.Value = fmt.Sprintf("%+v", v)
		return a, err
	}
}

// at is a text that tells the version of the row that it is from.
func at(version int) string { return fmt.Sprintf("v%d", version) }
