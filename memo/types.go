package memo

import (
	"fmt"
	"reflect"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/memo/codec"
)

// What the way to L3 and back needs to know of a value's type. The hit path does
// not ask.

// typeInfo is what a cache knows about a Go type in the form of one codec, found
// out at its first use.
type typeInfo struct {
	codec       codec.Codec
	name        string // of codec, as it stands in entries
	lossy       error  // why values of it stay out of the shared tier
	fingerprint uint64 // its shape, for readers of another release
	decode      func(data []byte) (any, error)
	took        atomic.Int64 // the last load, in nanoseconds
}

// form is a type in the form of a codec that a call brings along.
type form struct {
	of    reflect.Type
	codec string // its name
}

// typeOf returns the typeInfo of t for the Codec of a call, or for Config's if
// that is nil. Programs have few types and fewer codecs: the map grows with the
// code, not with the traffic.
func (c *Cache) typeOf(t reflect.Type, given codec.Codec) (*typeInfo, error) {
	var key any = t
	if given != nil {
		name, err := codecName(given, t)
		if err != nil {
			return nil, err
		}
		key = form{t, name}
	}
	known, ok := c.types.Load(key)
	if !ok {
		info, err := c.learn(t, given)
		if err != nil {
			return nil, err
		}
		var raced bool
		if known, raced = c.types.LoadOrStore(key, info); !raced && info.lossy != nil && !c.cfg.StrictTypes {
			c.log.lossy(t, info.lossy)
		}
	}
	info := known.(*typeInfo)
	if info.lossy != nil && c.cfg.StrictTypes {
		return nil, lossyType(t, info.lossy)
	}
	return info, nil
}

// learn finds out what there is to know of t under given, or under Config's Codec.
func (c *Cache) learn(t reflect.Type, given codec.Codec) (*typeInfo, error) {
	if given == nil {
		given = c.cfg.Codec
	}
	name, err := codecName(given, t)
	if err != nil {
		return nil, err
	}
	cd := codec.For(given, t)
	info := &typeInfo{codec: cd, name: name}
	if c.domain != nil || c.cfg.StrictTypes {
		info.lossy = codec.Check(cd, t)
	}
	if c.domain != nil {
		info.fingerprint = codec.Fingerprint(cd, t)
		info.decode = func(data []byte) (any, error) {
			p := reflect.New(t)
			if err := cd.Unmarshal(data, p.Interface()); err != nil {
				return nil, err
			}
			return p.Elem().Interface(), nil
		}
	}
	return info, nil
}

// codecName returns the name that stands in entries of type t.
func codecName(c codec.Codec, t reflect.Type) (string, error) {
	cd := codec.For(c, t)
	problem, fix := codecProblem(cd)
	if problem == "" {
		return cd.Name(), nil
	}
	if _, chose := c.(codec.Selector); chose {
		problem += fmt.Sprintf(", of what a %T chose for values of type %v", c, t)
	}
	return "", &UsageError{Problem: problem, Fix: fix}
}

// codecProblem says why c cannot be used, and what to do; or "".
func codecProblem(c codec.Codec) (problem, fix string) {
	if c == nil {
		return "Codec is nil", "give one, or leave it out for the default"
	}
	if v := reflect.ValueOf(c); v.Kind() == reflect.Pointer && v.IsNil() {
		return fmt.Sprintf("Codec is a nil %T", c), "look at the call that made it"
	}
	if n := c.Name(); n == "" || len(n) > 16 {
		return fmt.Sprintf("Codec name %q", n), "give the Codec a name of 1 to 16 bytes"
	}
	return "", ""
}

func lossyType(t reflect.Type, loss error) error {
	return &UsageError{
		Problem: fmt.Sprintf("values of type %v would not come back whole from the shared tier (%v)", t, loss),
		Fix:     "change that part, give its type methods that write and read it, use a Codec that keeps it, or turn Config.StrictTypes off",
		cause:   loss,
	}
}
