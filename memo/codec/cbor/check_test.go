package cbor_test

import (
	"bytes"
	"database/sql"
	"encoding"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	fx "github.com/fxamacker/cbor/v2"

	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/codec/cbor"
)

type (
	address struct{ Street, City string }
	base    struct{ ID int }
	Base    struct{ ID int }
	Sparse  struct {
		ID   int    `json:",omitempty"`
		Name string `json:",omitzero"`
	}
	Deep   struct{ Base }
	Ring   struct{ *Ring }
	node   struct{ Next, Prev *node }
	tree   map[string]tree
	ID     int
	quiet  int
	tick   uint8
	lock   struct{}
	secret struct {
		Name string
		//lint:ignore U1000 the codec does not see it
		note string
	}
	onlyWrites   struct{ N int }
	onlyReads    struct{ N int }
	onlyText     int
	point        struct{ x, y byte }
	pointPointer struct{ x byte }
	textPointer  int
	colour       string
	own          struct{ n byte }
	folding      int // two of ten thousand are one text
	linked       struct{ to *int }
	day          struct{ at time.Time }
	days         struct{ in [2]day }
	basket       map[folding]int // whose own methods know its keys
	cborHalf     struct{ N int }
	onlyJSON     struct{ N int }
	vanish       int
	panicky      struct{}
	Location     struct{ X int }
	Located      struct {
		Location
		Name string
	}
	moment  struct{ time.Time }
	stamped struct {
		time.Time
		Name string
	}
	amount    struct{ *big.Int }
	A         struct{ When time.Time }
	B         struct{ Then time.Time }
	ambiguous struct {
		A
		B
	}
	Box[T any] struct{ V T }
	generic    struct{ Box[secret] }
	row        struct {
		_ struct{} `cbor:",toarray"`
		N int
		S string
	}
	numbered struct {
		N int    `cbor:"1,keyasint"`
		S string `cbor:"-2,keyasint"`
	}
)

func (onlyWrites) MarshalBinary() ([]byte, error)      { return []byte("1"), nil }
func (*onlyReads) UnmarshalBinary([]byte) error        { return nil }
func (onlyText) MarshalText() ([]byte, error)          { return []byte("x"), nil }
func (p point) MarshalBinary() ([]byte, error)         { return []byte{p.x, p.y}, nil }
func (p *point) UnmarshalBinary(b []byte) error        { p.x, p.y = b[0], b[1]; return nil }
func (p *pointPointer) MarshalBinary() ([]byte, error) { return []byte{p.x}, nil }
func (p *pointPointer) UnmarshalBinary(b []byte) error { p.x = b[0]; return nil }
func (t *textPointer) MarshalText() ([]byte, error)    { return []byte{byte(*t)}, nil }
func (t *textPointer) UnmarshalText(b []byte) error    { *t = textPointer(b[0]); return nil }
func (c colour) MarshalText() ([]byte, error)          { return []byte(strings.ToUpper(string(c))), nil }
func (c *colour) UnmarshalText(b []byte) error         { *c = colour(bytes.ToLower(b)); return nil }
func (o own) MarshalCBOR() ([]byte, error)             { return []byte{0x18, o.n}, nil }
func (o *own) UnmarshalCBOR(b []byte) error            { return fx.Unmarshal(b, &o.n) }
func (own) MarshalBinary() ([]byte, error)             { return nil, errors.New("MarshalCBOR goes first") }
func (cborHalf) MarshalCBOR() ([]byte, error)          { return []byte{0}, nil }
func (cborHalf) MarshalBinary() ([]byte, error)        { return nil, nil }
func (*cborHalf) UnmarshalBinary([]byte) error         { return nil }
func (onlyJSON) MarshalJSON() ([]byte, error)          { return []byte("1"), nil }
func (f folding) MarshalText() ([]byte, error)         { return json.Marshal(int(f) % 5000) }
func (f *folding) UnmarshalText(b []byte) error        { return json.Unmarshal(b, (*int)(f)) }
func (l linked) MarshalText() ([]byte, error)          { return json.Marshal(l.to) }
func (l *linked) UnmarshalText(b []byte) error         { return json.Unmarshal(b, &l.to) }
func (d day) MarshalText() ([]byte, error)             { return d.at.MarshalText() }
func (d *day) UnmarshalText(b []byte) error            { return d.at.UnmarshalText(b) }
func (d days) MarshalText() ([]byte, error)            { return d.in[0].at.MarshalText() }
func (d *days) UnmarshalText(b []byte) error           { return d.in[0].at.UnmarshalText(b) }
func (b basket) MarshalBinary() ([]byte, error) {
	return binary.Append(nil, binary.BigEndian, []int64{int64(len(b))})
}
func (b *basket) UnmarshalBinary(d []byte) error { *b = basket{5001: int(d[7])}; return nil }
func (vanish) IsZero() bool                      { return true }
func (panicky) MarshalBinary() ([]byte, error)   { panic("boom") }
func (*panicky) UnmarshalBinary([]byte) error    { panic("boom") }
func (Location) MarshalBinary() ([]byte, error)  { return []byte("somewhere"), nil }
func (*Location) UnmarshalBinary([]byte) error   { return nil }
func (A) MarshalText() ([]byte, error)           { return nil, nil }
func (*A) UnmarshalText([]byte) error            { return nil }
func (B) MarshalText() ([]byte, error)           { return nil, nil }
func (*B) UnmarshalText([]byte) error            { return nil }
func (t tick) MarshalBinary() ([]byte, error)    { return []byte{^byte(t)}, nil }
func (t *tick) UnmarshalBinary(b []byte) error   { *t = tick(^b[0]); return nil }

