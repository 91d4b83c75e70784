package keys_test

import (
	"encoding"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/keys"
)

type (
	said   string          // CacheKey on the value
	marked struct{ n int } // MarshalText on the pointer
	both   struct{ n int } // both methods: CacheKey counts
	mixed  struct{ n int } // MarshalText on the value, CacheKey on the pointer
	list   []int           // CacheKey on the pointer, of no struct
	letter byte            // MarshalText on an element of a slice of bytes
	broken struct{}

	date  struct{ time.Time }
	visit struct {
		time.Time
		User int
	}
	deep    struct{ visit }
	Pointed struct {
		*time.Time
		User int
	}
	own struct { // declares its own method over the one it embeds
		said
		User int
	}
	ownText struct {
		Said
		User int
	}
	Said    string
	lentNil struct {
		*quiet
		User int
	}
	lentNo struct {
		*said
		User int
	}
	lentAny struct {
		speaker
		User int
	}
	speaker interface{ CacheKey() string }
	quiet   struct{ s string }
	spoilt  struct { // has its own method; that of its field panics
		//lint:ignore U1000 its method is what counts
		fuse
		User int
	}
	fuse struct{}
	loop struct{ *loop }
)

func (s said) CacheKey() string                { return string(s) }
func (m *marked) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(m.n), 10), nil }
func (b both) CacheKey() string                { return "c" + strconv.Itoa(b.n) }
func (b both) MarshalText() ([]byte, error)    { return []byte("m"), nil }
func (m *mixed) CacheKey() string              { return "c" + strconv.Itoa(m.n) }
func (m mixed) MarshalText() ([]byte, error)   { return []byte("m"), nil }
func (l *list) CacheKey() string               { return "list" + strconv.Itoa(len(*l)) }
func (l letter) MarshalText() ([]byte, error)  { return []byte{byte(l)}, nil }
func (broken) MarshalText() ([]byte, error)    { return nil, errors.New("out of ink") }
func (o own) CacheKey() string                 { return "own" + strconv.Itoa(o.User) }
func (s Said) CacheKey() string                { return string(s) }
func (o ownText) CacheKey() string {
	if o.User == 0 {
		return string(o.Said)
	}
	return string(o.Said) + strconv.Itoa(o.User)
}
func (q *quiet) CacheKey() string {
	if q == nil {
		return ""
	}
	return q.s
}
func (*fuse) CacheKey() string     { panic("fuse") }
func (l lentNo) CacheKey() string  { return "no" + strconv.Itoa(l.User) }
func (l lentAny) CacheKey() string { return "any" + strconv.Itoa(l.User) }
func (s spoilt) CacheKey() string  { return "spoilt" + strconv.Itoa(s.User) }
func (l *loop) CacheKey() string   { return "loop" }

func TestAValueGoesByItsText(t *testing.T) {
	t.Parallel()
	l := list{1, 2}
	at := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		value any
		want  string
	}{
		{"CacheKey", said("a:b"), "@a%3Ab"},
		{"no text", said(""), "@"},
		{"reserved word", said("nil"), "@nil"},
		{"pointer to it", new(said), "@"},
		{"pointer method, pointer", &marked{7}, "@7"},
		{"pointer method, value", marked{7}, "@7"},
		{"CacheKey before MarshalText", both{7}, "@c7"},
		{"CacheKey of *T before MarshalText of T", mixed{7}, "@c7"},
		{"the same by pointer", &mixed{7}, "@c7"},
		{"pointer method of a slice", l, "@list2"},
		{"the same by pointer", &l, "@list2"},
		{"nil pointer", (*marked)(nil), "nil"},
		{"nil pointer to a value method", (*time.Time)(nil), "nil"},
		{"nil pointer in an interface", []encoding.TextMarshaler{(*marked)(nil), nil}, "[nil,nil]"},
		{"elements", []marked{{1}, {2}}, "[@1,@2]"},
		{"bytes that speak", []letter{'a', 'b'}, "[@a,@b]"},
		{"map keys", map[said]said{"k": "v"}, "map{@k=@v}"},
		{"fields", struct{ A, B any }{said("x"), at}, "{A=@x,B=@2026-01-02T00%3A00%3A00Z}"},
		{"embedded alone", date{at}, "@2026-01-02T00%3A00%3A00Z"},
		{"embedded, and the rest is zero", visit{at, 0}, "@2026-01-02T00%3A00%3A00Z"},
		{"own method over an embedded one", ownText{"x", 7}, "@x7"},
		{"own method over an embedded one, same text", ownText{"x", 0}, "@x"},
		{"own method over an unexported one", own{"x", 7}, "@own7"},
		{"own method over a nil pointer", lentNo{nil, 7}, "@no7"},
		{"own method over a nil interface", lentAny{nil, 7}, "@any7"},
		{"interface that lends", lentAny{said("any7"), 0}, "@any0"},
		{"own method over one that panics", spoilt{User: 7}, "@spoilt7"},
	} {
		if got := keys.Join(c.value); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestCacheKeyDoesNotChangeTheValue(t *testing.T) {
	t.Parallel()
	list := []counted{{}}
	for range 2 {
		if got := keys.Join(list[0], list); got != "@1:[@1]" {
			t.Errorf("got %q: the method has written to the caller's value", got)
		}
	}
}

type counted struct{ n int }

func (c *counted) CacheKey() string { c.n++; return strconv.Itoa(c.n) }

func TestAPanicInCacheKeyIsTheCallers(t *testing.T) {
	t.Parallel()
	defer func() {
		if got := recover(); got != "fuse" {
			t.Errorf("recovered %v", got)
		}
	}()
	keys.Join("user", fuse{})
	t.Error("Join returned")
}
