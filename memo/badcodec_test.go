package memo_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
)

// A Codec that panics, or refuses: the value that was loaded reaches its caller,
// no lease is left, and the log says why without showing the value.

// brittle is a codec of which one method panics.
type brittle struct {
	codec.JSON
	method string
	with   any
}

func (b brittle) at(method string) {
	if method != b.method {
		return
	}
	if b.with == nil {
		var none []int
		_ = none[len(method)] // the runtime's own
	}
	panic(b.with)
}

func (b brittle) Name() string             { b.at("Name"); return "brittle" }
func (b brittle) Check(reflect.Type) error { b.at("Check"); return nil }
func (b brittle) Unmarshal(data []byte, v any) error {
	b.at("Unmarshal")
	return b.JSON.Unmarshal(data, v)
}
func (b brittle) Append(dst []byte, v any) ([]byte, error) {
	b.at("Append")
	return b.JSON.Append(dst, v)
}

// choosy is a Selector that panics.
type choosy struct{ brittle }

func (c choosy) For(reflect.Type) codec.Codec { c.at("For"); return c.brittle }

func TestCodecThatPanicsCostsTheSharedTierAndNoCaller(t *testing.T) {
	t.Parallel()
	for method, says := range map[string]string{
		"Append": "codec refused a value", "Unmarshal": "", "Check": "values of a type stay out of the shared tier",
	} {
		for what, with := range map[string]any{"an error": errors.New("token:0a1b2c3d"), "the runtime's": nil} {
			t.Run(method+", "+what, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					f, log, begin := newFleet(), &diary{}, time.Now()
					here, _ := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.Codec, cfg.Logger = brittle{method: method, with: with}, log.logger() })
					there, _ := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.Codec = brittle{} })
					runs := 0
					for _, key := range []string{"k", "set"} {
						if key == "set" {
							must(t, memo.Set(here.With(context.Background()), key, 7))
						}
						for _, c := range []*memo.Cache{here, there, here} {
							v, err := memo.Do(c.With(context.Background()), key, func(context.Context) (int, error) { runs++; return 7, nil })
							if v != 7 || err != nil {
								t.Errorf("%s: %d, %v", key, v, err)
							}
						}
					}
					if method == "Unmarshal" { // what another process has stored
						doRow(t, there, "stored", &runs)
						doRow(t, here, "stored", &runs)
					}
					if waited := time.Since(begin); waited > 0 {
						t.Errorf("somebody waited %v for a lease that nobody holds", waited)
					}
					if runs != 3 {
						t.Errorf("%d runs, want 3", runs)
					}
					synctest.Wait()
					said := log.String()
					if !strings.Contains(said, says) || strings.Contains(said, "0a1b2c3d") {
						t.Errorf("the log says\n%s\nwant %q, and no value", said, says)
					}
					if says == "" {
						return
					}
					for _, part := range []string{method + " of memo_test.brittle panicked: ", map[bool]string{true: "a *errors.errorString", false: "index out of range"}[with != nil]} {
						if !strings.Contains(said, part) {
							t.Errorf("the log says\n%s\nwant %q", said, part)
						}
					}
				})
			})
		}
	}
}

// Without a name or a choice there is no entry to be made: a mistake of the program.
func TestCodecThatPanicsBeforeThereIsAValueIsAMistake(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	for method, bad := range map[string]codec.Codec{"Name": brittle{method: "Name"}, "For": choosy{brittle{method: "For"}}} {
		_, err := memo.Do(c.With(context.Background()), memo.Key("k", 1), loadNumber, memo.Codec(bad))
		mistake(t, err, "Do", "memo: Do k: "+method+" of memo_test.", "panicked: runtime error: index out of range", "repair that method")
		made, err := memo.New(memo.Config{Codec: bad, Logger: quiet})
		if method == "Name" {
			mistake(t, err, "New", "Name of memo_test.brittle panicked")
			continue
		}
		must(t, err)
		_, err = memo.Get[int](made.With(context.Background()), "k")
		mistake(t, err, "Get", "For of memo_test.choosy panicked")
		must(t, made.Close(context.Background()))
	}
}

func TestStrictTypesOfACodecWhoseCheckPanics(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{StrictTypes: true, Codec: brittle{method: "Check"}})
	_, err := memo.Do(c.With(context.Background()), "k", loadNumber)
	mistake(t, err, "Do", "Check of memo_test.brittle panicked")
}

// worded is a codec that says why it refuses.
type worded struct {
	codec.JSON
	err error
}

func (w worded) Append([]byte, any) ([]byte, error) { return nil, w.err }

type speaking struct{ V any }

func (speaking) MarshalJSON() ([]byte, error) { panic("token:0a1b2c3d") }
func (*speaking) UnmarshalJSON([]byte) error  { return nil }

type failing struct{}

func (failing) MarshalJSON() ([]byte, error) { return nil, errors.New("token:0a1b2c3d") }
func (*failing) UnmarshalJSON([]byte) error  { return nil }

func TestLogSaysWhyTheCodecRefusedAndShowsNoValue(t *testing.T) {
	t.Parallel()
	for want, test := range map[string]struct {
		codec codec.Codec
		value any
	}{
		`codec: a string is not valid UTF-8, and JSON would change it`:    {codec.JSON{}, []string{"0a1b2c3d\xff"}},
		`*json.UnsupportedValueError`:                                     {codec.JSON{}, []float64{math.NaN()}},
		`*codec.panicError`:                                               {codec.JSON{}, speaking{}},
		`*json.MarshalerError: *errors.errorString`:                       {codec.JSON{}, failing{}},
		`*errors.errorString`:                                             {worded{err: errors.New("0a1b2c3d")}, 7},
		`codec: a 7 is unlucky`:                                           {worded{err: fmt.Errorf("0a1b2c3d: %w", &codec.LossError{Reason: "a 7 is unlucky"})}, 7},
		`codec: Name (string) would not survive: it is the wrong weekday`: {worded{err: &codec.LossError{Type: reflect.TypeFor[string](), Path: "Name", Reason: "it is the wrong weekday"}}, 7},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, log := newFleet(), &diary{}
				c, _ := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.Codec, cfg.Logger = test.codec, log.logger() })
				ctx := c.With(context.Background())
				switch v := test.value.(type) {
				case []string:
					must(t, memo.Set(ctx, "k", v))
				case []float64:
					must(t, memo.Set(ctx, "k", v))
				case speaking:
					must(t, memo.Set(ctx, "k", v))
				case failing:
					must(t, memo.Set(ctx, "k", v))
				case int:
					_, err := memo.Do(ctx, "k", func(context.Context) (int, error) { return v, nil })
					must(t, err)
				}
				synctest.Wait()
				if said := log.String(); !strings.Contains(said, want) || !strings.Contains(said, "codec refused a value") || strings.Contains(said, "0a1b2c3d") {
					t.Errorf("the log says\n%s\nwant %q, and no value", said, want)
				}
			})
		})
	}
}
