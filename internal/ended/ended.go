// Package ended says why a caller has left: it is where every path of this module
// turns back when the ctx of a caller ends.
package ended

import (
	"context"
	"errors"
	"fmt"
)

// Err returns the error of a caller whose ctx has ended. By errors.Is it is what
// ctx.Err returns, which those look for who ask whether a user has gone or a time
// is up, and it is the cause, which says which of the times. Mostly the two are
// one, and it is returned as it is.
func Err(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if errors.Is(cause, err) {
		return cause
	}
	return fmt.Errorf("%w: %w", err, cause)
}
