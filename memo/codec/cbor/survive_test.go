package cbor_test

import (
	"encoding"
	"errors"
	"math/big"
	"math/rand"
	"net/netip"
	"reflect"
	"testing"
	"time"

	fx "github.com/fxamacker/cbor/v2"

	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/codec/cbor"
)

// The rules against the library itself: random values of each type that passes
// come back equal.
func TestWhatCheckPassesSurvives(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewSource(1))
	c := cbor.New()
	for _, line := range checks() {
		if line.lost == "" && line.t != reflect.TypeFor[*big.Float]() { // taken at its word: see the package
			survives(t, c, random, line.t)
		}
	}
	for _, key := range keyTypes() {
		if typ := reflect.MapOf(key, reflect.TypeFor[int]()); codec.Check(c, typ) == nil {
			survives(t, c, random, typ)
			survives(t, c, random, reflect.SliceOf(reflect.StructOf([]reflect.StructField{{Name: "M", Type: typ}})))
		}
	}
	passed := 0
	for range 1000 {
		if typ := randomStruct(random, 2); codec.Check(c, typ) == nil {
			passed++
			survives(t, c, random, typ)
		}
	}
	if passed < 150 {
		t.Errorf("only %d random types passed", passed)
	}
}

func survives(t *testing.T, c codec.Codec, random *rand.Rand, typ reflect.Type) {
	t.Helper()
	for range 20 {
		want := reflect.New(typ).Elem()
		fill(random, want, 4)
		data, err := c.Append(nil, want.Interface())
		if err != nil && err.Error() == "cbor: a pointer to the zero time, which would come back nil" {
			continue
		}
		if loss := new(codec.LossError); errors.As(err, &loss) && loss.Path == "a map key" {
			continue
		}
		if err != nil {
			t.Fatalf("%v: %v", typ, err)
		}
		got := reflect.New(typ)
		if err := c.Unmarshal(data, got.Interface()); err != nil {
			t.Fatalf("%v: %x: %v", typ, data, err)
		}
		if !reflect.DeepEqual(got.Elem().Interface(), want.Interface()) {
			t.Fatalf("%v: %#v, stored as %x, comes back as %#v", typ, want, data, got.Elem())
		}
	}
}

