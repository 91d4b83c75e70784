package memo_test

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
)

// A value means the same in every tier, or does not go there.

type (
	row      struct{ N int }
	Base     struct{ ID int }
	embedder struct {
		*Base
		Name string
	}
	Pair[A, B any] struct {
		First  A
		Second B
	}
	ID       int
	position struct{ x, y int32 } // writes itself in bytes
	shape    interface{ Area() int }
	square   struct{ Side int }
	withNote struct {
		Name string
		//lint:ignore U1000 JSON does not see it
		note string
	}
)

func (s *square) Area() int {
	if s == nil {
		return -1
	}
	return s.Side * s.Side
}

func (p position) MarshalBinary() ([]byte, error) {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(p.x)), uint32(p.y)), nil
}

func (p *position) UnmarshalBinary(b []byte) error {
	if len(b) != 8 {
		return errors.New("a position has 8 bytes")
	}
	p.x, p.y = int32(binary.BigEndian.Uint32(b)), int32(binary.BigEndian.Uint32(b[4:]))
	return nil
}

// identical reports whether two values mean the same, bit by bit where they are
// numbers.
func identical(a, b any) bool {
	switch a := a.(type) {
	case float64:
		b, ok := b.(float64)
		return ok && math.Float64bits(a) == math.Float64bits(b)
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b) && a.Format(time.RFC3339Nano) == b.Format(time.RFC3339Nano)
	}
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.DeepEqual(a, b)
}

// The tiers of a value.
const (
	upToL2 = 0
	upToL3 = 1
)

// inEveryTier reads v from each tier of two processes, and fails unless each one
// gives v, and the shared tier has it exactly if it should.
func inEveryTier[T any](name string, v T, shared int) func(t *testing.T) {
	return func(t *testing.T) {
		for _, verb := range []string{"Do", "Set"} {
			f := newFleet()
			here, _ := f.process(t, slowPoll)
			there, _ := f.process(t, slowPoll)
			third, _ := f.process(t, slowPoll)
			runs := 0
			read := func(ctx context.Context, from string) {
				t.Helper()
				got, err := memo.Do(ctx, "k", func(context.Context) (T, error) { runs++; return v, nil })
				if err != nil || !identical(any(got), any(v)) {
					t.Errorf("%s, %s: %s gives %#v (a %T), %v, want %#v (a %T)", name, verb, from, got, got, err, v, v)
				}
			}
			if verb == "Set" {
				must(t, memo.Set(here.With(context.Background()), "k", v))
				runs++
			}
			for _, c := range []*memo.Cache{here, there} {
				request, end := c.Begin(context.Background())
				read(request, "the first call")
				read(request, "L1")
				end()
				read(c.With(context.Background()), "L2")
			}
			if runs != 2-shared {
				t.Errorf("%s, %s: %d loads in two processes, want %d", name, verb, runs, 2-shared)
			}
			if s := there.Snapshot().Total; s.L1 != 1 || s.L2 != 1 || s.L3 != uint64(shared) {
				t.Errorf("%s, %s: the second process had %d, %d and %d hits in L1, L2 and L3, want 1, 1 and %d", name, verb, s.L1, s.L2, s.L3, shared)
			}
			got, err := memo.Get[T](third.With(context.Background()), "k")
			if shared == upToL3 && (err != nil || !identical(any(got), any(v))) {
				t.Errorf("%s, %s: Get in a third process: %#v, %v", name, verb, got, err)
			}
			if shared == upToL2 && !errors.Is(err, memo.ErrMiss) {
				t.Errorf("%s, %s: Get in a third process: %#v, %v, want ErrMiss", name, verb, got, err)
			}
		}
	}
}

