package codec_test

import (
	"bytes"
	"database/sql"
	"encoding"
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

	"github.com/tiermemo/tiermemo/memo/codec"
)

type (
	address struct{ Street, City string }
	base    struct{ ID int }
	Base    struct{ ID int }
	Sparse  struct {
		ID   int    `json:",omitempty"`
		Name string `json:",omitzero"`
	}
	Deep  struct{ Base }
	Ring  struct{ *Ring }
	node  struct{ Next, Prev *node }
	tree  map[string]tree
	ID    int
	quiet int
	lock  struct{}

	secret struct {
		Name string
		//lint:ignore U1000 what JSON does not see is what this type is for
		note string
	}
	onlyWrites  struct{ N int }
	onlyReads   struct{ N int }
	onlyText    int
	byPointer   struct{ n int }
	textPointer int
	colour      string
	shouted     int
	textReads   string
	folding     int // two of ten thousand are one text
	stamped     struct {
		time.Time
		Name string
	}
	moment struct{ time.Time }
	amount struct{ *big.Int }
	vanish int
	Exact  struct{ N big.Int }
	Loop   struct {
		*Loop
		A int
	}
	generic    struct{ Box[secret] }
	Box[T any] struct{ V T }
)

func (onlyWrites) MarshalJSON() ([]byte, error)   { return []byte("1"), nil }
func (*onlyReads) UnmarshalJSON([]byte) error     { return nil }
func (onlyText) MarshalText() ([]byte, error)     { return []byte("x"), nil }
func (b *byPointer) MarshalJSON() ([]byte, error) { return json.Marshal(b.n) }
func (b *byPointer) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &b.n)
}
func (t *textPointer) MarshalText() ([]byte, error) { return []byte{byte(*t)}, nil }
func (t *textPointer) UnmarshalText(b []byte) error { *t = textPointer(b[0]); return nil }
func (c colour) MarshalText() ([]byte, error)       { return []byte(strings.ToUpper(string(c))), nil }
func (c *colour) UnmarshalText(b []byte) error      { *c = colour(bytes.ToLower(b)); return nil }
func (s shouted) MarshalJSON() ([]byte, error)      { return []byte(`"!"`), nil }
func (s *shouted) UnmarshalJSON([]byte) error       { return nil }
func (*textReads) UnmarshalText([]byte) error       { return nil }
func (f folding) MarshalText() ([]byte, error)      { return json.Marshal(int(f) % 5000) }
func (f *folding) UnmarshalText(b []byte) error     { return json.Unmarshal(b, (*int)(f)) }
func (vanish) IsZero() bool                         { return true }

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
		kept[int](), kept[bool](), kept[float32](), kept[uintptr](), kept[string](), kept[[]byte](), kept[ID](), kept[json.Number](),
		kept[*int](), kept[[]string](), kept[[3]int](), kept[map[string][]int](), kept[map[ID]bool](), kept[[][]byte](), kept[[]ID](),
		kept[struct{}](), kept[*address](),
		kept[node](), kept[tree](), kept[[]*node](),
		kept[time.Time](), kept[*time.Time](), kept[time.Duration](), kept[big.Int](), kept[*big.Int](), kept[netip.Addr](), kept[net.IP](),
		kept[sql.NullString](), kept[sql.Null[time.Time]](), kept[json.RawMessage](), kept[colour](), kept[byPointer](),
		kept[map[netip.Addr]string](), kept[struct{ N big.Int }](), kept[[]byPointer](), kept[[2]byPointer](), kept[map[string]*byPointer](),
		kept[struct {
			//lint:ignore SA5008 odd tags are the test
			A int `json:"-,"`
			B int `json:",string"`
			C *string
			D [0]int    `json:",omitempty"`
			E string    `json:"E,omitempty"`
			F time.Time `json:",omitzero"`
			G []int     `json:",omitzero"`
			_ int
			lock
			none [0]func()
		}](),
		kept[map[string]struct{ *Exact }](),
		kept[struct {
			base
			Name string
		}](),
		kept[struct {
			*Base
			Name string
		}](),
		kept[struct{ *Deep }](),
		kept[struct {
			base `json:"base"`
			ID   int
		}](),
		kept[moment](), kept[Box[address]](),
		kept[url.URL](), kept[*url.URL](), kept[point](), kept[*point](), kept[pointPointer](), kept[*pointPointer](), kept[sealed](), kept[sealedBytes](),
		kept[Located](), kept[onlyPoint](),

		// What has no form, or loses its type.
		lost[any]("interface {}", "interface"), lost[error]("error", "error value"), lost[[]any]("interface {}", "interface"),
		lost[struct{ Err error }]("Err", "error value"),
		lost[map[string]any]("interface {}", "interface"),
		lost[func()]("func()", "func"), lost[chan int]("chan int", "chan"), lost[complex128]("complex128", "complex128"),
		lost[struct{ P unsafe.Pointer }]("P", "unsafe.Pointer"), lost[sync.Mutex]("Mutex.mu", "unexported field"),
		lost[struct{ U url.URL }]("U.User.username", "unexported field"), lost[[]url.URL]("URL.User.username", "unexported"),

		// Fields that are not written, or not all.
		lost[secret]("secret.note", "unexported field"), lost[*secret]("secret.note", "unexported"), lost[[]secret]("secret.note", "unexported"),
		lost[map[string]*secret]("secret.note", "unexported"),
		lost[struct{ A struct{ B []secret } }]("A.B[].note", "unexported"),
		lost[Box[map[string]secret]]("Box[map[string]github.com/tiermemo/tiermemo/memo/codec_test.secret].V[].note", "unexported"),
		lost[struct {
			Pass string `json:"-"`
		}]("Pass", `json:"-"`),
		{reflect.StructOf([]reflect.StructField{ // go vet refuses it when it is written out
			{Name: "A", Type: reflect.TypeFor[int](), Tag: `json:"x"`},
			{Name: "B", Type: reflect.TypeFor[int](), Tag: `json:"x"`},
		}), "B", `A has the JSON name "x" too`},
		lost[struct {
			Base
			ID string
		}]("ID", "JSON name"),
		lost[struct {
			Base
			Deep
		}]("Deep.Base.ID", "JSON name"),
		lost[struct {
			//lint:ignore SA5008 odd tags are the test
			A int `json:"bad\"name"`
			B int `json:"A"`
		}]("B", "JSON name"),
		lost[struct{ quiet }]("quiet", "unexported field"),
		lost[struct {
			*base
			Name string
		}]("base", "embedded pointer to an unexported struct"),
		lost[struct{ *Sparse }]("Sparse", "embedded pointer"),
		lost[Ring]("Ring.Ring", "embedded pointer"),
		lost[Loop]("Loop.Loop", "embeds itself"),
		lost[generic]("generic.Box.V.note", "unexported"),

		// Nil and empty.
		lost[struct {
			Tags []string `json:"tags,omitempty"`
		}]("Tags", "omitempty turns empty into nil"),
		lost[struct {
			M map[string]int `json:",omitempty"`
		}]("M", "omitempty"),
		lost[struct {
			V vanish `json:",omitzero"`
		}]("V", "IsZero"),
		lost[struct {
			V *time.Time `json:",omitzero"`
		}]("V", "IsZero"),
		lost[**int]("**int", "nil ptr"), lost[*[]int]("*[]int", "nil slice"), lost[struct{ P *map[string]int }]("P", "nil map"),
		lost[struct{ N json.Number }]("N", "json.Number"),

		// Methods.
		lost[onlyWrites]("onlyWrites", "MarshalJSON without UnmarshalJSON"), lost[[]onlyReads]("onlyReads", "UnmarshalJSON without MarshalJSON"),
		lost[onlyText]("onlyText", "MarshalText without UnmarshalText"),
		lost[map[string]byPointer]("byPointer", "pointer receiver"), lost[map[string][2]textPointer]("textPointer", "pointer receiver"),
		lost[map[int]struct{ N big.Int }]("N", "pointer receiver"), lost[map[string]struct{ Exact }]("Exact.N", "pointer receiver"),
		lost[struct {
			L []byPointer
			M map[string]byPointer
		}]("M[]", "pointer receiver"),
		lost[stamped]("stamped", "leaves out the other fields"), lost[amount]("amount", "embedded *big.Int"),
		lost[struct {
			S shouted `json:",string"`
		}]("S", "option string"),

		// Keys of maps.
		lost[map[bool]int]("bool", "map key"), lost[map[float64]int]("float64", "map key"), lost[map[address]int]("address", "map key"),
		lost[map[any]int]("interface {}", "map key"), lost[map[*address]int]("*codec_test.address", "map key"),
		lost[map[encoding.TextMarshaler]int]("TextMarshaler", "map key"), lost[map[*time.Time]int]("*time.Time", "map key"), lost[map[[2]int]int]("[2]int", "map key"),
		lost[map[colour]int]("colour", "methods for text"), lost[struct{ M map[onlyText]int }]("M[key]", "methods for text"),
		lost[map[textPointer]int]("textPointer", "methods for text"), lost[map[textReads]int]("textReads", "methods for text"), lost[map[folding]int]("folding", "methods for text"),
		lost[map[time.Time]int]("Time", "methods for text"), lost[map[moment]int]("moment", "methods for text"), lost[map[struct{ At time.Time }]int]("struct { At time.Time }", "map key"),
		lost[map[struct{ netip.Addr }]int]("struct { netip.Addr }", "methods for text"), lost[map[netip.AddrPort]int]("AddrPort", "methods for text"),

		// MarshalBinary counts for the whole value, with both halves, and where nothing else does.
		lost[[]point]("point.x", "unexported"), lost[struct{ P point }]("P.x", "unexported"), lost[**point]("**codec_test.point", "nil ptr"),
		lost[halfBinary]("halfBinary.n", "unexported"), lost[placed]("placed.point.x", "unexported"), lost[pointAt]("pointAt.point", "unexported"),
		lost[binaryAndHalfText]("binaryAndHalfText", "MarshalText without UnmarshalText"), lost[encoding.BinaryMarshaler]("BinaryMarshaler", "interface"),
	}
}

