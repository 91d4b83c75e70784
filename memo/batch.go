package memo

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// What a read of several keys comes back with beside its values, and the options about
// how many of them travel together.

// BatchError says which keys of a batch failed, and with what; the others are in the
// result. errors.Is and errors.As look at the error of each. Its text shows no key.
type BatchError struct{ Errs map[string]error }

// Error implements error. It has the text of one of the errors, and says how many others
// there are.
func (e *BatchError) Error() string {
	which := "1 key"
	if len(e.Errs) != 1 {
		which = fmt.Sprintf("%d keys", len(e.Errs))
	}
	text := fmt.Sprintf("memo: %s of a batch failed", which)
	different := e.Unwrap()
	if len(different) == 0 {
		return text
	}
	text += ": " + different[0].Error()
	switch n := len(different) - 1; n {
	case 0:
		return text
	case 1:
		return text + "; and 1 other error"
	default:
		return fmt.Sprintf("%s; and %d other errors", text, n)
	}
}

// Unwrap returns the different errors, in the order of the keys.
func (e *BatchError) Unwrap() []error {
	keys := make([]string, 0, len(e.Errs))
	for key := range e.Errs {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var different []error
	seen := map[error]bool{}
	for _, key := range keys {
		err := e.Errs[key]
		if reflect.ValueOf(err).Comparable() {
			if seen[err] {
				continue
			}
			seen[err] = true
		}
		different = append(different, err)
	}
	return different
}

// failures is the *BatchError of results, or nil. That a key is absent is no failure.
func failures[V any](keys []string, results []Result[V]) error {
	var failed *BatchError
	for i := range results {
		if err := results[i].Err; err != nil && !errors.Is(err, ErrNotFound) {
			if failed == nil {
				failed = &BatchError{Errs: map[string]error{}}
			}
			failed.Errs[keys[i]] = err
		}
	}
	if failed == nil {
		return nil
	}
	return failed
}

const defaultBatchSize = 1000

// BatchSize bounds the keys of one call of a loader of many keys, 1 or more; more keys
// make more calls. 1000 if not given.
func BatchSize(n int) Option {
	return Option{kind: optionBatchSize, d: time.Duration(n), quiet: n >= 1}
}

// BatchWindow has the single calls of a function with a loader of many keys, made in one
// request within d of the first of them, join into one call of the loader; 0, the
// default, for none. It costs each of these calls up to d, so give it a few milliseconds
// at most, and only where a request asks on many goroutines for one key each. A hit in L1
// or L2 waits for nothing. Outside of a request nothing is joined, nor are the calls of
// two requests. A window of LoadTimeout or more is refused; where New gives the window, a
// call with so short a LoadTimeout goes alone.
func BatchWindow(d time.Duration) Option {
	return Option{kind: optionBatchWindow, d: d, quiet: d >= 0}
}
