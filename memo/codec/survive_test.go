package codec_test

import (
	"encoding"
	"encoding/json"
	"math/rand"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/codec"
)

// The rules against encoding/json itself: random values of each type that
// passes come back equal.
func TestWhatCheckPassesSurvives(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewSource(1))
	for _, c := range checks() {
		if c.lost == "" && c.t != reflect.TypeFor[json.RawMessage]() { // taken at its word: see Check
			survives(t, random, c.t)
		}
	}
	for _, key := range keyTypes() {
		if typ := reflect.MapOf(key, reflect.TypeFor[int]()); codec.Check(codec.JSON{}, typ) == nil {
			survives(t, random, typ)
			survives(t, random, reflect.SliceOf(reflect.StructOf([]reflect.StructField{{Name: "M", Type: typ}})))
		}
	}
	passed := 0
	for range 1000 {
		if typ := randomStruct(random, 2); codec.Check(codec.JSON{}, typ) == nil {
			passed++
			survives(t, random, typ)
		}
	}
	if passed < 150 {
		t.Errorf("only %d random types passed", passed)
	}
}

func survives(t *testing.T, random *rand.Rand, typ reflect.Type) {
	t.Helper()
	for range 20 {
		want := reflect.New(typ).Elem()
		fill(random, want, 4)
		data, err := codec.JSON{}.Append(nil, want.Interface())
		if err != nil {
			t.Fatalf("%v: %v", typ, err)
		}
		got := reflect.New(typ)
		if err := (codec.JSON{}).Unmarshal(data, got.Interface()); err != nil {
			t.Fatalf("%v: %s: %v", typ, data, err)
		}
		if !reflect.DeepEqual(got.Elem().Interface(), want.Interface()) {
			t.Fatalf("%v: %#v, stored as %s, comes back as %#v", typ, want, data, got.Elem())
		}
	}
}

// fill makes v random: often nil, often empty, seldom deep. What it does not
// know how to fill stays zero.
func fill(random *rand.Rand, v reflect.Value, depth int) {
	few := random.Intn(3)
	if !v.CanSet() || depth == 0 || few == 0 {
		return
	}
	switch v.Addr().Interface().(type) {
	case json.Marshaler, encoding.TextMarshaler, encoding.BinaryMarshaler:
		return // only its methods know what a good one is
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(random.Uint64()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(random.Uint64())
	case reflect.Float32:
		v.SetFloat(float64(float32(random.NormFloat64())))
	case reflect.Float64:
		v.SetFloat(random.NormFloat64())
	case reflect.String:
		texts := []string{"null", `"`, "<a&b>", "\x00\u2028\ufffd", "größe", "12"}
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
	case *netip.Addr:
		*p = []netip.Addr{{}, netip.MustParseAddr("1.2.3.4"), netip.MustParseAddr("::ffff:1.2.3.4"), netip.MustParseAddr("::ffff:102:304%a%b"), netip.IPv6Loopback().WithZone("größe \"<")}[random.Intn(5)]
	case *folding:
		*p = folding(random.Intn(20_000))
	case *colour:
		*p = colour([]string{"red", "Red", "RED", "grün"}[random.Intn(4)])
	default:
		fill(random, key, 2)
	}
}

// keyTypes are keys of every kind, those that Check refuses too.
func keyTypes() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[string](), reflect.TypeFor[name](), reflect.TypeFor[int16](), reflect.TypeFor[ID](), reflect.TypeFor[uint64](), reflect.TypeFor[uintptr](),
		reflect.TypeFor[bool](), reflect.TypeFor[float64](), reflect.TypeFor[Base](), reflect.TypeFor[[2]int](), reflect.TypeFor[*int](), reflect.TypeFor[any](),
		reflect.TypeFor[time.Time](), reflect.TypeFor[moment](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[folding](), reflect.TypeFor[colour](),
		reflect.TypeFor[onlyText](), reflect.TypeFor[textPointer](), reflect.TypeFor[textReads](), reflect.TypeFor[shouted](), reflect.TypeFor[point](),
	}
}

// randomStruct returns a struct of random fields with random tags.
func randomStruct(random *rand.Rand, depth int) reflect.Type {
	pick := func(of ...string) string { return of[random.Intn(len(of))] }
	var fields []reflect.StructField
	for _, name := range []string{"A", "B", "C"}[:1+random.Intn(3)] {
		tag := ""
		if random.Intn(2) == 0 {
			tag = `json:"` + pick("", "", "", "A", "b", "B", "-", "-x", "a b") + pick("", "", "", ",omitempty", ",omitzero", ",string", ",string,omitempty") + `"`
		}
		fields = append(fields, reflect.StructField{Name: name, Type: randomType(random, depth), Tag: reflect.StructTag(tag)})
	}
	return reflect.StructOf(fields)
}

func randomType(random *rand.Rand, depth int) reflect.Type {
	leaves := []reflect.Type{
		reflect.TypeFor[int](), reflect.TypeFor[uint64](), reflect.TypeFor[int8](), reflect.TypeFor[float64](), reflect.TypeFor[float32](), reflect.TypeFor[bool](),
		reflect.TypeFor[string](), reflect.TypeFor[ID](), reflect.TypeFor[[]byte](), reflect.TypeFor[[4]byte](), reflect.TypeFor[Base](),
	}
	if depth == 0 {
		return leaves[random.Intn(len(leaves))]
	}
	switch elem := randomType(random, depth-1); random.Intn(8) {
	case 0:
		return reflect.PointerTo(elem)
	case 1:
		return reflect.SliceOf(elem)
	case 2:
		return reflect.ArrayOf(random.Intn(3), elem)
	case 3:
		return reflect.MapOf(reflect.TypeFor[string](), elem)
	case 4:
		keys := keyTypes()
		return reflect.MapOf(keys[random.Intn(len(keys))], elem)
	case 5:
		return randomStruct(random, depth-1)
	default:
		return elem
	}
}
