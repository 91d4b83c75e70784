package keys_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"sort"
	"strings"
)

// This file is what FuzzJoinInjective knows about values without asking Join: a
// source makes values of the fuzzer's bytes and, for each, its meaning, a text
// in which every piece has its length in front. Two values count as equal if and
// only if their meanings are the same text.

type source struct{ rest []byte }

func (s *source) byte() (c byte) {
	if len(s.rest) > 0 {
		c, s.rest = s.rest[0], s.rest[1:]
	}
	return c
}

func (s *source) uint64() uint64 {
	var raw [8]byte
	if n := copy(raw[:1+s.byte()%8], s.rest); n > 0 { // mostly small
		s.rest = s.rest[n:]
	}
	return binary.LittleEndian.Uint64(raw[:])
}

func (s *source) string() string {
	n := min(int(s.byte()%16), len(s.rest))
	text := string(s.rest[:n])
	s.rest = s.rest[n:]
	return text
}

func (s *source) parts() (list []any, meaning []string) {
	for range 1 + s.byte()%4 {
		v, m := s.value(0)
		list, meaning = append(list, v), append(meaning, m)
	}
	return list, meaning
}

func sized(kind, text string) string { return fmt.Sprintf("%s%d(%s)", kind, len(text), text) }

func floatMeaning(f float64) string {
	if f == 0 || f != f {
		return fmt.Sprintf("float %t;", f == 0)
	}
	return fmt.Sprintf("float %x;", math.Float64bits(f))
}

func (s *source) value(depth int) (any, string) {
	switch kind := s.byte() % 14; {
	case kind < 2:
		text := s.string()
		return pick(s, text, any(name(text)), any(text)), sized("string", text)
	case kind < 4:
		return s.integer()
	case kind == 4:
		f := math.Float64frombits(s.uint64())
		return f, floatMeaning(f)
	case kind == 5:
		f := math.Float32frombits(uint32(s.uint64()))
		return pick(s, any(f), any(ratio(f)), any(float64(f))), floatMeaning(float64(f))
	case kind == 6:
		c := complex(float64(int8(s.byte())), math.Float64frombits(s.uint64()))
		return c, "complex " + floatMeaning(real(c)) + floatMeaning(imag(c))
	case kind == 7:
		f := s.byte()&1 == 1
		return pick(s, any(f), any(flag(f))), fmt.Sprintf("bool %t;", f)
	case kind == 8:
		return pick(s, nil, any((*int)(nil)), any([]int(nil)), any(map[string]any(nil)), any((*said)(nil)), any([]byte(nil))), "nil;"
	case kind == 9:
		raw := []byte(s.string())
		if len(raw) == len(sum{}) && s.byte()&1 == 1 {
			return sum(raw), sized("bytes", string(raw))
		}
		return pick(s, any(raw), any(blob(raw))), sized("bytes", string(raw))
	case kind == 10:
		text := s.string()
		pointed := said(text)
		return pick(s, any(pointed), any(&pointed), any(spelled{text})), sized("said", text)
	case depth > 4: // what follows contains values
		return 0, "int 0;"
	case kind == 11:
		return s.list(depth)
	case kind == 12:
		return s.structure(depth)
	default:
		return s.mapping(depth)
	}
}

type spelled struct{ text string }

func (s *spelled) MarshalText() ([]byte, error) { return []byte(s.text), nil }

func pick(s *source, of ...any) any { return of[int(s.byte())%len(of)] }

func (s *source) integer() (any, string) {
	n := s.uint64()
	v := pick(s, int(n), int8(n), int16(n), int32(n), int64(n), id(n), uint(n), uint8(n), uint16(n), uint32(n), n, small(n))
	return v, fmt.Sprintf("int %d;", v)
}

func (s *source) list(depth int) (any, string) {
	list, meaning := []any{}, ""
	for range s.byte() % 4 {
		v, m := s.value(depth + 1)
		list, meaning = append(list, v), meaning+m
	}
	if len(list) == 2 && s.byte()&1 == 1 {
		return [2]any(list), sized("list", meaning)
	}
	return list, sized("list", meaning)
}

type (
	One struct{ A any }
	Two struct{ A, B any }
	Mix struct {
		One
		_ int
		B any
	}
)

func (s *source) structure(depth int) (any, string) {
	a, am := s.value(depth + 1)
	b, bm := s.value(depth + 1)
	one := sized("struct", sized("", "A")+am)
	switch s.byte() % 4 {
	case 0:
		return empty{}, sized("struct", "")
	case 1:
		return One{a}, one
	case 2:
		return Two{a, b}, sized("struct", sized("", "A")+am+sized("", "B")+bm)
	default:
		return Mix{One: One{a}, B: b}, sized("struct", sized("", "One")+one+sized("", "B")+bm)
	}
}

func (s *source) mapping(depth int) (any, string) {
	m, pairs := map[any]any{}, map[string]string{}
	for range s.byte() % 4 {
		key, keyMeaning := any(nil), ""
		if text := s.string(); s.byte()&1 == 1 {
			key, keyMeaning = text, sized("string", text)
		} else {
			key, keyMeaning = len(text), fmt.Sprintf("int %d;", len(text))
		}
		v, vm := s.value(depth + 1)
		m[key], pairs[keyMeaning] = v, vm
	}
	return m, mapMeaning(pairs)
}

func mapMeaning(pairs map[string]string) string {
	var all []string
	for k, v := range pairs {
		all = append(all, sized("", k)+v)
	}
	sort.Strings(all)
	return sized("map", strings.Join(all, ""))
}
