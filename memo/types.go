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
	of          reflect.Type
	codec       codec.Codec
	name        string       // of codec, as it stands in entries
	lossy       error        // why values of it stay out of the shared tier
	fingerprint uint64       // its shape, for readers of another release
	hoards      bool         // it may keep what it is decoded from
	plain       bool         // and no code of the application's decodes it: that ends, and soon
	took        atomic.Int64 // the last load, in nanoseconds
	told        atomic.Bool  // the log has said that it is lossy
}

// form is a type in the form of a codec that a call brings along.
type form struct {
	of    reflect.Type
	codec string // its name
}

// typeOf returns the typeInfo of t for the Codec of a call, or for Config's if
// that is nil. Programs have few types and fewer codecs: the map grows with the
// code, not with the traffic. With shares the value may go to the shared tier.
func (c *Cache) typeOf(t reflect.Type, given codec.Codec, shares bool) (*typeInfo, error) {
	var key any = t
	if given != nil {
		_, name, err := codecFor(given, t)
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
		known, _ = c.types.LoadOrStore(key, info)
	}
	info := known.(*typeInfo)
	switch {
	case info.lossy == nil || !shares:
	case c.cfg.StrictTypes:
		return nil, lossyType(t, info.lossy)
	case info.told.CompareAndSwap(false, true):
		c.log.lossy(t, info.lossy)
	}
	return info, nil
}

// learn finds out what there is to know of t under given, or under Config's Codec.
func (c *Cache) learn(t reflect.Type, given codec.Codec) (*typeInfo, error) {
	if given == nil {
		given = c.cfg.Codec
	}
	cd, name, err := codecFor(given, t)
	if err != nil {
		return nil, err
	}
	info := &typeInfo{of: t, codec: cd, name: name}
	if c.cfg.Shared != nil || c.cfg.StrictTypes {
		if err := guarded(cd, "Check", func() { info.lossy = codec.Check(cd, t) }); err != nil {
			info.lossy = err
		}
	}
	if c.cfg.Shared != nil {
		info.fingerprint, info.hoards = codec.Fingerprint(cd, t), hoards(t, map[reflect.Type]bool{})
		_, ours := cd.(codec.JSON)
		info.plain = ours && !info.hoards
	}
	return info, nil
}

// encode appends v, which is of info's type.
func (info *typeInfo) encode(v any) (data []byte, err error) {
	if panicked := guarded(info.codec, "Append", func() { data, err = info.codec.Append(nil, v) }); panicked != nil {
		return nil, panicked
	}
	return data, err
}

// decode returns the value that was encoded as data.
func (info *typeInfo) decode(data []byte) (any, error) {
	p, err := reflect.New(info.of), error(nil)
	if panicked := guarded(info.codec, "Unmarshal", func() { err = info.codec.Unmarshal(data, p.Interface()) }); panicked != nil {
		return nil, panicked
	}
	if err != nil {
		return nil, err
	}
	return p.Elem().Interface(), nil
}

// codecFor returns the codec that c uses for values of type t, and the name that
// stands in their entries.
func codecFor(c codec.Codec, t reflect.Type) (cd codec.Codec, name string, err error) {
	if err := guarded(c, "For", func() { cd = codec.For(c, t) }); err != nil {
		return nil, "", &UsageError{Problem: err.Error(), Fix: fixMethod}
	}
	name, problem, fix := codecName(cd)
	if problem == "" {
		return cd, name, nil
	}
	if _, chose := c.(codec.Selector); chose {
		problem += fmt.Sprintf(", of what a %T chose for values of type %v", c, t)
	}
	return nil, "", &UsageError{Problem: problem, Fix: fix}
}

const fixMethod = "repair that method: it is asked before there is a value"

// codecName returns c's name; or says why c cannot be used, and what to do.
func codecName(c codec.Codec) (name, problem, fix string) {
	if c == nil {
		return "", "Codec is nil", "give one, or leave it out for the default"
	}
	if nilPointer(c) {
		return "", fmt.Sprintf("Codec is a nil %T", c), "look at the call that made it"
	}
	if err := guarded(c, "Name", func() { name = c.Name() }); err != nil {
		return "", err.Error(), fixMethod
	}
	if name == "" || len(name) > 16 {
		return "", fmt.Sprintf("Codec name %q", name), "give the Codec a name of 1 to 16 bytes"
	}
	return name, "", ""
}

func lossyType(t reflect.Type, loss error) error {
	return &UsageError{
		Problem: fmt.Sprintf("values of type %v would not come back whole from the shared tier (%v)", t, loss),
		Fix:     "change that part, give its type methods that write and read it, use a Codec that keeps it, or turn Config.StrictTypes off",
		cause:   loss,
	}
}
