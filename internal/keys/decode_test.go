package keys_test

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// This file reads a key back into the meaning of its parts (model_test.go). That
// it can be written shows that Join loses nothing: what has an inverse is
// injective.

type decoder struct{ rest string }

// decode panics at a key that Join cannot have made.
func decode(key string) (meaning []string) {
	d := &decoder{key}
	for {
		meaning = append(meaning, d.value())
		if d.rest == "" {
			return meaning
		}
		d.expect(":")
	}
}

func (d *decoder) expect(text string) {
	if !d.accept(text) {
		panic(fmt.Sprintf("%q does not begin with %q", d.rest, text))
	}
}

func (d *decoder) accept(text string) (ok bool) {
	d.rest, ok = strings.CutPrefix(d.rest, text)
	return ok
}

// until takes everything before the first byte of stops.
func (d *decoder) until(stops string) string {
	n := strings.IndexAny(d.rest, stops)
	if n < 0 {
		n = len(d.rest)
	}
	token := d.rest[:n]
	d.rest = d.rest[n:]
	return token
}

// text takes a text and undoes its escapes.
func (d *decoder) text() string {
	token := d.until(":,=[]{}'@")
	var b strings.Builder
	for i := 0; i < len(token); i++ {
		if token[i] != '%' {
			b.WriteByte(token[i])
			continue
		}
		c, err := strconv.ParseUint(token[i+1:i+3], 16, 8)
		if err != nil {
			panic(err)
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String()
}

func (d *decoder) value() string {
	switch {
	case d.accept("'"):
		return sized("string", d.text())
	case d.accept("@"):
		return sized("said", d.text())
	case d.accept("0x"):
		raw, err := hex.DecodeString(d.until(":,=]}"))
		if err != nil {
			panic(err)
		}
		return sized("bytes", string(raw))
	case d.accept("["):
		return sized("list", d.items("]", d.value))
	case d.accept("{"):
		return sized("struct", d.items("}", func() string {
			field := d.until("=")
			d.expect("=")
			return sized("", field) + d.value()
		}))
	case d.accept("map{"):
		pairs := map[string]string{}
		d.items("}", func() string {
			k := d.value()
			d.expect("=")
			pairs[k] = d.value()
			return ""
		})
		return mapMeaning(pairs)
	case d.accept("("):
		re := d.float(d.until(","))
		d.expect(",")
		im := d.float(d.until(")"))
		d.expect(")")
		return "complex " + re + im
	}
	return d.word()
}

func (d *decoder) items(end string, item func() string) (all string) {
	for first := true; !d.accept(end); first = false {
		if !first {
			d.expect(",")
		}
		all += item()
	}
	return all
}

// word takes what has no mark of its own: numbers, reserved words and plain strings.
func (d *decoder) word() string {
	whole := d.rest
	token := d.until(":,=]}")
	switch {
	case token == "true" || token == "false":
		return "bool " + token + ";"
	case token == "nil":
		return "nil;"
	case token == "NaN" || token == "Inf" || token == "-Inf":
		return d.float(token)
	case token != "" && strings.Contains("-0123456789", token[:1]):
		if strings.ContainsAny(token, ".e") {
			return d.float(token)
		}
		return "int " + token + ";"
	}
	d.rest = whole
	return sized("string", d.text())
}

func (d *decoder) float(token string) string {
	f, err := strconv.ParseFloat(token, 64)
	if err != nil {
		panic(err)
	}
	return floatMeaning(f)
}
