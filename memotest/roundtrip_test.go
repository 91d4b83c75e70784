package memotest_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memotest"
)

// roundtrip_test.go: what keeps its meaning passes, and what loses it fails with
// the name of the part.

type account struct {
	ID      int
	Name    string
	Since   time.Time
	Balance *big.Int
	Tags    []string
	Limits  map[string]*float64
	Next    *account
}

func TestWhatKeepsItsMeaningPasses(t *testing.T) {
	t.Parallel()
	limit := 2.5
	zone := time.FixedZone("CEST", 7200)
	memotest.RoundTrip(t, account{
		ID: 7, Name: "Ada", Since: time.Now().In(zone), Balance: big.NewInt(1 << 62), Tags: []string{"a", ""},
		Limits: map[string]*float64{"day": &limit, "none": nil}, Next: &account{Tags: []string{}},
	})
	memotest.RoundTrip(t, account{})
	memotest.RoundTrip(t, (*account)(nil))
	memotest.RoundTrip(t, []byte{0, 0xff})
	memotest.RoundTrip(t, "text")
	memotest.RoundTrip(t, [2]bool{true})
	memotest.RoundTrip(t, struct{ Small float32 }{1.5}, gobs{})
	memotest.RoundTrip(t, math.NaN(), gobs{})
	memotest.RoundTrip(t, json.RawMessage(`{"a":1}`))
}

func TestATypeThatIsNotKeptFails(t *testing.T) {
	t.Parallel()
	type session struct {
		User struct{ note string }
	}
	failsWith(t, run(func(t testing.TB) { memotest.RoundTrip(t, session{}) }),
		"session stay out of the shared tier", "session.User.note", "unexported field")
	failsWith(t, run(func(t testing.TB) { memotest.RoundTrip(t, math.Inf(1)) }), "this float64 stays out of the shared tier")
}

func TestALossIsFailedWithThePart(t *testing.T) {
	t.Parallel()
	two, now := 2, time.Unix(1e9, 0).UTC()
	type deep struct {
		Rows  []map[string]*int
		At    time.Time
		Any   any
		Array [2]string
		Hook  func()
	}
	full := func() deep {
		return deep{Rows: []map[string]*int{{}, {"x": &two}}, At: now, Any: 1, Array: [2]string{"a", "b"}}
	}
	three := 3
	for want, change := range map[string]func(d *deep){
		`deep.Rows[1]["x"]: 2 became 3`:                                  func(d *deep) { d.Rows[1]["x"] = &three },
		`deep.Rows[1]["x"]: 2 became nil`:                                func(d *deep) { d.Rows[1]["x"] = nil },
		`deep.Rows[1]["x"]: the key is gone`:                             func(d *deep) { d.Rows[1] = map[string]*int{"y": nil} },
		`deep.Rows[0]: empty became nil`:                                 func(d *deep) { d.Rows[0] = nil },
		`deep.Rows: 2 elements became 1`:                                 func(d *deep) { d.Rows = d.Rows[:1] },
		`deep.At: 2001-09-09 01:46:40 +0000 UTC became 2001-09-09`:       func(d *deep) { d.At = now.Add(1) },
		`deep.At: 2001-09-09 01:46:40 +0000 UTC became 2001-09-09 03:46`: func(d *deep) { d.At = now.In(time.FixedZone("x", 7200)) },
		`deep.Any: a int became a float64`:                               func(d *deep) { d.Any = 1.0 },
		`deep.Any: 1 became nil`:                                         func(d *deep) { d.Any = nil },
		`deep.Array[1]: "b" became ""`:                                   func(d *deep) { d.Array[1] = "" },
		`deep.Hook: a func() is nothing that can be stored`:              func(d *deep) { d.Hook = func() {} },
	} {
		changed := full()
		change(&changed)
		failsWith(t, run(func(t testing.TB) { memotest.RoundTrip(t, full(), returns{changed}) }), "loses "+want)
	}
	memotest.RoundTrip(t, full(), returns{full()})
}

func TestEqualAndOwnMethodsAreAsked(t *testing.T) {
	t.Parallel()
	memotest.RoundTrip(t, folded{"Ada"}, returns{folded{"ADA"}})
	memotest.RoundTrip(t, cached{"Ada", 3}, returns{cached{"Ada", 0}})
	failsWith(t, run(func(t testing.TB) { memotest.RoundTrip(t, folded{"Ada"}, returns{folded{"Bob"}}) }), "loses folded: {Ada} became {Bob}")
	failsWith(t, run(func(t testing.TB) { memotest.RoundTrip(t, cached{"Ada", 3}, returns{cached{"Bob", 3}}) }), "loses cached")
}

func TestACodecThatFailsIsReported(t *testing.T) {
	t.Parallel()
	failsWith(t, run(func(t testing.TB) { memotest.RoundTrip(t, 7, returns{"seven"}) }), "returns wrote a int and cannot read it")
	failsWith(t, run(func(t testing.TB) { memotest.RoundTrip(t, 7, codec.JSON{}, codec.JSON{}) }), "one codec, not 2")
}

// folded is equal whatever its case.
type folded struct{ Name string }

func (f folded) Equal(other folded) bool { return bytes.EqualFold([]byte(f.Name), []byte(other.Name)) }

// cached has a part that it does not write.
type cached struct {
	name   string
	length int
}

func (c cached) MarshalText() ([]byte, error)  { return []byte(c.name), nil }
func (c *cached) UnmarshalText(b []byte) error { c.name = string(b); return nil }

// returns is a codec that reads the same value whatever was written.
type returns struct{ v any }

func (returns) Name() string                             { return "returns" }
func (returns) Check(reflect.Type) error                 { return nil }
func (returns) Append(dst []byte, _ any) ([]byte, error) { return append(dst, "x"...), nil }

func (r returns) Unmarshal(_ []byte, v any) error {
	p, value := reflect.ValueOf(v).Elem(), reflect.ValueOf(r.v)
	if !value.Type().AssignableTo(p.Type()) {
		return errors.New("of another type")
	}
	p.Set(value)
	return nil
}

// gobs is encoding/gob.
type gobs struct{}

func (gobs) Name() string             { return "gob" }
func (gobs) Check(reflect.Type) error { return nil }

func (gobs) Append(dst []byte, v any) ([]byte, error) {
	out := bytes.NewBuffer(dst)
	err := gob.NewEncoder(out).Encode(v)
	return out.Bytes(), err
}

func (gobs) Unmarshal(data []byte, v any) error {
	return gob.NewDecoder(bytes.NewReader(data)).Decode(v)
}