// fill makes v random: often nil, often empty, seldom deep. What it does not know
// how to fill stays zero.
func fill(random *rand.Rand, v reflect.Value, depth int) {
	few := random.Intn(3)
	if !v.CanSet() || depth == 0 || few == 0 {
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = time.Unix(random.Int63n(1<<32), random.Int63n(1e9)).UTC()
		return
	case *big.Int:
		p.Rand(random, new(big.Int).Lsh(big.NewInt(1), uint(random.Intn(200))))
		if p.Neg(p).Sign() == 0 { // whose slice of digits may be nil or empty
			*p = big.Int{}
		}
		return
	case *point:
		*p = point{byte(random.Int()), byte(random.Int())}
		return
	case *tick:
		*p = tick(random.Int())
		return
	case *own:
		*p = own{byte(24 + random.Intn(200))}
		return
	case *colour:
		*p = colour("größe")
		return
	case fx.Marshaler, encoding.BinaryMarshaler, encoding.TextMarshaler:
		return // only its methods know what a good one is
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(random.Uint64()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(random.Uint64())
	case reflect.Float32:
		v.SetFloat(float64(float32(random.NormFloat64())))
	case reflect.Float64:
		v.SetFloat(random.NormFloat64())
	case reflect.String:
		texts := []string{"null", `"`, "<a&b>", "\x00\u2028\ufffd", "größe", "\xff\xfe", "12"}
		v.SetString(texts[random.Intn(len(texts))])
	case reflect.Struct:
		for i := range v.NumField() {
			fill(random, v.Field(i), depth)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(random, v.Index(i), depth-1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), few-1, few-1))
		for i := range v.Len() {
			fill(random, v.Index(i), depth-1)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(random, v.Elem(), depth-1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range few - 1 {
			key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fillKey(random, key)
			fill(random, elem, depth-1)
			v.SetMapIndex(key, elem)
		}
	}
}

// fillKey makes key random, and good. Of times it makes those that are two keys
// and one instant, and one that has a monotonic clock; of addresses those that
// are nearly one.
func fillKey(random *rand.Rand, key reflect.Value) {
	switch p := key.Addr().Interface().(type) {
	case *time.Time:
		*p = []time.Time{{}, time.Now(), time.Unix(1, 0).UTC(), time.Unix(1, 0).In(time.FixedZone("WET", 0)), time.Unix(1, 0).In(time.FixedZone("", 3600))}[random.Intn(5)]
	case *moment:
		fillKey(random, key.Field(0))
	case *day:
		fillKey(random, reflect.ValueOf(&p.at).Elem())
	case *netip.Addr:
		*p = []netip.Addr{{}, netip.MustParseAddr("1.2.3.4"), netip.MustParseAddr("::ffff:1.2.3.4"), netip.MustParseAddr("::ffff:102:304%a%b"), netip.IPv6Loopback().WithZone("\xff")}[random.Intn(5)]
	case *folding:
		*p = folding(random.Intn(20_000))
	case *linked:
		p.to = new(7)
	case *colour:
		*p = colour([]string{"red", "Red", "RED", "grün"}[random.Intn(4)])
	case *[2]folding:
		*p = [2]folding{folding(random.Intn(20_000))}
	default:
		fill(random, key, 2)
	}
}

// keyTypes are keys of every kind, those that Check refuses too.
func keyTypes() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[string](), reflect.TypeFor[int16](), reflect.TypeFor[ID](), reflect.TypeFor[uint64](), reflect.TypeFor[bool](), reflect.TypeFor[address](), reflect.TypeFor[[2]ID](),
		reflect.TypeFor[float64](), reflect.TypeFor[*int](), reflect.TypeFor[any](), reflect.TypeFor[secret](), reflect.TypeFor[struct{ P point }](), reflect.TypeFor[onlyText](),
		reflect.TypeFor[time.Time](), reflect.TypeFor[moment](), reflect.TypeFor[[1]moment](), reflect.TypeFor[day](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[folding](),
		reflect.TypeFor[[2]folding](), reflect.TypeFor[linked](), reflect.TypeFor[colour](), reflect.TypeFor[point](), reflect.TypeFor[tick](), reflect.TypeFor[own](), reflect.TypeFor[row](),
	}
}

// randomStruct returns a struct of random fields with random tags.
func randomStruct(random *rand.Rand, depth int) reflect.Type {
	pick := func(of ...string) string { return of[random.Intn(len(of))] }
	var fields []reflect.StructField
	for _, name := range []string{"A", "B", "C"}[:1+random.Intn(3)] {
		tag := ""
		if random.Intn(2) == 0 {
			tag = pick("json", "cbor") + `:"` + pick("", "", "", "A", "b", "a", "B", "-", "1", "a b") + pick("", "", "", ",omitempty", ",omitzero", ",string", ",keyasint") + `"`
		}
		fields = append(fields, reflect.StructField{Name: name, Type: randomType(random, depth), Tag: reflect.StructTag(tag)})
	}
	return reflect.StructOf(fields)
}

func randomType(random *rand.Rand, depth int) reflect.Type {
	leaves := []reflect.Type{
		reflect.TypeFor[int](), reflect.TypeFor[uint64](), reflect.TypeFor[int8](), reflect.TypeFor[float64](), reflect.TypeFor[float32](), reflect.TypeFor[bool](),
		reflect.TypeFor[string](), reflect.TypeFor[ID](), reflect.TypeFor[[]byte](), reflect.TypeFor[[4]byte](), reflect.TypeFor[Base](), reflect.TypeFor[time.Time](),
		reflect.TypeFor[big.Int](), reflect.TypeFor[point](), reflect.TypeFor[colour](), reflect.TypeFor[tick](), reflect.TypeFor[row](), reflect.TypeFor[numbered](),
	}
	if depth == 0 {
		return leaves[random.Intn(len(leaves))]
	}
	keys := keyTypes()
	switch elem := randomType(random, depth-1); random.Intn(8) {
	case 0:
		return reflect.PointerTo(elem)
	case 1:
		return reflect.SliceOf(elem)
	case 2:
		return reflect.ArrayOf(random.Intn(3), elem)
	case 3, 4:
		return reflect.MapOf(keys[random.Intn(len(keys))], elem)
	case 5:
		return randomStruct(random, depth-1)
	default:
		return elem
	}
}
