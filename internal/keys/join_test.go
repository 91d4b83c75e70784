package keys_test

import (
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/keys"
)

type (
	name  string
	id    int
	small uint8
	ratio float32
	flag  bool
	blob  []byte
	octet byte
	sum   [4]byte

	empty struct{}
	query struct {
		ID   int
		Text string
	}
	Base    struct{ ID int }
	derived struct {
		Base
		Page int
	}
	padded struct {
		_ [0]func()
		N int
		_ int
	}
	nested struct {
		Any  any
		List []query
	}
)

func parts(p ...any) []any { return p }

func TestJoinWrites(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		parts []any
		want  string
	}{
		{parts("user", 7), "user:7"},
		{parts("user", 7, "orders"), "user:7:orders"},

		{parts("user"), "user"},
		{parts(""), "'"},
		{parts("", ""), "':'"},
		{parts("7"), "'7"},
		{parts("-x"), "'-x"},
		{parts("_x"), "_x"},
		{parts("/a/b?c"), "/a/b?c"},
		{parts("größe", "日本"), "größe:日本"},
		{parts("true", "false", "nil", "NaN", "Inf"), "'true:'false:'nil:'NaN:'Inf"},
		{parts("True", "map", "map{", "0x00"), "True:map:map%7B:'0x00"},
		{parts("a:b"), "a%3Ab"},
		{parts("%", ":", "'", "@"), "'%25:'%3A:'%27:'%40"},
		{parts("a b\r\n\x00\x1f\x7f~"), "a%20b%0D%0A%00%1F%7F~"},
		{parts("x,=[]{}"), "x%2C%3D%5B%5D%7B%7D"},
		{parts("\xff", "a\xc3", "a\xc3(", "\uFFFD"), "%FF:a%C3:a%C3(:\uFFFD"},
		{parts(name("n"), name("7")), "n:'7"},

		{parts(7, int8(7), int16(7), int32(7), int64(7), id(7)), "7:7:7:7:7:7"},
		{parts(uint(7), uint8(7), uint16(7), uint32(7), uint64(7), small(7)), "7:7:7:7:7:7"},
		{parts(-7, int8(-128), int16(-7), int32(-7), int64(math.MinInt64)), "-7:-128:-7:-7:-9223372036854775808"},
		{parts(uint64(math.MaxUint64), 'a', time.Second), "18446744073709551615:97:1000000000"},
		{parts(true, false, flag(true)), "true:false:true"},
		{parts(nil, (*int)(nil), (*time.Time)(nil), error(nil)), "nil:nil:nil:nil"},

		{parts(1.0, 0.5, float32(0.5), ratio(2)), "1.0:0.5:0.5:2.0"},
		{parts(0.1, float32(0.1)), "0.1:0.10000000149011612"},
		{parts(0.0, math.Copysign(0, -1)), "0.0:0.0"},
		{parts(1e6, 1e300, -1e-7, 123456.0), "1e+06:1e+300:-1e-07:123456.0"},
		{parts(math.NaN(), math.Float64frombits(0xfff8000000000001)), "NaN:NaN"},
		{parts(math.Inf(1), math.Inf(-1)), "Inf:-Inf"},
		{parts(1+2i, complex64(-1i), complex(math.NaN(), 0)), "(1.0,2.0):(0.0,-1.0):(NaN,0.0)"},

		{parts([]byte{0, 255}, blob{1}, [2]byte{2, 3}, sum{9}, []octet{4}), "0x00ff:0x01:0x0203:0x09000000:0x04"},
		{parts([]byte{}, []byte(nil), [0]byte{}), "0x:nil:0x"},
		{parts([]int{1, 2}, [2]int{1, 2}, []any{1, "b", nil, []string{"7"}}), "[1,2]:[1,2]:[1,b,nil,['7]]"},
		{parts([]int{}, []int(nil), [0]int{}, []string{""}), "[]:nil:[]:[']"},

		{parts(empty{}, query{1, "x"}, derived{Base{1}, 2}), "{}:{ID=1,Text=x}:{Base={ID=1},Page=2}"},
		{parts(padded{N: 3}), "{N=3}"},
		{parts(nested{Any: query{1, ""}, List: []query{{2, "a,b"}}}), "{Any={ID=1,Text='},List=[{ID=2,Text=a%2Cb}]}"},

		{parts(map[string]int{"b": 2, "a": 1, "a-": 3}), "map{a=1,a-=3,b=2}"},
		{parts(map[int]any{10: "x", 9: nil}), "map{10=x,9=nil}"},
		{parts(map[string]int{}, map[string]int(nil)), "map{}:nil"},
		{parts(map[query]bool{{1, "x"}: true}), "map{{ID=1,Text=x}=true}"},

		{parts(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)), "@2026-01-02T03%3A04%3A05.000000006Z"},
		{parts(netip.MustParseAddr("10.0.0.1"), *big.NewInt(5), big.NewInt(5)), "@10.0.0.1:@5:@5"},
	} {
		if got := keys.Join(c.parts...); got != c.want {
			t.Errorf("Join(%#v)\n got %q\nwant %q", c.parts, got, c.want)
		}
	}
}

