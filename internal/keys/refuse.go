package keys

import (
	"fmt"
	"reflect"
	"strings"
)

// This file is the way out of a key that cannot be made. Join returns no error,
// so that it fits into the arguments of a call; the problem travels in the key
// and every function that is given the key returns it.

// refusedPrefix begins with a byte that Join never writes.
const refusedPrefix = "\x00memo:refused\x00"

// Refused reports whether key is what Join returned for parts that make no key:
// of what Kind it would have been, and what the problem is, for example "part 2
// (chan int) has no value to make a key of". A refused key must not reach a tier:
// two calls with the same problem have the same refused key.
func Refused(key string) (kind, problem string, ok bool) {
	rest, ok := strings.CutPrefix(key, refusedPrefix)
	if !ok {
		return "", "", false
	}
	kind, problem, _ = strings.Cut(rest, "\x00") // which Join never writes into a part
	return kind, problem, true
}

// refuse returns the key of parts that make none; before is what was written
// before the part with the problem.
func refuse(before []byte, problem string) string {
	return refusedPrefix + Kind(string(before)) + "\x00" + problem
}

// A problem is why a value has no text. It names types and fields, never
// values: those may be secrets, and this ends in logs.
type problem struct {
	path string // from the part down to the value, e.g. ", field Done (chan int)"
	what string
	deep bool // the path is too long to help
}

// inside adds to the path that the problem lies in v, which stands at where.
func (p *problem) inside(where string, v reflect.Value) *problem {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	return p.inType(where, v.Type())
}

// inType is inside for a value of type t.
func (p *problem) inType(where string, t reflect.Type) *problem {
	if !p.deep {
		p.path = fmt.Sprintf(", %s (%s)%s", where, t, p.path)
	}
	return p
}

// of says the problem of the nth part, counted from 1.
func (p *problem) of(n int, part any) string {
	return fmt.Sprintf("part %d (%T)%s %s", n, part, p.path, p.what)
}

func tooDeep() *problem {
	return &problem{deep: true, what: fmt.Sprintf("contains itself, or is nested deeper than %d", maxDepth)}
}
