package memo

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/tiermemo/tiermemo/internal/keys"
)

// What comes back up in place of a value. A tier that fails is not among it: a
// read goes around it, and a write that could not says ErrDeferred.

// Errors of this package; compare with errors.Is.
var (
	ErrMiss      = errors.New("memo: not cached")                                                    // Get: no tier has the key
	ErrNotFound  = errors.New("memo: not found")                                                     // a loader says that there is no such thing; see NegativeTTL
	ErrNoCache   = errors.New("memo: no cache in the context; install the middleware or call Begin") // a write: an invalidation, Expire, Set or Add
	ErrClosed    = errors.New("memo: cache is closed")                                               // Get, and writes; other reads run their function
	ErrDeferred  = errors.New("memo: invalidated here, queued for the shared tier")                  // a write; of Close: lost with the queue
	ErrRecursive = errors.New("memo: a loader asked for the key that it is loading")                 // itself, or by way of other loads that it waits for
)

// undelivered is the ErrDeferred of Close: what was queued is lost.
type undelivered struct {
	keys    int  // that were queued
	all     bool // everything was
	writing bool // writes were under way
}

func (u *undelivered) add(more undelivered) {
	u.keys += more.keys
	u.all = u.all || more.all
}

// Error implements error.
func (u undelivered) Error() string {
	what := fmt.Sprintf("%d invalidations were", u.keys)
	switch {
	case u.all:
		what = "an invalidation of everything was"
	case u.keys == 1:
		what = "1 invalidation was"
	case u.keys == 0:
		what = "writes were under way, and their invalidations were"
	}
	if u.writing && (u.all || u.keys > 0) {
		what = "writes were under way, and " + what
	}
	return "memo: " + what + " not delivered: other processes may serve what they had until its TTL ends"
}

// Is makes it an ErrDeferred.
func (undelivered) Is(target error) bool { return target == ErrDeferred }

// UsageError is a mistake of the program: an empty key, a nil loader, options
// that contradict each other, an invalid Config.
type UsageError struct {
	Op      string // "New", "Do" and so on
	Name    string // of New Config.Name, if given; else the first part of a key of several, or empty: errors end in logs
	Problem string
	Fix     string

	cause error
}

// Error implements error.
func (e *UsageError) Error() string {
	where := e.Op
	if e.Name != "" {
		where += " " + e.Name
	}
	return fmt.Sprintf("memo: %s: %s; %s", where, e.Problem, e.Fix)
}

// Unwrap returns what the problem was found by, if anything: for
// Config.StrictTypes the *codec.LossError.
func (e *UsageError) Unwrap() error { return e.cause }

// TypeError says that a key holds a value of another type than the caller asked
// for. Its text shows no more of the key than its first part, and that only if
// there are several.
type TypeError struct {
	Key        string
	Have, Want reflect.Type // Have is nil for a nil value
}

// Error implements error.
func (e *TypeError) Error() string {
	of := ""
	if name := keys.Kind(e.Key); name != "" {
		of = fmt.Sprintf(" of %q", name)
	}
	return fmt.Sprintf("memo: a key%s holds %v, not %v; give the two their own keys", of, e.Have, e.Want)
}

// PanicError is what the other callers get when a loader panics; the one that
// started it panics with Value itself.
type PanicError struct {
	Value any // nil after runtime.Goexit
	Stack []byte
}

// Error implements error.
func (e *PanicError) Error() string {
	if e.Value == nil {
		return "memo: the loader called runtime.Goexit"
	}
	return fmt.Sprintf("memo: the loader panicked: %v", e.Value)
}

// Unwrap returns Value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// TierError says which tier failed at what.
type TierError struct {
	Op   string // a method of tier.Node in lower case, for example "get_multi"
	Tier string // the Node's name
	Err  error
}

// Error implements error.
func (e *TierError) Error() string {
	return fmt.Sprintf("memo: %s on %s: %v", e.Op, e.Tier, e.Err)
}

// Unwrap returns Err.
func (e *TierError) Unwrap() error { return e.Err }
