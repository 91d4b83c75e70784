package memo_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
)

// Codecs for one call, and for one type.

// storedAs returns the name of the codec in whose form the fleet's store has key.
func (f *fleet) storedAs(t *testing.T, key string) string {
	t.Helper()
	item := f.item(t, "t:v:"+key)
	if !item.Found() {
		return ""
	}
	var v wire.Value
	must(t, wire.ParseValue(item.Value, &v))
	return v.Codec
}

// doRow reads key and counts the loads.
func doRow(t *testing.T, c *memo.Cache, key string, runs *int, opts ...memo.Option) {
	t.Helper()
	v, err := memo.Do(c.With(context.Background()), key, func(context.Context) (row, error) { *runs++; return row{7}, nil }, opts...)
	if err != nil || v != (row{7}) {
		t.Fatalf("%q: %+v, %v", key, v, err)
	}
}

func TestG12_ACallsCodecIsItsEntrysFormat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		caches := make([]*memo.Cache, 5)
		for i := range caches {
			caches[i], _ = f.process(t, slowPoll)
		}
		other := memo.Codec(named{name: "other"})
		runs := 0
		doRow(t, caches[0], "k", &runs, other)
		if form := f.storedAs(t, "k"); form != "other" || runs != 1 {
			t.Fatalf("stored as %q after %d loads", form, runs)
		}
		stored := f.item(t, "t:v:k")
		if doRow(t, caches[1], "k", &runs, other); runs != 1 {
			t.Error("a call with the same codec loads again")
		}

		plain := caches[2]
		if v, err := memo.Get[row](plain.With(context.Background()), "k"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("Get without the option: %+v, %v, want ErrMiss", v, err)
		}
		for range 2 {
			doRow(t, plain, "k", &runs)
		}
		if runs != 2 {
			t.Errorf("%d loads, want one more for the process that asks without the option, and then its L2", runs)
		}
		if v, err := memo.Get[row](plain.With(context.Background()), "k"); err != nil || v != (row{7}) {
			t.Errorf("Get of what L2 has: %+v, %v", v, err)
		}
		if doRow(t, plain, "k", &runs, other); runs != 2 {
			t.Error("a hit in L2 looks at the codec")
		}
		if now := f.item(t, "t:v:k"); now.CAS != stored.CAS {
			t.Error("the call without the option replaced the entry: the two would load in turn")
		}
		if doRow(t, caches[3], "k", &runs, other); runs != 2 {
			t.Error("the entry is not read any more")
		}

		must(t, memo.Set(plain.With(context.Background()), "k", row{7}))
		if form := f.storedAs(t, "k"); form != "json" {
			t.Errorf("a Set without the option stores as %q", form)
		}
		must(t, memo.Set(plain.With(context.Background()), "k", row{7}, other))
		if form := f.storedAs(t, "k"); form != "other" {
			t.Errorf("a Set with the option stores as %q", form)
		}
		if doRow(t, caches[4], "k", &runs, memo.Codec(named{name: "third"}), other); runs != 2 {
			t.Error("of two codecs the last one does not win")
		}
	})
}

func TestACodecGivenToNewIsTheCaches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		runs := 0
		json, _ := f.process(t, slowPoll)
		c := newCache(t, memo.Config{Prefix: "t", Shared: f.store, Codec: named{name: "unused"}}, memo.Codec(named{name: "other"}))
		doRow(t, c, "k", &runs)
		if form := f.storedAs(t, "k"); form != "other" {
			t.Errorf("stored as %q", form)
		}
		next := newCache(t, memo.Config{Prefix: "t", Shared: f.store, Codec: named{name: "other"}})
		if v, err := memo.Get[row](next.With(context.Background()), "k"); err != nil || v != (row{7}) {
			t.Errorf("a cache with this codec in Config gets %+v, %v", v, err)
		}
		doRow(t, c, "back", &runs, memo.Codec(codec.JSON{}))
		if v, err := memo.Get[row](json.With(context.Background()), "back"); err != nil || v != (row{7}) {
			t.Errorf("the option of a call does not replace that of New: %+v, %v", v, err)
		}
	})
}

// A type is judged by the codec that stores it.
func TestACallsCodecDecidesWhetherATypeIsLossy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		asked := 0
		keeps := memo.Codec(asking{asked: &asked})
		c, _ := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.StrictTypes = true })
		for range 3 {
			_, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (any, error) { return "text", nil }, keeps)
			must(t, err)
			must(t, memo.Set[any](c.With(context.Background()), "set", "text", keeps))
		}
		if asked != 1 {
			t.Errorf("Check was asked %d times, want once for a type", asked)
		}
		_, err := memo.Get[any](c.With(context.Background()), "other")
		strict(t, err, "Get", "interface {}", "an interface: the type of what is in it is not kept")
	})
}