func TestG10_AValueMeansTheSameInEveryTier(t *testing.T) {
	t.Parallel()
	far, _ := new(big.Int).SetString("-123456789012345678901234567890", 10)
	noon := time.Date(2025, 3, 1, 12, 0, 0, 123456789, time.FixedZone("CET", 3600))
	n := 7
	for name, test := range map[string]func(*testing.T){
		"nil any":                    inEveryTier[any]("nil any", nil, upToL2),
		"an int in any":              inEveryTier[any]("an int in any", 7, upToL2),
		"a typed nil in any":         inEveryTier[any]("a typed nil in any", (*row)(nil), upToL2),
		"a nil interface":            inEveryTier[shape]("a nil interface", nil, upToL2),
		"a typed nil in one":         inEveryTier[shape]("a typed nil in one", (*square)(nil), upToL2),
		"a pointer in one":           inEveryTier[shape]("a pointer in one", &square{3}, upToL2),
		"an error":                   inEveryTier[error]("an error", memo.ErrMiss, upToL2),
		"nil pointer":                inEveryTier("nil pointer", (*row)(nil), upToL3),
		"pointer to zero":            inEveryTier("pointer to zero", &row{}, upToL3),
		"pointer to an int":          inEveryTier("pointer to an int", &n, upToL3),
		"pointer to pointer":         inEveryTier("pointer to pointer", new(*int), upToL2),
		"nil slice":                  inEveryTier("nil slice", []int(nil), upToL3),
		"empty slice":                inEveryTier("empty slice", []int{}, upToL3),
		"nil map":                    inEveryTier("nil map", map[string]int(nil), upToL3),
		"empty map":                  inEveryTier("empty map", map[string]int{}, upToL3),
		"slice of nils":              inEveryTier("slice of nils", []*row{nil, {}, nil}, upToL3),
		"nil and empty inside":       inEveryTier("nil and empty inside", [][]string{nil, {}, {""}}, upToL3),
		"zero struct":                inEveryTier("zero struct", row{}, upToL3),
		"struct without fields":      inEveryTier("struct without fields", struct{}{}, upToL3),
		"empty string":               inEveryTier("empty string", "", upToL3),
		"star":                       inEveryTier("star", "*", upToL3),
		"the word null":              inEveryTier("the word null", "null", upToL3),
		"bytes that are no text":     inEveryTier("bytes that are no text", "\x00\xff\x01", upToL3),
		"nil bytes":                  inEveryTier("nil bytes", []byte(nil), upToL3),
		"empty bytes":                inEveryTier("empty bytes", []byte{}, upToL3),
		"bytes":                      inEveryTier("bytes", []byte{0, 0xff}, upToL3),
		"false":                      inEveryTier("false", false, upToL3),
		"NaN":                        inEveryTier("NaN", math.NaN(), upToL2),
		"infinity":                   inEveryTier("infinity", math.Inf(-1), upToL2),
		"negative zero":              inEveryTier("negative zero", math.Copysign(0, -1), upToL3),
		"least float":                inEveryTier("least float", math.SmallestNonzeroFloat64, upToL3),
		"text inside, not UTF-8":     inEveryTier("text inside, not UTF-8", []string{"a\xff"}, upToL2),
		"largest uint64":             inEveryTier("largest uint64", uint64(math.MaxUint64), upToL3),
		"least int64":                inEveryTier("least int64", int64(math.MinInt64), upToL3),
		"2^53+1":                     inEveryTier("2^53+1", int64(1<<53+1), upToL3),
		"a time with a zone":         inEveryTier("a time with a zone", noon, upToL3),
		"zero time":                  inEveryTier("zero time", time.Time{}, upToL3),
		"duration":                   inEveryTier("duration", time.Hour+1, upToL3),
		"big.Int":                    inEveryTier("big.Int", *far, upToL3),
		"*big.Int":                   inEveryTier("*big.Int", far, upToL3),
		"named int":                  inEveryTier("named int", ID(7), upToL3),
		"month":                      inEveryTier("month", time.March, upToL3),
		"array":                      inEveryTier("array", [3]int{1, 0, 3}, upToL3),
		"array of bytes":             inEveryTier("array of bytes", [2]byte{1, 0xff}, upToL3),
		"generic":                    inEveryTier("generic", Pair[ID, []row]{7, []row{}}, upToL3),
		"generic of any":             inEveryTier("generic of any", Pair[ID, any]{7, 8}, upToL2),
		"embedded pointer":           inEveryTier("embedded pointer", embedder{&Base{7}, "Ada"}, upToL3),
		"embedded nil pointer":       inEveryTier("embedded nil pointer", embedder{Name: "Ada"}, upToL3),
		"bytes of its own":           inEveryTier("bytes of its own", position{-1, 7}, upToL3),
		"pointer to such":            inEveryTier("pointer to such", &position{y: 7}, upToL3),
		"nil pointer to such":        inEveryTier("nil pointer to such", (*position)(nil), upToL3),
		"such in a slice":            inEveryTier("such in a slice", []position{{1, 2}}, upToL2),
		"unexported field":           inEveryTier("unexported field", withNote{"Ada", "secret"}, upToL2),
		"map by a named int":         inEveryTier("map by a named int", map[ID]row{7: {8}}, upToL3),
		"map by a struct":            inEveryTier("map by a struct", map[row]int{{7}: 8}, upToL2),
		"text of json":               inEveryTier("text of json", `{"N":7}`, upToL3),
		"a func that is nil":         inEveryTier("a func that is nil", (func())(nil), upToL2),
		"a complex number":           inEveryTier("a complex number", complex(1, -1), upToL2),
		"the same text as raw bytes": inEveryTier("the same text as raw bytes", []byte(`{"N":7}`), upToL3),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, test)
		})
	}
}

func TestACloneIsTheSameFromEveryTier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, _ := f.process(t, slowPoll)
		there, _ := f.process(t, slowPoll)
		runs := 0
		for _, c := range []*memo.Cache{here, there} {
			request, end := c.Begin(context.Background())
			for _, ctx := range []context.Context{request, request, c.With(context.Background())} {
				v, err := memo.Do(ctx, "k", func(context.Context) (*row, error) { runs++; return &row{7}, nil },
					memo.Clone(func(r *row) *row { c := *r; return &c }))
				if err != nil || v.N != 7 {
					t.Fatalf("a caller got %+v, %v: another one's change", v, err)
				}
				v.N = 8
			}
			end()
		}
		if runs != 1 {
			t.Errorf("%d loads, want 1", runs)
		}
	})
}