// All of these are different lists, though many print alike.
func TestJoinTellsApart(t *testing.T) {
	t.Parallel()
	seen := map[string][]any{}
	for _, p := range [][]any{
		parts("a", "b"), parts("a:b"), parts("a%3Ab"), parts("ab"), parts("a", "b", ""), parts("a", "", "b"), parts("", "a", "b"),
		parts([]string{"a", "b"}), parts([]string{"a,b"}), parts("[a,b]"), parts([]any{[]string{"a", "b"}}),
		parts(1), parts("1"), parts(1.0), parts(true), parts("true"), parts("'true"), parts(1 + 0i), parts([]int{1}), parts([]byte{1}), parts("0x01"),
		parts(nil), parts("nil"), parts(""), parts(nil, nil), parts([]any{nil}), parts([]int{}), parts("[]"), parts(empty{}), parts("{}"), parts(map[int]int{}), parts("map{}"),
		parts(math.NaN()), parts("NaN"), parts(math.Inf(1)), parts("Inf"), parts(math.Inf(-1)), parts("-Inf"),
		parts(query{1, "x"}), parts(Base{1}), parts(map[string]any{"ID": 1, "Text": "x"}), parts(query{1, "x,Page=2"}), parts(derived{Base{1}, 2}),
		parts("@x"), parts(said("x")), parts("x"), parts(said("'x")), parts("\xff"), parts("%FF"), parts("\uFFFD"),
	} {
		key := keys.Join(p...)
		if other, ok := seen[key]; ok {
			t.Errorf("%#v and %#v share the key %q", p, other, key)
		}
		seen[key] = p
	}
}

func TestJoinNestsToDepth32(t *testing.T) {
	t.Parallel()
	nest := func(n int) (v any) {
		for v = 1; n > 0; n-- {
			v = []any{v}
		}
		return v
	}
	if got, want := keys.Join(nest(32)), strings.Repeat("[", 32)+"1"+strings.Repeat("]", 32); got != want {
		t.Errorf("got %q", got)
	}
	if _, _, refused := keys.Refused(keys.Join(nest(33))); !refused {
		t.Error("depth 33 was not refused")
	}
}

func TestJoinLongerThanItsBuffer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 70_000)
	if got := keys.Join("a", long, 1, long); got != "a:"+long+":1:"+long {
		t.Errorf("a key of %d bytes is wrong", len(got))
	}
}

func TestJoinAllocatesItsResultOnly(t *testing.T) { // not parallel: it counts the allocations of the process
	n, s, box := 123456, "orders", []any{"user", 123456, "orders", uint8(3)}
	for _, c := range []struct {
		name string
		want float64
		join func()
	}{
		{"constants", 1, func() { sink = keys.Join("user", 7) }},
		{"boxed before", 1, func() { sink = keys.Join(box...) }},
		{"variables", 3, func() { sink = keys.Join("user", n, s) }}, // two boxes
	} {
		if got := testing.AllocsPerRun(100, c.join); got > c.want {
			t.Errorf("%s: %v allocations, want at most %v", c.name, got, c.want)
		}
		n++
		s = fmt.Sprint("orders", n)
	}
}
