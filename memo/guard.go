package memo

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/tiermemo/tiermemo/memo/codec"
)

// On the way to L3 and back a Codec is called, which is code of the application.
// It runs when the value is loaded already, or for a reader to whom the entry is
// merely a miss: what goes wrong in it costs the shared tier, and no caller. (A
// Goexit does end its goroutine; the flight above makes an error of that.)

// codecPanic is the error of a method of a Codec that panicked.
type codecPanic struct {
	codec, method string
	value         any
}

// guarded runs one method of c, and makes an error of its panic.
func guarded(c codec.Codec, method string, run func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &codecPanic{codec: fmt.Sprintf("%T", c), method: method, value: p}
		}
	}()
	run()
	return nil
}

// Error implements error. Of what was panicked with it shows the runtime's own
// errors: any other may quote the value that was encoded.
func (p *codecPanic) Error() string {
	what := fmt.Sprintf("a %T", p.value)
	if err, ok := p.value.(runtime.Error); ok {
		what = err.Error()
	}
	return fmt.Sprintf("%s of %s panicked: %s", p.method, p.codec, what)
}

// reason is what may be logged of err, for which a Codec refused a value: its text
// may quote the value.
func reason(err error) string {
	var loss *codec.LossError
	var panicked *codecPanic
	switch {
	case errors.As(err, &loss):
		return loss.Error()
	case errors.As(err, &panicked):
		return panicked.Error()
	}
	var types []string
	for ; err != nil; err = errors.Unwrap(err) {
		types = append(types, fmt.Sprintf("%T", err))
	}
	return strings.Join(types, ": ")
}