// check is one line of the table: lost is the path of the first loss, "" for
// none, and reason a part of what is said about it.
type check struct {
	t            reflect.Type
	lost, reason string
}

func kept[T any]() check                    { return check{t: reflect.TypeFor[T]()} }
func lost[T any](path, reason string) check { return check{reflect.TypeFor[T](), path, reason} }

func checks() []check {
	return []check{
		// What survives.
		kept[int](), kept[bool](), kept[float32](), kept[float64](), kept[string](), kept[[]byte](), kept[ID](), kept[json.Number](), kept[uint64](),
		kept[*int](), kept[[]string](), kept[[3]int](), kept[[4]byte](), kept[map[string][]int](), kept[map[ID]bool](), kept[[][]byte](), kept[[]ID](),
		kept[struct{}](), kept[*address](), kept[node](), kept[tree](), kept[[]*node](), kept[row](), kept[[]row](), kept[numbered](), kept[onlyJSON](),
		kept[time.Time](), kept[*time.Time](), kept[[]time.Time](), kept[map[string]time.Time](), kept[time.Duration](), kept[big.Int](), kept[*big.Int](),
		kept[map[int]struct{ N big.Int }](), kept[netip.Addr](), kept[net.IP](), kept[*big.Float](), kept[url.URL](), kept[[]*url.URL](),
		kept[sql.NullString](), kept[sql.Null[time.Time]](), kept[json.RawMessage](), kept[colour](), kept[map[colour]int](),
		kept[point](), kept[*point](), kept[[]point](), kept[map[string]point](), kept[map[point]string](), kept[struct{ P point }](), kept[pointPointer](),
		kept[map[string]pointPointer](), kept[map[string][2]textPointer](), kept[[]tick](), kept[[2]tick](), kept[map[tick]tick](), kept[own](), kept[[]own](),
		kept[map[bool]int](), kept[map[address]int](), kept[map[[2]string]int](), kept[map[netip.Addr]string](), kept[moment](), kept[Box[address]](),
		kept[struct {
			//lint:ignore SA5008 odd tags are the test
			A int `json:"-,"`
			B int `json:",string"`
			C *string
			D [0]int    `json:",omitempty"`
			E string    `json:"E,omitempty"`
			F time.Time `json:",omitzero"`
			G []int     `cbor:"g,omitzero"`
			H address   `json:",omitempty"`
			I Sparse    `cbor:",omitempty"`
			_ int
			lock
			none [0]func()
		}](),
		kept[struct {
			base
			Name string
		}](),
		kept[struct {
			*Base
			Name string
		}](),
		kept[struct {
			Base `cbor:"base"`
			ID   int
		}](),
		kept[struct {
			N int `json:"-" cbor:"n"`
		}](),
		kept[struct {
			A int `cbor:"1,keyasint"`
			B int `cbor:"1"`
		}](),

		// What has no form, or loses its type.
		lost[any]("interface {}", "interface"), lost[error]("error", "interface"), lost[[]any]("interface {}", "interface"), lost[struct{ Err error }]("Err", "interface"),
		lost[func()]("func()", "func"), lost[chan int]("chan int", "chan"), lost[complex128]("complex128", "complex128"), lost[struct{ U uintptr }]("U", "uintptr"),
		lost[struct{ P unsafe.Pointer }]("P", "unsafe.Pointer"), lost[sync.Mutex]("Mutex.mu", "unexported field"), lost[fx.Tag]("Tag.Content", "interface"),
		lost[encoding.BinaryMarshaler]("BinaryMarshaler", "interface"),

		// Fields that are not written, or not all.
		lost[secret]("secret.note", "unexported field"), lost[*secret]("secret.note", "unexported"), lost[map[string]*secret]("secret.note", "unexported"),
		lost[struct{ A struct{ B []secret } }]("A.B[].note", "unexported"), lost[generic]("generic.Box.V.note", "unexported"),
		lost[struct {
			Pass string `json:"-"`
		}]("Pass", `the tag "-"`),
		lost[struct {
			Pass string `json:"pass" cbor:"-"`
		}]("Pass", `the tag "-"`),
		{reflect.StructOf([]reflect.StructField{ // go vet refuses it when it is written out
			{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"x"`},
			{Name: "B", Type: reflect.TypeFor[int](), Tag: `cbor:"x"`},
		}), "B", `A has the name "x" too`},
		lost[struct {
			Base
			ID string
		}]("ID", "the name"),
		lost[struct {
			Base
			Deep
		}]("Deep.Base.ID", "the name"),
		lost[struct {
			A int `cbor:"1,keyasint"`
			B int `cbor:"+1,keyasint"`
		}]("B", "the name 1 too"),
		lost[struct {
			A int `cbor:"one,keyasint"`
		}]("A", "keyasint"),
		lost[struct{ quiet }]("quiet", "unexported field"),
		lost[struct {
			*base
			Name string
		}]("base", "embedded pointer to an unexported struct"),
		lost[struct {
			base `cbor:"base"`
		}]("base", "an unexported struct with a name"),
		lost[struct{ *Sparse }]("Sparse", "embedded pointer"), lost[Ring]("Ring.Ring", "embedded pointer"), lost[struct{ *Deep }]("Deep", "embedded pointer"),
		lost[struct {
			_ struct{} `cbor:",toarray"`
			*Base
		}]("Base", "embedded pointer"),

		// Nil and empty.
		lost[struct {
			Tags []string `json:"tags,omitempty"`
		}]("Tags", "omitempty turns empty into nil"),
		lost[struct {
			M map[string]int `cbor:",omitempty"`
		}]("M", "omitempty"),
		lost[struct {
			P point `json:",omitempty"`
		}]("P", "omitempty leaves out"),
		lost[struct {
			V vanish `json:",omitzero"`
		}]("V", "IsZero"),
		lost[struct {
			V *time.Time `json:",omitzero"`
		}]("V", "IsZero"),
		lost[**int]("**int", "nil ptr"), lost[*[]int]("*[]int", "nil slice"), lost[struct{ P *map[string]int }]("P", "nil map"),

		// Methods.
		lost[onlyWrites]("onlyWrites", "MarshalBinary without UnmarshalBinary"), lost[[]onlyReads]("onlyReads", "UnmarshalBinary without MarshalBinary"),
		lost[onlyText]("onlyText", "MarshalText without UnmarshalText"), lost[cborHalf]("cborHalf", "MarshalCBOR without UnmarshalCBOR"),
		lost[stamped]("stamped", "leaves out the other fields"), lost[amount]("amount", "embedded *big.Int"), lost[Located]("Located", "leaves out the other fields"),
		lost[ambiguous]("ambiguous.A", "whose methods are not used"),

		// Keys of maps.
		lost[map[float64]int]("float64", "float"), lost[map[any]int]("interface {}", "map key with a interface"), lost[map[*address]int]("*cbor_test.address", "ptr"),
		lost[map[time.Time]int]("Time", "time.Time"), lost[map[struct{ At time.Time }]int]("struct { At time.Time }", "time.Time"), lost[map[[2]float32]int]("[2]float32", "float"),
		lost[map[secret]int]("secret.note", "unexported"), lost[struct{ M map[onlyText]int }]("M[key]", "without UnmarshalText"), lost[map[chan int]int]("chan int", "chan"),
		lost[map[struct{ P *int }]int]("struct { P *int }", "ptr"), lost[map[moment]int]("moment", "time.Time"), lost[map[[1]struct{ At moment }]int]("[1]struct { At cbor_test.moment }", "time.Time"),
		lost[map[day]int]("day", "time.Time"), lost[map[days]int]("days", "time.Time"), lost[struct{ M map[struct{ Days [2]day }]int }]("M[key]", "time.Time"),
	}
}

func TestCheckFindsWhatWouldBeLost(t *testing.T) {
	t.Parallel()
	c := cbor.New()
	for _, want := range checks() {
		err := codec.Check(c, want.t)
		if want.lost == "" {
			if err != nil {
				t.Errorf("%v: %v", want.t, err)
			}
			continue
		}
		var loss *codec.LossError
		if !errors.As(err, &loss) || loss.Path != want.lost || loss.Type == nil || !strings.Contains(loss.Reason, want.reason) {
			t.Errorf("%v: %v, want a loss at %s: %s", want.t, err, want.lost, want.reason)
		}
		if _, err := c.Append(nil, reflect.Zero(want.t).Interface()); err == nil {
			t.Errorf("%v: Append takes a value of a type that it loses", want.t)
		}
	}
	var loss *codec.LossError
	if err := codec.Check(c, nil); !errors.As(err, &loss) || loss.Path != "nil" {
		t.Errorf("no type: %v", err)
	}
}