func TestCheckFindsWhatJSONWouldLose(t *testing.T) {
	t.Parallel()
	for _, c := range checks() {
		err := codec.Check(codec.JSON{}, c.t)
		if c.lost == "" {
			if err != nil {
				t.Errorf("%v: %v", c.t, err)
			}
			continue
		}
		var loss *codec.LossError
		if !errors.As(err, &loss) || loss.Path != c.lost || loss.Type == nil || !strings.Contains(loss.Reason, c.reason) {
			t.Errorf("%v: %v, want a loss at %s: %s", c.t, err, c.lost, c.reason)
		}
	}
}

type checking struct {
	codec.JSON
	err error
}

func (c checking) Check(reflect.Type) error { return c.err }

func TestACheckerIsAskedInPlaceOfTheRules(t *testing.T) {
	t.Parallel()
	if err := codec.Check(checking{}, reflect.TypeFor[func()]()); err != nil {
		t.Errorf("a codec that carries everything: %v", err)
	}
	own := errors.New("not that")
	if err := codec.Check(checking{err: own}, reflect.TypeFor[int]()); err != own {
		t.Errorf("got %v, want the codec's own error", err)
	}
}

func TestCheckOfNoTypeIsALoss(t *testing.T) {
	t.Parallel()
	var loss *codec.LossError
	if err := codec.Check(codec.JSON{}, nil); !errors.As(err, &loss) || loss.Error() == "" {
		t.Errorf("got %v", err)
	}
}

func TestALossSaysWhereAndWhy(t *testing.T) {
	t.Parallel()
	err := codec.Check(codec.JSON{}, reflect.TypeFor[struct{ Who *secret }]())
	if want := "codec: Who.note (string) would not survive: unexported field"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
