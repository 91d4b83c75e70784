package cbor

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/memo/codec"
)

// Before a value is encoded: what its type does not show. The library would write
// a time that cannot be read back, two keys of a map as one, and follow a cycle
// until the process dies.

// plan is what the codec knows of a type.
type plan struct {
	loss   error                  // of Check
	risky  map[reflect.Type]bool  // types of which values have to be looked at; seldom any
	fields map[reflect.Type][]int // of a risky struct those that are
	format *format
}

func (f *format) plan(t reflect.Type) *plan {
	if p, ok := f.plans.Load(t); ok {
		return p.(*plan)
	}
	p := &plan{format: f}
	if loss := (checker{}).walk(t, ""); loss != nil {
		p.loss = loss
	} else {
		p.risky = risky(t)
		p.fields = riskyFields(p.risky)
	}
	kept, _ := f.plans.LoadOrStore(t, p)
	return kept.(*plan)
}

// risky returns the types in t that are, or contain, a time.Time, a map whose keys
// have methods, or themselves.
func risky(t reflect.Type) map[reflect.Type]bool {
	found, inside := map[reflect.Type]bool{}, map[reflect.Type][]reflect.Type{}
	var visit func(t reflect.Type, open []reflect.Type)
	visit = func(t reflect.Type, open []reflect.Type) {
		for _, outer := range open {
			if outer == t {
				found[t] = true
			}
		}
		if _, again := inside[t]; again {
			return
		}
		inside[t] = parts(t)
		found[t] = t == timeType() || asksKeys(t)
		for _, part := range inside[t] {
			visit(part, append(open[:len(open):len(open)], t))
		}
	}
	visit(t, nil)
	for grown := true; grown; {
		grown = false
		for t, all := range inside {
			for _, part := range all {
				if found[part] && !found[t] {
					found[t], grown = true, true
				}
			}
		}
	}
	return found
}

func riskyFields(risky map[reflect.Type]bool) map[reflect.Type][]int {
	fields := map[reflect.Type][]int{}
	for t, is := range risky {
		if !is || t.Kind() != reflect.Struct {
			continue
		}
		for i := range t.NumField() {
			if risky[t.Field(i).Type] {
				fields[t] = append(fields[t], i)
			}
		}
	}
	return fields
}

// asksKeys reports whether t is a map of keys that write themselves, or have a
// part that does.
func asksKeys(t reflect.Type) bool {
	return t.Kind() == reflect.Map && !hasMethods(t) && writesItself(t.Key())
}

func writesItself(t reflect.Type) bool {
	if hasMethods(t) {
		return true
	}
	return slices.ContainsFunc(parts(t), writesItself)
}

// parts are the types that the values of t are made of. The keys of maps are looked
// at with their map.
func parts(t reflect.Type) (all []reflect.Type) {
	if isBuiltIn(t) || hasMethods(t) {
		return nil
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return []reflect.Type{t.Elem()}
	case reflect.Struct:
		for i := range t.NumField() {
			all = append(all, t.Field(i).Type)
		}
	}
	return all
}

// mostDepth ends the walk through a cycle. The decoder's own limit is far below.
const mostDepth = 1000

var errDeep = errors.New("cbor: a value that is nested too deep, or contains itself")

// look returns what is wrong with v, if anything.
func (p *plan) look(v reflect.Value, depth int) error {
	if !p.risky[v.Type()] {
		return nil
	}
	if depth > mostDepth {
		return errDeep
	}
	if t, ok := timeOf(v); ok {
		return badTime(t)
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, i := range p.fields[v.Type()] {
			if err := p.look(v.Field(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := p.look(v.Index(i), depth+1); err != nil {
				return err
			}
		}
	case reflect.Map:
		keys := asksKeys(v.Type())
		for all := v.MapRange(); all.Next(); {
			if keys && !p.format.sameKey(all.Key()) {
				return &codec.LossError{Type: v.Type().Key(), Path: "a map key", Reason: "its methods make another key of it"}
			}
			if err := p.look(all.Value(), depth+1); err != nil {
				return err
			}
		}
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		if t, ok := timeOf(v.Elem()); ok && t.IsZero() {
			return errors.New("cbor: a pointer to the zero time, which would come back nil")
		}
		return p.look(v.Elem(), depth+1)
	}
	return nil
}

// sameKey reports whether key comes back as the key it was. If each one does, no
// two become one.
func (f *format) sameKey(key reflect.Value) (same bool) {
	err := guard("encoding", key, func() error {
		data, err := f.enc.Marshal(key.Interface())
		if err != nil {
			return err
		}
		got := reflect.New(key.Type())
		if err := f.dec.Unmarshal(data, got.Interface()); err != nil {
			return err
		}
		same = got.Elem().Interface() == key.Interface()
		return nil
	})
	return same && err == nil
}

func timeOf(v reflect.Value) (t time.Time, ok bool) {
	if v.Type() != timeType() {
		return t, false
	}
	if v.CanAddr() {
		return *v.Addr().Interface().(*time.Time), true // without a copy on the heap
	}
	return v.Interface().(time.Time), true
}

// badTime is for what RFC 3339 cannot say, and for the zero time, which the
// library writes as null.
func badTime(t time.Time) error {
	_, offset := t.Zone()
	switch {
	case t.Year() < 0 || t.Year() > 9999:
		return fmt.Errorf("cbor: a time in the year %d", t.Year())
	case offset%60 != 0 || max(offset, -offset) >= 24*60*60:
		return fmt.Errorf("cbor: a time whose offset from UTC is %v", time.Duration(offset)*time.Second)
	case t.IsZero() && offset != 0:
		return errors.New("cbor: the zero time in another zone than UTC")
	}
	return nil
}
