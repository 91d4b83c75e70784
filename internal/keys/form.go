package keys

import (
	"reflect"
	"strconv"
	"unsafe"
)

// This file writes keys of one type, as Join does and without a box around each
// value: what has to be known of the type is found out once, and a key is then
// written from the memory of the value. A hit that made garbage for its key would
// be half as fast.

// maxSteps bounds how long a Form is. What would be longer, as an array of a
// thousand strings, is written by reflection.
const maxSteps = 64

// A Form writes keys of a name and one value of a type: Join(name, v), and if v is
// a struct that does not speak for itself Join(name, its fields...), so that a
// prefix of the fields is a tree. It is safe for concurrent use.
type Form struct {
	of    reflect.Type
	name  string
	steps []step // nil: only reflection knows
	tail  string

	led  reflect.Kind // all it writes is lead and a Uint64 or a String; else Invalid; see words.go
	lead built
}

// A step writes text, and then what is at offset.
type step struct {
	text   string
	kind   reflect.Kind
	offset uintptr
}

// FormOf returns the Form of t, or what is wrong with t: that no value of it makes
// a key. Where an interface is in t, Join decides at each value.
func FormOf(name string, t reflect.Type) (*Form, string) {
	if p := unwritable(t, 0); p != nil {
		return nil, "a " + t.String() + p.path + " " + p.what
	}
	f := &Form{of: t, name: name}
	w := formWriter{text: Join(name)}
	ok := true
	if f.parted() {
		for field := range fieldsOf(t) {
			w.text += ":"
			ok = ok && w.value(field.Type, field.Offset, 0)
		}
	} else {
		w.text += ":"
		ok = w.value(t, 0, 0)
	}
	if ok && len(w.steps) <= maxSteps {
		f.steps, f.tail = w.steps, w.text
		if f.steps == nil {
			f.steps = []step{}
		}
		f.lead, f.led = f.leadOf()
	}
	return f, ""
}

// parted reports whether the fields of a value are parts of the key.
func (f *Form) parted() bool { return f.of.Kind() == reflect.Struct && !speaks(f.of) }

// Quick reports whether Append may be used.
func (f *Form) Quick() bool { return f.steps != nil }

// Append appends the key of the value at p, which is of the Form's type. It keeps
// neither, and allocates nothing if dst has room. Only if f is Quick.
func (f *Form) Append(dst []byte, p unsafe.Pointer) []byte {
	for i := range f.steps {
		s := &f.steps[i]
		dst = append(dst, s.text...)
		at := unsafe.Add(p, s.offset)
		switch s.kind {
		case reflect.String:
			dst = appendString(dst, *(*string)(at))
		case reflect.Bool:
			dst = strconv.AppendBool(dst, *(*bool)(at))
		case reflect.Int:
			dst = appendInt(dst, int64(*(*int)(at)))
		case reflect.Int8:
			dst = appendInt(dst, int64(*(*int8)(at)))
		case reflect.Int16:
			dst = appendInt(dst, int64(*(*int16)(at)))
		case reflect.Int32:
			dst = appendInt(dst, int64(*(*int32)(at)))
		case reflect.Int64:
			dst = appendInt(dst, *(*int64)(at))
		case reflect.Uint:
			dst = appendUint(dst, uint64(*(*uint)(at)))
		case reflect.Uint8:
			dst = appendUint(dst, uint64(*(*uint8)(at)))
		case reflect.Uint16:
			dst = appendUint(dst, uint64(*(*uint16)(at)))
		case reflect.Uint32:
			dst = appendUint(dst, uint64(*(*uint32)(at)))
		case reflect.Uint64:
			dst = appendUint(dst, *(*uint64)(at))
		case reflect.Float32:
			dst = appendFloat(dst, float64(*(*float32)(at)))
		case reflect.Float64:
			dst = appendFloat(dst, *(*float64)(at))
		}
	}
	return append(dst, f.tail...)
}

// Key returns the key of v, which is of the Form's type, or one that Refused
// recognises.
func (f *Form) Key(v any) string {
	parts := []any{f.name}
	if value := reflect.ValueOf(v); f.parted() {
		for field := range fieldsOf(f.of) {
			parts = append(parts, value.FieldByIndex(field.Index).Interface())
		}
	} else {
		parts = append(parts, v)
	}
	return Join(parts...)
}

// View is b as a string, for as long as b is not written to. A conversion of more
// than 32 bytes allocates, even where the compiler sees that nobody keeps it.
func View(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// fieldsOf yields the fields of the struct t that == compares.
func fieldsOf(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if f := t.Field(i); f.Name != "_" && !yield(f) {
				return
			}
		}
	}
}

// formWriter collects steps. text is what is to be written before the next one.
type formWriter struct {
	steps []step
	text  string
}

// value adds the steps for a t at offset, or reports that only reflection can.
func (w *formWriter) value(t reflect.Type, offset uintptr, depth int) bool {
	if depth > maxDepth || len(w.steps) > maxSteps || speaks(t) {
		return false
	}
	switch kind := t.Kind(); {
	case kind == reflect.Struct:
		return w.fields(t, offset, depth)
	case kind == reflect.Array && t.Elem().Kind() != reflect.Uint8 && t.Len() <= maxSteps:
		return w.elements(t, offset, depth)
	case kind == reflect.String, kind == reflect.Bool,
		reflect.Int <= kind && kind <= reflect.Int64,
		reflect.Uint <= kind && kind <= reflect.Uint64,
		kind == reflect.Float32, kind == reflect.Float64:
		w.steps = append(w.steps, step{w.text, kind, offset})
		w.text = ""
		return true
	}
	return false
}

func (w *formWriter) fields(t reflect.Type, offset uintptr, depth int) bool {
	between := "{"
	for f := range fieldsOf(t) {
		w.text += between + f.Name + "="
		if !w.value(f.Type, offset+f.Offset, depth+1) {
			return false
		}
		between = ","
	}
	if between == "{" {
		w.text += "{"
	}
	w.text += "}"
	return true
}

func (w *formWriter) elements(t reflect.Type, offset uintptr, depth int) bool {
	between := "["
	for i := range t.Len() {
		w.text += between
		if !w.value(t.Elem(), offset+uintptr(i)*t.Elem().Size(), depth+1) {
			return false
		}
		between = ","
	}
	if between == "[" {
		w.text += "["
	}
	w.text += "]"
	return true
}

// unwritable returns why no value of t, which is comparable, makes a key.
func unwritable(t reflect.Type, depth int) *problem {
	if speaks(t) {
		return nil
	}
	switch kind := t.Kind(); {
	case depth > maxDepth:
		return tooDeep()
	case kind == reflect.Pointer:
		return &problem{what: "is a pointer: use what it points to, or give its type a CacheKey method"}
	case kind == reflect.Chan, kind == reflect.UnsafePointer, kind == reflect.Uintptr:
		return &problem{what: "has no value to make a key of"}
	case kind == reflect.Array:
		if p := unwritable(t.Elem(), depth+1); p != nil {
			return p.inType("element", t.Elem())
		}
	case kind == reflect.Struct:
		for f := range fieldsOf(t) {
			if !f.IsExported() {
				return &problem{what: "has the unexported field " + f.Name + ": give it a CacheKey method"}
			}
			if p := unwritable(f.Type, depth+1); p != nil {
				return p.inType("field "+f.Name, f.Type)
			}
		}
	}
	return nil
}
