package cbor

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/tiermemo/tiermemo/memo/codec"
)

// The fields of a struct as the library sees them: embedded structs are dissolved
// in the one around them, as encoding/json does.

// structWalk is the walk through one struct and what it embeds.
type structWalk struct {
	checker
	owners  map[string]string // name in CBOR → path of the field that has it
	open    []reflect.Type    // the structs from the outermost to the present one
	toArray bool              // fields are told by their place, and all are written
}

func (w *structWalk) fields(t reflect.Type, path string) *codec.LossError {
	if slices.Contains(w.open, t) {
		return lossIf("a struct that embeds itself", t, path)
	}
	w.open = append(w.open, t)
	defer func() { w.open = w.open[:len(w.open)-1] }()

	if blank, ok := t.FieldByName("_"); ok && slices.Contains(tagOf(blank).options, "toarray") {
		w.toArray = true
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" || !f.IsExported() && f.Type.Size() == 0 {
			continue // there is nothing in it
		}
		if loss := w.field(f, inside(path, ".")+f.Name); loss != nil {
			return loss
		}
	}
	return nil
}

func (w *structWalk) field(f reflect.StructField, path string) *codec.LossError {
	embedded, isPointer := embeddedStruct(f)
	tag := tagOf(f)
	switch {
	case !f.IsExported() && embedded == nil:
		return lossIf("unexported field", f.Type, path)
	case tag.ignored:
		return lossIf(`the tag "-"`, f.Type, path)
	case !f.IsExported() && tag.name != "":
		return lossIf("an unexported struct with a name", f.Type, path)
	case !f.IsExported() && isPointer:
		return lossIf("an embedded pointer to an unexported struct", f.Type, path)
	case embedded != nil && tag.name == "" && isPointer && (w.toArray || !alwaysWritten(embedded)):
		return lossIf("an embedded pointer, of which nothing may tell whether it was nil", f.Type, path)
	case embedded != nil && tag.name == "" && hasMethods(embedded):
		return lossIf("an embedded struct, whose methods are not used", f.Type, path)
	case embedded != nil && tag.name == "":
		return w.fields(embedded, path)
	}
	name, err := tag.key(f)
	if err != nil {
		return lossIf("the option keyasint, and a name that is no number", f.Type, path)
	}
	if owner, taken := w.owners[name]; taken {
		return lossIf(fmt.Sprintf("%s has the name %s too", owner, name), f.Type, path)
	}
	w.owners[name] = path
	if loss := lossIf(tag.loss(f.Type), f.Type, path); loss != nil {
		return loss
	}
	return w.walk(f.Type, path)
}

// embeddedStruct returns the struct that f embeds, by value or by pointer, or nil.
func embeddedStruct(f reflect.StructField) (_ reflect.Type, isPointer bool) {
	t := f.Type
	if isPointer = t.Kind() == reflect.Pointer; isPointer {
		t = t.Elem()
	}
	if !f.Anonymous || t.Kind() != reflect.Struct {
		return nil, false
	}
	return t, isPointer
}

// alwaysWritten reports whether t itself has a field that each value writes, from
// which the decoder learns that an embedded pointer was not nil.
func alwaysWritten(t reflect.Type) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		tag := tagOf(f)
		if embedded, _ := embeddedStruct(f); embedded == nil && f.IsExported() && !tag.ignored && !tag.omits() {
			return true
		}
	}
	return false
}

// tag is what stands under cbor, or else under json.
type tag struct {
	name    string
	options []string
	ignored bool
}

func tagOf(f reflect.StructField) tag {
	text := f.Tag.Get("cbor")
	if text == "" {
		text = f.Tag.Get("json")
	}
	parts := strings.Split(text, ",")
	return tag{name: parts[0], options: parts[1:], ignored: text == "-"}
}

// key is the name of f as CBOR has it: a quoted text, or a number.
func (t tag) key(f reflect.StructField) (string, error) {
	name := t.name
	if name == "" {
		name = f.Name
	}
	if !slices.Contains(t.options, "keyasint") {
		return strconv.Quote(name), nil
	}
	n, err := strconv.Atoi(name)
	return strconv.Itoa(n), err
}

func (t tag) omits() bool {
	return slices.Contains(t.options, "omitempty") || slices.Contains(t.options, "omitzero")
}

// loss is for a field of type typ under t.
func (t tag) loss(typ reflect.Type) string {
	if slices.Contains(t.options, "omitempty") && !isBuiltIn(typ) {
		if typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
			return "omitempty turns empty into nil"
		}
		if hasMethods(typ) {
			return "omitempty leaves out what its methods write nothing for"
		}
	}
	zeroer := reflect.TypeFor[interface{ IsZero() bool }]()
	if slices.Contains(t.options, "omitzero") && typ != timeType() && (typ.Implements(zeroer) || reflect.PointerTo(typ).Implements(zeroer)) {
		return "omitzero leaves out whatever IsZero is true for"
	}
	return ""
}
