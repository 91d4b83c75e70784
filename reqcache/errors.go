package reqcache

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/tiermemo/tiermemo/internal/keys"
)

// Errors of this package; compare with errors.Is.
var (
	ErrRecursive = errors.New("reqcache: a function asked for the key that it is computing")
	ErrUsage     = errors.New("reqcache: Do was called wrongly")
)

var (
	errNilContext = fmt.Errorf("%w: ctx is nil; pass the context of the request", ErrUsage)
	errNilFunc    = fmt.Errorf("%w: fn is nil; pass the function that computes the value", ErrUsage)
	errEmptyKey   = fmt.Errorf("%w: key is empty; name the value and all that it depends on", ErrUsage)
)

// TypeError says that a key holds a value of another type than the caller asked
// for: two callers use one key for different things. Its text shows no more of the
// key than its first part, and that only if there are several.
type TypeError struct {
	Key        string
	Have, Want reflect.Type
}

// Error implements error.
func (e *TypeError) Error() string {
	return fmt.Sprintf("reqcache: a key%s holds %v, not %v; give the two their own keys", of(keys.Kind(e.Key)), e.Have, e.Want)
}

// PanicError is what those who wait get when the function that they wait for
// panics or ends its goroutine.
type PanicError struct {
	Value any    // what it panicked with; nil after runtime.Goexit
	Stack []byte // where
}

// Error implements error. It leaves the Stack out.
func (e *PanicError) Error() string {
	if e.Value == nil {
		return "reqcache: the function called runtime.Goexit"
	}
	return fmt.Sprintf("reqcache: the function panicked: %v", e.Value)
}

// Unwrap returns Value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
