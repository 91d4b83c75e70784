package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// JSON is encoding/json; []byte and string are stored as they are. It is the
// default.
//
// A value is stored as its JSON text, without HTML escapes. A []byte or a
// string, or a named type of these without marshaling methods, is stored as
// the byte 1 and the bytes themselves, whatever they are; a nil []byte is the
// byte 0 alone. A type that has MarshalBinary and UnmarshalBinary, and no methods
// for JSON or text, is stored as the byte 2 and what it writes; so is a pointer
// to one, and a nil pointer is the byte 0. JSON text never begins with any of the
// three, so that one form is not read as the other.
//
// That is for the value as a whole. Of the parts of a struct, a slice or a map
// encoding/json decides, which knows MarshalJSON and MarshalText, and not
// MarshalBinary.
type JSON struct{}

const (
	rawNil      = 0
	rawBytes    = 1
	binaryBytes = 2
)

// errLoss is for the one thing that encoding/json alters in a value whose type
// has passed Check.
var errLoss = &LossError{Type: reflect.TypeFor[string](), Reason: "a string is not valid UTF-8, and JSON would change it"}

// Name is "json".
func (JSON) Name() string { return "json" }

// Append implements Codec. It fails where encoding/json fails (NaN, a cycle),
// where it would replace the bytes of a string that is not valid UTF-8, and
// where a MarshalJSON, MarshalText or MarshalBinary of v's type panics.
//
// The replacement is found in the output, so that it is found in the output of
// MarshalJSON methods too. It costs a false alarm: a value that has the escape
// \ufffd spelled out in a string is refused although it is whole.
func (JSON) Append(dst []byte, v any) ([]byte, error) {
	t := reflect.TypeOf(v)
	if isRaw(t) {
		return appendRaw(dst, reflect.ValueOf(v)), nil
	}
	if binaryForm(t) {
		return appendBinary(dst, v)
	}
	// encoding/json calls a MarshalJSON with a pointer receiver only on what it can address, and UnmarshalJSON always:
	// a big.Int in a struct would be written as {} and be read as a number.
	if t != nil && t.Kind() != reflect.Pointer {
		p := reflect.New(t)
		p.Elem().Set(reflect.ValueOf(v))
		v = p.Interface()
	}
	out := appender(dst)
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := guard("encoding", v, func() error { return enc.Encode(v) }); err != nil {
		return dst, err
	}
	if replaced(out[len(dst):]) {
		return dst, errLoss
	}
	return out[:len(out)-1], nil // Encode ends it with a newline
}

// Unmarshal implements Codec. What v points to is zeroed first: nothing of an
// earlier value is left in it. Data after the value is an error.
func (JSON) Unmarshal(data []byte, v any) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("codec: Unmarshal needs a non-nil pointer, not %T", v)
	}
	p.Elem().SetZero()
	if isRaw(p.Type().Elem()) {
		return readRaw(data, p.Elem())
	}
	if binaryForm(p.Type().Elem()) {
		return readBinary(data, p.Elem())
	}
	return guard("decoding", v, func() error { return json.Unmarshal(data, v) })
}

// guard makes an error of a panic in run. encoding/json reports what is wrong
// with its input; it is the methods of the value's own type that may panic, on
// bytes that another release of them wrote. They run for a reader who asked for
// a value, and to whom the entry is merely a miss.
func guard(doing string, v any, run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{doing: doing, of: reflect.TypeOf(v), value: p}
		}
	}()
	if err := run(); err != nil {
		return fmt.Errorf("codec: %w", err)
	}
	return nil
}

// panicError has a name of its own: of an error of Append a log shows the type, as
// the text may quote the value.
type panicError struct {
	doing string
	of    reflect.Type
	value any
}

// Error implements error.
func (e *panicError) Error() string {
	return fmt.Sprintf("codec: panic while %s %v: %v", e.doing, e.of, e.value)
}

// isRaw reports whether values of t are stored as they are.
func isRaw(t reflect.Type) bool {
	if t == nil || t.Kind() != reflect.String && (t.Kind() != reflect.Slice || t.Elem() != reflect.TypeFor[byte]()) {
		return false
	}
	return t.PkgPath() == "" || !hasMethods(t) && !binaryForm(t)
}

func appendRaw(dst []byte, v reflect.Value) []byte {
	switch {
	case v.Kind() == reflect.String:
		return append(append(dst, rawBytes), v.String()...)
	case v.IsNil():
		return append(dst, rawNil)
	default:
		return append(append(dst, rawBytes), v.Bytes()...)
	}
}

func readRaw(data []byte, v reflect.Value) error {
	switch {
	case len(data) > 0 && data[0] == rawBytes && v.Kind() == reflect.String:
		v.SetString(string(data[1:]))
	case len(data) > 0 && data[0] == rawBytes:
		v.SetBytes(append([]byte{}, data[1:]...))
	case len(data) == 1 && data[0] == rawNil && v.Kind() == reflect.Slice:
		// Unmarshal has zeroed it.
	default:
		return fmt.Errorf("codec: not the stored form of a %v", v.Type())
	}
	return nil
}

// replaced reports whether encoding/json has replaced a byte of a string. It
// writes the escape \ufffd for one, while a U+FFFD that was in the string goes
// out as it is, and a backslash that was in the string comes out doubled: so an
// odd number of backslashes before ufffd is an escape. Under the option "string"
// the text of a string is escaped once more, which makes that twice an odd
// number: no different from one backslash and ufffd spelled out elsewhere.
//
// The engine behind GOEXPERIMENT=jsonv2 writes no escape but U+FFFD itself. No
// value that has one is let through there.
func replaced(text []byte) bool {
	if bytes.Contains(text, []byte("\ufffd")) && !escapesReplacements() {
		return true
	}
	for {
		i := bytes.Index(text, []byte(`\ufffd`))
		if i < 0 {
			return false
		}
		slashes := 1
		for slashes <= i && text[i-slashes] == '\\' {
			slashes++
		}
		if slashes%4 != 0 {
			return true
		}
		text = text[i+len(`\ufffd`):]
	}
}

func escapesReplacements() bool {
	text, err := json.Marshal("\xff")
	return err == nil && bytes.Contains(text, []byte(`\ufffd`))
}

// appender is a byte slice as a Writer. json.Marshal would copy once more, and
// escape <, > and &.
type appender []byte

func (a *appender) Write(p []byte) (int, error) {
	*a = append(*a, p...)
	return len(p), nil
}