func TestOfCallsThatWaitForOneLoadTheFirstOnesCodecDecides(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, _ := f.process(t, slowPoll)
		var wg sync.WaitGroup
		runs := 0
		read := func(opts ...memo.Option) {
			_, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (row, error) {
				runs++
				time.Sleep(time.Second)
				return row{7}, nil
			}, opts...)
			if err != nil {
				t.Error(err)
			}
		}
		wg.Go(func() { read(memo.Codec(named{name: "other"})) })
		synctest.Wait()
		read()
		wg.Wait()
		if form := f.storedAs(t, "k"); form != "other" || runs != 1 {
			t.Errorf("stored as %q after %d loads", form, runs)
		}
	})
}

// mutable is a codec of a type that == panics on.
type mutable struct {
	codec.JSON
	names []string
}

func (m mutable) Name() string { return m.names[0] }

// pointed is a codec whose methods need the pointer.
type pointed struct{ name string }

func (p *pointed) Name() string                             { return p.name }
func (p *pointed) Append(dst []byte, v any) ([]byte, error) { return codec.JSON{}.Append(dst, v) }
func (p *pointed) Unmarshal(data []byte, v any) error       { return codec.JSON{}.Unmarshal(data, v) }

func TestCodecsThatAreRefused(t *testing.T) {
	t.Parallel()
	for says, bad := range map[string]codec.Codec{
		"Codec is nil; give one, or leave it out":                            nil,
		"Codec is a nil *memo_test.pointed; look at the call that made it":   (*pointed)(nil),
		`Codec name ""; give the Codec a name of 1 to 16 bytes`:              named{},
		`Codec name "seventeen-letters"; give`:                               named{name: "seventeen-letters"},
		`Codec name "", of what a codec.byType chose for values of type int`: chooses(mutable{names: []string{""}}),
		"Codec is nil, of what a codec.byType chose for values of type int":  chooses(nil),
		"Codec is a nil *memo_test.pointed, of what":                         chooses((*pointed)(nil)),
	} {
		c := newCache(t, memo.Config{})
		request, end := c.Begin(context.Background())
		_, chosen := bad.(codec.Selector)
		ran := false
		load := func(context.Context) (int, error) { ran = true; return 7, nil }
		for _, ctx := range []context.Context{request, c.With(context.Background())} {
			_, err := memo.Do(ctx, memo.Key("k", 1), load, memo.Codec(bad))
			mistake(t, err, "Do", "memo: Do k: ", says)
			mistake(t, memo.Set(ctx, memo.Key("k", 1), 7, memo.Codec(bad)), "Set", "memo: Set k: ", says)
		}
		if ran {
			t.Errorf("%s: the loader ran", says)
		}
		hit(t, 7)(memo.Do(request, memo.Key("k", 1), load))
		_, err := memo.Do(request, memo.Key("k", 1), load, memo.Codec(bad))
		if !chosen { // a hit does not ask what codec its type would have
			mistake(t, err, "Do", "memo: Do k: ", says)
		}
		if bad != nil {
			cfg := memo.Config{Codec: bad, Logger: quiet}
			made, err := memo.New(cfg)
			if !chosen {
				mistake(t, err, "New", says)
			} else if err != nil {
				t.Errorf("New: %v", err)
			} else {
				_, err := memo.Get[int](made.With(context.Background()), "k")
				mistake(t, err, "Get", says)
				must(t, made.Close(context.Background()))
			}
		}
		if !chosen {
			_, err := memo.New(memo.Config{Logger: quiet}, memo.Codec(bad))
			mistake(t, err, "New", says)
		}
		end()
	}
}

func chooses(c codec.Codec) codec.Codec {
	return codec.ByType(codec.JSON{}, map[reflect.Type]codec.Codec{reflect.TypeFor[int](): c})
}

// A codec need not be comparable.
func TestACodecMayBeOfAnyType(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		runs := 0
		own := mutable{names: []string{"mutable"}}
		c, _ := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.Codec = own })
		doRow(t, c, "config", &runs)
		doRow(t, c, "option", &runs, memo.Codec(own))
		doRow(t, c, "pointer", &runs, memo.Codec(&pointed{"pointed"}))
		for key, form := range map[string]string{"config": "mutable", "option": "mutable", "pointer": "pointed"} {
			if got := f.storedAs(t, key); got != form {
				t.Errorf("%s is stored as %q", key, got)
			}
		}
	})
}

