package keys_test

import (
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/tiermemo/tiermemo/internal/keys"
)

type (
	within struct {
		A string
		U uint8
		_ int
	}
	whole struct {
		S   string
		I   int
		F   float64
		B   bool
		N   within
		Arr [2]string
		G   float32
		W   [2][2]int16
	}
	spoken struct{ a, b string }
	opened struct{ Any any }
)

func (s spoken) CacheKey() string { return s.a + "/" + s.b }

// keyOf is the key of v in both ways, which must not differ.
func keyOf[K comparable](t *testing.T, name string, v K) string {
	t.Helper()
	f, problem := keys.FormOf(name, reflect.TypeFor[K]())
	if problem != "" {
		t.Fatal(problem)
	}
	key := f.Key(v)
	if f.Quick() {
		if got := string(f.Append(nil, unsafe.Pointer(&v))); got != key {
			t.Fatalf("Append writes %q, Key %q", got, key)
		}
		if got := string(f.Append(append(make([]byte, 0, 200), "before "...), unsafe.Pointer(&v))); got != "before "+key {
			t.Fatalf("Append writes %q where there is room, Key %q", got, key)
		}
	}
	return key
}

func TestAFormWritesWhatJoinWrites(t *testing.T) {
	t.Parallel()
	type id int32
	moment := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for _, c := range []struct{ got, want string }{
		{keyOf(t, "user", 7), keys.Join("user", 7)},
		{keyOf(t, "7", id(-7)), keys.Join("7", -7)},
		{keyOf(t, "user", "a:b"), keys.Join("user", "a:b")},
		{keyOf(t, "user", ""), keys.Join("user", "")},
		{keyOf(t, "user", true), keys.Join("user", true)},
		{keyOf(t, "user", uint64(math.MaxUint64)), keys.Join("user", uint64(math.MaxUint64))},
		{keyOf(t, "user", math.Copysign(0, -1)), keys.Join("user", 0.0)},
		{keyOf(t, "user", 2+3i), keys.Join("user", 2+3i)},
		{keyOf(t, "user", [2]int{1, 2}), keys.Join("user", [2]int{1, 2})},
		{keyOf(t, "user", [0]int{}), keys.Join("user", [0]int{})},
		{keyOf(t, "user", [3]byte{1, 2, 3}), keys.Join("user", [3]byte{1, 2, 3})},
		{keyOf(t, "user", [100]int{}), keys.Join("user", [100]int{})},
		{keyOf(t, "user", struct{}{}), keys.Join("user")},
		{keyOf(t, "user", struct{ A struct{} }{}), keys.Join("user", struct{}{})},
		{keyOf(t, "user", struct {
			ID   int
			Page string
		}{7, "x"}), keys.Join("user", 7, "x")},
		{keyOf(t, "user", within{A: "x", U: 3}), keys.Join("user", "x", 3)},
		{keyOf(t, "user", spoken{"x", "y"}), keys.Join("user", spoken{"x", "y"})},
		{keyOf(t, "user", &spoken{"x", "y"}), keys.Join("user", spoken{"x", "y"})},
		{keyOf(t, "user", moment), keys.Join("user", moment)},
		{keyOf(t, "user", netip.MustParseAddr("::1")), keys.Join("user", netip.MustParseAddr("::1"))},
		{keyOf(t, "user", struct{ At time.Time }{moment}), keys.Join("user", moment)},
		{keyOf(t, "user", opened{3}), keys.Join("user", 3)},
		{keyOf[any](t, "user", 3), keys.Join("user", 3)},
		{keyOf[any](t, "user", within{}), keys.Join("user", within{})},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestATypeThatMakesNoKeyHasNoForm(t *testing.T) {
	t.Parallel()
	for of, want := range map[reflect.Type]string{
		reflect.TypeFor[*int]():                           "a *int is a pointer",
		reflect.TypeFor[chan int]():                       "a chan int has no value",
		reflect.TypeFor[uintptr]():                        "a uintptr has no value",
		reflect.TypeFor[struct{ a int }]():                "has the unexported field a",
		reflect.TypeFor[struct{ In struct{ P *int } }]():  ", field In (struct { P *int }), field P (*int) is a pointer",
		reflect.TypeFor[[2]struct{ C chan<- struct{} }](): ", element (struct { C chan<- struct {} }), field C (chan<- struct {}) has no value",
	} {
		if f, problem := keys.FormOf("user", of); f != nil || !strings.Contains(problem, want) {
			t.Errorf("%v: %q, want %q", of, problem, want)
		}
	}
	f, problem := keys.FormOf("user", reflect.TypeFor[opened]()) // which only a value decides
	if problem != "" {
		t.Fatal(problem)
	}
	if _, problem, refused := keys.Refused(f.Key(opened{new(int)})); !refused || !strings.Contains(problem, "is a pointer") {
		t.Errorf("a pointer in an interface: %q, %v", problem, refused)
	}
}

func TestAFormAllocatesNothing(t *testing.T) {
	f, _ := keys.FormOf("user", reflect.TypeFor[whole]())
	if !f.Quick() {
		t.Fatal("not quick")
	}
	v := whole{S: "a b", I: 7, F: 1.5, N: within{A: "x"}}
	if n := testing.AllocsPerRun(100, func() {
		var stack [256]byte
		if len(f.Append(stack[:0], unsafe.Pointer(&v))) == 0 {
			t.Error("no key")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Two values have one key if and only if they are equal.
func FuzzFormInjective(f *testing.F) {
	f.Add("a", "b", 1, 2, 1.5, 2.5, true, "x", "y", uint8(1), "p", "q", "r", float32(0.1), int16(3))
	f.Add("a:b", "a", 1, 1, 0.0, math.Copysign(0, -1), false, "", "'", uint8(0), ",", "]", "}", float32(1), int16(0))
	f.Add("", "0", -1, 1, math.Inf(1), math.NaN(), true, "{", "A=", uint8(255), "%", "=", "@", float32(0), int16(-1))
	f.Fuzz(func(t *testing.T, s1, s2 string, i1, i2 int, f1, f2 float64, b bool, a1, a2 string, u uint8, x, y, z string, g float32, w int16) {
		values := []whole{}
		for _, bits := range []int{0, 1, 2, 4, 8, 16, 32, 63} { // what differs from the first in one place, or in all
			pick := func(bit int) bool { return bits>>bit&1 == 1 }
			v := whole{S: s1, I: i1, F: f1, B: b && pick(0), N: within{A: a1, U: u}, Arr: [2]string{x, y}, G: g, W: [2][2]int16{{w, 1}, {2, w}}}
			if pick(1) {
				v.S = s2
			}
			if pick(2) {
				v.I, v.W = i2, [2][2]int16{{1, w}, {w, 2}}
			}
			if pick(3) {
				v.F = f2
			}
			if pick(4) {
				v.N.A, v.N.U = a2, u/2
			}
			if pick(5) {
				v.Arr = [2]string{y, z}
			}
			values = append(values, v)
		}
		seen, written := map[string]whole{}, map[whole]string{}
		for _, v := range values {
			key := keyOf(t, "f", v)
			same := v
			if math.IsNaN(same.F) { // all of them are one
				same.F = 0.25
				key += "NaN"
			}
			if other, ok := seen[key]; ok && other != same && !math.IsNaN(float64(same.G)) {
				t.Fatalf("%+v and %+v have the key %q", other, same, key)
			}
			if other, ok := written[same]; ok && other != key {
				t.Fatalf("%+v has the keys %q and %q", v, other, key)
			}
			seen[key], written[same] = same, key
		}
	})
}