// strict fails unless err is the *UsageError of a type, with its loss.
func strict(t *testing.T, err error, op, path, reason string) {
	t.Helper()
	mistake(t, err, op, path, reason, "would not come back whole from the shared tier", "turn Config.StrictTypes off")
	var loss *codec.LossError
	if !errors.As(err, &loss) || loss.Path != path || loss.Reason != reason {
		t.Errorf("%s: %v has no *codec.LossError of %s", op, err, path)
	}
}

func TestStrictTypesRefuseWhatTheSharedTierWouldLose(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*memo.Config){
		"alone":             func(cfg *memo.Config) { cfg.Shared, cfg.Prefix = nil, "" },
		"with a Shared":     func(*memo.Config) {},
		"with another name": func(cfg *memo.Config) { cfg.Codec = named{name: "other"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				log := &diary{}
				c, _ := f.process(t, slowPoll, change, func(cfg *memo.Config) { cfg.StrictTypes, cfg.Logger = true, log.logger() })
				request, end := c.Begin(context.Background())
				defer end()
				for _, ctx := range []context.Context{request, c.With(context.Background()), request} {
					v, err := memo.Do(ctx, memo.Key("note", 7), func(context.Context) (withNote, error) {
						t.Error("the loader ran")
						return withNote{"Ada", "secret"}, nil
					})
					strict(t, err, "Do", "withNote.note", "unexported field")
					if v != (withNote{}) {
						t.Errorf("a value beside the error: %+v", v)
					}
					_, err = memo.Get[*withNote](ctx, memo.Key("note", 7))
					strict(t, err, "Get", "withNote.note", "unexported field")
					err = memo.Set(ctx, memo.Key("note", 7), map[string]any{})
					strict(t, err, "Set", "interface {}", "an interface: the type of what is in it is not kept")
					_, err = memo.Do(ctx, "any", func(context.Context) (any, error) { t.Error("the loader ran"); return 7, nil })
					strict(t, err, "Do", "interface {}", "an interface: the type of what is in it is not kept")
				}
				hit(t, 1<<30)(memo.Do(request, "fine", loadNumber))
				synctest.Wait() // the log is written by a goroutine
				if said := log.String(); strings.Contains(said, "stay out") {
					t.Errorf("it is logged besides:\n%s", said)
				}
				if s := c.Snapshot().Total; s.Runs != 1 || s.Entries != 1 {
					t.Errorf("%d runs and %d entries, want 1 and 1", s.Runs, s.Entries)
				}
			})
		})
	}
}

// Strict is about types: one value that the codec refuses stays in its process.
func TestStrictTypesLetAValueStayInItsProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		strictly := func(cfg *memo.Config) { cfg.StrictTypes = true }
		here, _ := f.process(t, slowPoll, strictly)
		there, _ := f.process(t, slowPoll, strictly)
		runs := 0
		for _, c := range []*memo.Cache{here, here, there} {
			v, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (float64, error) { runs++; return math.NaN(), nil })
			if err != nil || v == v {
				t.Fatal(v, err)
			}
		}
		must(t, memo.Set(here.With(context.Background()), "text", []string{"\xff"}))
		if runs != 2 || f.item(t, "t:v:k").Found() || f.item(t, "t:v:text").Found() {
			t.Errorf("%d loads in two processes, want 2 and no item", runs)
		}
	})
}

func TestTheUsageErrorOfATypeIsEachCallsOwn(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{StrictTypes: true})
	ctx := c.With(context.Background())
	_, first := memo.Get[any](ctx, memo.Key("a", 1))
	_, second := memo.Do(ctx, memo.Key("b", 1), func(context.Context) (any, error) { return 1, nil })
	mistake(t, first, "Get", "memo: Get a: ")
	mistake(t, second, "Do", "memo: Do b: ")
	if plain := (&memo.UsageError{}).Unwrap(); plain != nil {
		t.Errorf("a *UsageError without a cause unwraps to %v", plain)
	}
}

// Without StrictTypes nothing of the kind is an error, nor asked without a Shared.
func TestLossyTypesAreUsableWithoutStrictTypes(t *testing.T) {
	t.Parallel()
	asked := 0
	c := newCache(t, memo.Config{Codec: asking{asked: &asked}, Logger: slog.New(slog.DiscardHandler)})
	v, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (withNote, error) { return withNote{"Ada", "secret"}, nil })
	if err != nil || v.note != "secret" || asked != 0 {
		t.Errorf("%+v, %v; Check was asked %d times", v, err, asked)
	}
}

// asking counts the questions for a type.
type asking struct {
	codec.JSON
	asked *int
}

func (a asking) Check(reflect.Type) error { *a.asked++; return nil }