// counting counts the questions for a codec.
type counting struct {
	codec.Codec
	asked map[reflect.Type]int
}

func (c counting) For(t reflect.Type) codec.Codec {
	c.asked[t]++
	return codec.For(c.Codec, t)
}

func TestAnEntryBearsTheNameOfItsTypesCodec(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		asked := map[reflect.Type]int{}
		special := codec.ByType(nil, map[reflect.Type]codec.Codec{reflect.TypeFor[row](): named{name: "rows"}})
		byType, _ := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.Codec = counting{special, asked} })
		plain, _ := f.process(t, slowPoll)
		rows, _ := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.Codec = named{name: "rows"} })
		runs := 0
		doRow(t, byType, "row", &runs)
		must(t, memo.Set(byType.With(context.Background()), "rows", []row{{7}}))
		must(t, memo.Set(byType.With(context.Background()), "row:2", row{8}))
		for key, form := range map[string]string{"row": "rows", "row:2": "rows", "rows": "json"} {
			if got := f.storedAs(t, key); got != form {
				t.Errorf("%s is stored as %q, want %q", key, got, form)
			}
		}
		if v, err := memo.Get[row](rows.With(context.Background()), "row"); err != nil || v != (row{7}) {
			t.Errorf("a cache with that codec alone: %+v, %v", v, err)
		}
		if v, err := memo.Get[[]row](plain.With(context.Background()), "rows"); err != nil || len(v) != 1 {
			t.Errorf("a cache with the fallback alone: %+v, %v", v, err)
		}
		if _, err := memo.Get[row](plain.With(context.Background()), "row"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("what has another codec's form: %v, want ErrMiss", err)
		}
		if asked[reflect.TypeFor[row]()] > 2 || len(asked) != 3 { // row, []row, and the int of process
			t.Errorf("For was asked %v", asked)
		}
		doRow(t, plain, "option", &runs, memo.Codec(special))
		if form := f.storedAs(t, "option"); form != "rows" {
			t.Errorf("a Selector as an option stores as %q", form)
		}
	})
}

// One type may be stored by an own codec because it is an interface.
func TestAnInterfaceTypeMayHaveACodec(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		byType := codec.ByType(nil, map[reflect.Type]codec.Codec{reflect.TypeFor[shape](): shapes{}})
		here, _ := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.Codec = byType })
		there, _ := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.Codec = byType })
		runs := 0
		for key, want := range map[string]shape{"square": &square{3}, "typed nil": (*square)(nil), "nil": nil} {
			for _, c := range []*memo.Cache{here, there} {
				v, err := memo.Do(c.With(context.Background()), key, func(context.Context) (shape, error) { runs++; return want, nil })
				if err != nil || !identical(v, want) {
					t.Errorf("%s: %#v, %v", key, v, err)
				}
			}
		}
		if runs != 3 {
			t.Errorf("%d loads of 3 keys in two processes", runs)
		}
	})
}

// shapes stores a shape that is a *square.
type shapes struct{}

func (shapes) Name() string             { return "shapes" }
func (shapes) Check(reflect.Type) error { return nil }
func (shapes) Append(dst []byte, v any) ([]byte, error) {
	if v == nil {
		return append(dst, '0'), nil
	}
	return codec.JSON{}.Append(append(dst, '1'), v.(*square))
}

func (shapes) Unmarshal(data []byte, v any) error {
	if string(data) == "0" {
		*v.(*shape) = nil
		return nil
	}
	var s *square
	err := codec.JSON{}.Unmarshal(data[1:], &s)
	*v.(*shape) = s
	return err
}

func TestCodecOptionHitAllocations(t *testing.T) {
	c := newCache(t, memo.Config{})
	request, end := c.Begin(context.Background())
	defer end()
	who := hit(t, user{ID: 7, Name: "Ada"})
	var own codec.Codec = &pointed{"pointed"}
	for where, ctx := range map[string]context.Context{"L1": request, "L2": c.With(context.Background())} {
		allocates(t, where+", with codec.JSON", 0, func() { who(memo.Do(ctx, "user:7", loadUser, memo.Codec(codec.JSON{}))) })
		allocates(t, where+", with a codec made before", 0, func() { who(memo.Do(ctx, "user:7", loadUser, memo.TTL(time.Minute), memo.Codec(own))) })
	}
}
