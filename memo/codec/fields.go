package codec

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
)

// The fields of a struct, as encoding/json sees them: embedded structs are
// dissolved in the one around them, names come from tags, and a name that two
// fields want belongs to one of them or to none.

// structWalk is the walk through one struct and what it embeds.
type structWalk struct {
	checker
	owners map[string]string // JSON name → path of the field that has it
	open   []reflect.Type    // the structs from the outermost to the present one
}

func (c checker) walkStruct(t reflect.Type, path string, addressable bool) *LossError {
	w := structWalk{checker: c, owners: make(map[string]string)}
	return w.fields(t, path, addressable)
}

func (w *structWalk) fields(t reflect.Type, path string, addressable bool) *LossError {
	if slices.Contains(w.open, t) {
		return lossIf("a struct that embeds itself", t, path)
	}
	w.open = append(w.open, t)
	defer func() { w.open = w.open[:len(w.open)-1] }()

	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" || !f.IsExported() && f.Type.Size() == 0 {
			continue // there is nothing in it
		}
		if loss := w.field(f, inside(path, ".")+f.Name, addressable); loss != nil {
			return loss
		}
	}
	return nil
}

func (w *structWalk) field(f reflect.StructField, path string, addressable bool) *LossError {
	embedded, isPointer := embeddedStruct(f)
	name, options := jsonTag(f)
	switch {
	case !f.IsExported() && embedded == nil:
		return lossIf("unexported field", f.Type, path)
	case f.Tag.Get("json") == "-":
		return lossIf(`the tag json:"-"`, f.Type, path)
	case !f.IsExported() && isPointer:
		return lossIf("an embedded pointer to an unexported struct", f.Type, path)
	case embedded != nil && name == "" && isPointer && !alwaysWritten(embedded):
		return lossIf("an embedded pointer comes back nil when no field is written", f.Type, path)
	case embedded != nil && name == "":
		return w.fields(embedded, path, addressable || isPointer)
	}
	if name == "" {
		name = f.Name
	}
	if owner, taken := w.owners[name]; taken {
		return lossIf(fmt.Sprintf("%s has the JSON name %q too", owner, name), f.Type, path)
	}
	w.owners[name] = path
	if loss := lossIf(optionLoss(f.Type, options), f.Type, path); loss != nil {
		return loss
	}
	return w.walk(f.Type, path, addressable)
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

// alwaysWritten reports whether every value of the struct t writes a field,
// from which the decoder learns that an embedded pointer was not nil.
func alwaysWritten(t reflect.Type) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options := jsonTag(f)
		embedded, isPointer := embeddedStruct(f)
		switch {
		case f.Tag.Get("json") == "-" || !f.IsExported() && embedded == nil:
		case embedded != nil && name == "":
			if !isPointer && alwaysWritten(embedded) {
				return true
			}
		case !slices.Contains(options, "omitempty") && !slices.Contains(options, "omitzero"):
			return true
		}
	}
	return false
}

// optionLoss is for a field of type t with the options of its json tag.
func optionLoss(t reflect.Type, options []string) string {
	kind := t.Kind()
	if slices.Contains(options, "omitempty") && (kind == reflect.Slice || kind == reflect.Map) {
		return "omitempty turns empty into nil"
	}
	if slices.Contains(options, "omitzero") && t != reflect.TypeFor[time.Time]() && hasIsZero(t) {
		return "omitzero leaves out whatever IsZero is true for"
	}
	if kind == reflect.Pointer {
		t = t.Elem()
	}
	basic := reflect.Bool <= t.Kind() && t.Kind() <= reflect.Float64 || t.Kind() == reflect.String
	if slices.Contains(options, "string") && basic && hasMethods(t) {
		return "the option string, and methods that write something else"
	}
	return ""
}

func hasIsZero(t reflect.Type) bool {
	zeroer := reflect.TypeFor[interface{ IsZero() bool }]()
	return t.Implements(zeroer) || reflect.PointerTo(t).Implements(zeroer)
}

// jsonTag returns the name in the json tag of f, "" if there is none that
// encoding/json accepts, and the options.
func jsonTag(f reflect.StructField) (name string, options []string) {
	parts := strings.Split(f.Tag.Get("json"), ",")
	if strings.ContainsFunc(parts[0], func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r)
	}) {
		return "", parts[1:]
	}
	return parts[0], parts[1:]
}
