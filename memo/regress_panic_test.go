package memo_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Whatever the cache calls may panic, end its goroutine, block or ask the cache:
// the bugs that other caches had with that. Here are all places where it calls
// anything of its user's.

// A visitor is somebody else's code, in each of these places. visit is called
// with the place's name.
type visitor struct{ visit func(place string) }

func (v visitor) load(context.Context) (string, error) {
	v.visit("loader")
	return "v", nil
}

func (v visitor) clone(s string) string {
	v.visit("Clone")
	return s
}

func (v visitor) config(shared tier.Shared) memo.Config {
	return memo.Config{
		Prefix: "t", Shared: shared, Codec: visitedCodec{v: v}, Local: visitedLocal{lru.New(1000), v}, Logger: slog.New(visitedHandler{quiet.Handler(), v}),
		LoadContext: func(context.Context) context.Context { v.visit("LoadContext"); return nil },
	}
}

type visitedCodec struct {
	codec.JSON
	v visitor
}

func (c visitedCodec) Append(dst []byte, value any) ([]byte, error) {
	c.v.visit("Codec.Append")
	if value == "refused" {
		return nil, errors.New("refused")
	}
	return c.JSON.Append(dst, value)
}

func (c visitedCodec) Unmarshal(data []byte, value any) error {
	c.v.visit("Codec.Unmarshal")
	return c.JSON.Unmarshal(data, value)
}

type visitedLocal struct {
	*lru.Cache
	v visitor
}

func (l visitedLocal) Get(key string) *tier.Entry {
	l.v.visit("Local.Get")
	return l.Cache.Get(key)
}

func (l visitedLocal) Set(key string, e *tier.Entry) {
	l.v.visit("Local.Set")
	l.Cache.Set(key, e)
}

type visitedHandler struct {
	slog.Handler
	v visitor
}

func (h visitedHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h visitedHandler) Handle(context.Context, slog.Record) error {
	h.v.visit("Logger")
	return nil
}

// places is where a visitor is called, and whether the shared tier has the value.
var places = map[string]bool{
	"loader": false, "Clone": false, "LoadContext": false, "Codec.Append": false, "Codec.Unmarshal": true,
	"Logger": false, "Local.Get": false, "Local.Set": false,
}

// valueAt is a loader by which a visitor comes to place; where the shared tier is
// to have the value, it has.
func (v visitor) valueAt(t *testing.T, place string, stored bool, f *fleet) func(context.Context) (string, error) {
	t.Helper()
	if stored {
		other := newCache(t, patient(nobody.config(f.store)))
		_, err := memo.Do(other.With(context.Background()), "k", nobody.load)
		must(t, err)
	}
	if place != "Logger" {
		return v.load
	}
	return func(context.Context) (string, error) { return "refused", nil }
}

// eachPlace runs test for each place, with either kind of caller as the first.
func eachPlace(t *testing.T, test func(t *testing.T, place string, stored, requestFirst bool)) {
	t.Helper()
	for place, stored := range places {
		for _, requestFirst := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, request first %t", place, requestFirst), func(t *testing.T) { test(t, place, stored, requestFirst) })
		}
	}
}

// nobody is a visitor that does nothing.
var nobody = visitor{func(string) {}}

// linger reports whether at is place, and waits there until the others have come.
// In Local.Set it does not: that is under a lock, on which they are as well.
func linger(at, place string) bool {
	if at == place && at != "Local.Set" {
		time.Sleep(10 * time.Millisecond)
	}
	return at == place
}

// crowd8 asks for k eight times, before the first is answered: four goroutines of
// one request, one of which is the first if asked for, and four requests. heard is
// called with what each hears, unless its goroutine ends.
func crowd8(c *memo.Cache, v visitor, requestFirst bool, value func(context.Context) (string, error), heard func(s string, err error, recovered any)) {
	request, end := c.Begin(context.Background())
	defer end()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			time.Sleep(time.Duration(i) * time.Millisecond)
			ctx := request
			if i%2 == 0 != requestFirst {
				own, end := c.Begin(context.Background())
				defer end()
				ctx = own
			}
			var s string
			var err error
			back := false
			defer func() {
				if r := recover(); back || r != nil {
					heard(s, err, r)
				}
			}()
			s, err = memo.Do(ctx, "k", value, memo.Clone(v.clone))
			back = true
		})
	}
	wg.Wait()
}

func TestR14_PanicAnywhereHoldsUpNobody(t *testing.T) {
	eachPlace(t, func(t *testing.T, place string, stored, requestFirst bool) {
		synctest.Test(t, func(t *testing.T) {
			f, boom := newFleet(), errors.New("boom")
			var armed atomic.Bool
			v := visitor{func(at string) {
				if linger(at, place) && armed.CompareAndSwap(true, false) {
					panic(boom)
				}
			}}
			value := v.valueAt(t, place, stored, f)
			c := newCache(t, v.config(f.store))
			armed.Store(true)
			var panics, told, served atomic.Int64
			crowd8(c, v, requestFirst, value, func(s string, err error, recovered any) {
				var p *memo.PanicError
				switch {
				case recovered == boom:
					panics.Add(1)
				case recovered == nil && errors.As(err, &p) && p.Value == boom && len(p.Stack) > 0:
					told.Add(1)
				case recovered == nil && err == nil && s != "":
					served.Add(1)
				default:
					t.Errorf("a caller got %q, %v, and recovered %v", s, err, recovered)
				}
			})
			want := int64(1)
			switch place {
			case "Logger", // has a goroutine of its own
				"Codec.Append", "Codec.Unmarshal": // cost the shared tier, and no caller
				want = 0
			}
			if panics.Load() != want || told.Load()+served.Load() != 8-want {
				t.Errorf("%d callers panicked, %d were told and %d served, want %d and all the others", panics.Load(), told.Load(), served.Load(), want)
			}
			freeAgain(t, f, c, value)
		})
	})
}

// freeAgain fails unless k can be had at once: no flight, no lease, no lock is
// left of what happened.
func freeAgain(t *testing.T, f *fleet, c *memo.Cache, value func(context.Context) (string, error)) {
	t.Helper()
	synctest.Wait()
	if n := c.Snapshot().Total.InFlight; n != 0 {
		t.Errorf("%d loads are in flight for ever", n)
	}
	other := newCache(t, nobody.config(f.store))
	for who, c := range map[string]*memo.Cache{"its process": c, "another process": other} {
		begin := time.Now()
		v, err := memo.Do(c.With(context.Background()), "k", value)
		if took := time.Since(begin); v == "" || err != nil || took > 200*time.Millisecond {
			t.Errorf("then %s gets %q, %v after %v", who, v, err, took)
		}
	}
	must(t, c.Invalidate(context.Background(), "k"))
	must(t, c.InvalidateAll(context.Background()))
}

// A place that runs on the caller's goroutine ends that one; one that runs on the
// load's is known to all. The Logger has a goroutine of its own.
func TestR15_GoexitAnywhereHoldsUpNobody(t *testing.T) {
	eachPlace(t, func(t *testing.T, place string, stored, requestFirst bool) {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			var armed atomic.Bool
			v := visitor{func(at string) {
				if linger(at, place) && armed.CompareAndSwap(true, false) {
					runtime.Goexit()
				}
			}}
			value := v.valueAt(t, place, stored, f)
			c := newCache(t, v.config(f.store))
			armed.Store(true)
			var heard, told atomic.Int64
			crowd8(c, v, requestFirst, value, func(s string, err error, recovered any) {
				heard.Add(1)
				var p *memo.PanicError
				switch {
				case recovered == nil && errors.As(err, &p) && p.Value == nil && s == "":
					told.Add(1)
				case recovered != nil || err != nil || s == "":
					t.Errorf("a caller got %q, %v, and recovered %v", s, err, recovered)
				}
			})
			if heard.Load() < 7 || heard.Load() == 8 && told.Load() == 0 && place != "Logger" {
				t.Errorf("%d of 8 callers came back, %d of them with a *PanicError", heard.Load(), told.Load())
			}
			freeAgain(t, f, c, value)
		})
	})
}

// Nothing that a caller gets wrong takes the key from the next one.
func TestR16_CallWithoutALoaderLeavesTheKeyFree(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, end := c.Begin(context.Background())
		defer end()
		var none context.Context
		for _, wrong := range []func() error{
			func() error { _, err := memo.Do[int](ctx, "k", nil); return err },
			func() error { _, err := memo.Do(none, "k", loadNumber); return err },
			func() error { _, err := memo.Do(ctx, "k", loadNumber, memo.TTL(-1)); return err },
			func() error { _, err := memo.Do(ctx, "k", loadNumber, memo.Clone[int](nil)); return err },
		} {
			if u := (*memo.UsageError)(nil); !errors.As(wrong(), &u) {
				t.Error("a call that cannot work is no *UsageError")
			}
			if n := c.Snapshot().Total.InFlight; n != 0 {
				t.Errorf("%d loads are in flight", n)
			}
		}
		if v, err := memo.Do(ctx, "k", loadNumber); err != nil {
			t.Errorf("the next caller got %d, %v", v, err)
		}
	})
}

// One key's visitor blocks. InvalidateAll needs every lock of the process, and
// another key of the same request that of the request. A Local is not in the list:
// what it stores and what an invalidation removes is one step, so it is called
// under a lock, and must not block.
func TestR12_UserCodeThatBlocksHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	for place, stored := range places {
		if place == "Local.Get" || place == "Local.Set" {
			continue
		}
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			entered, release := make(chan struct{}), make(chan struct{})
			var armed atomic.Bool
			v := visitor{func(at string) {
				if at == place && armed.CompareAndSwap(true, false) {
					close(entered)
					<-release
				}
			}}
			f := newFleet()
			value := v.valueAt(t, place, stored, f)
			c := newCache(t, patient(v.config(f.store)))
			request, end := c.Begin(context.Background())
			defer end()
			var wg sync.WaitGroup
			defer wg.Wait()
			defer close(release)
			armed.Store(true)
			wg.Go(func() {
				_, err := memo.Do(request, "k", value, memo.Clone(v.clone))
				must(t, err)
			})
			<-entered
			others := make(chan struct{})
			wg.Go(func() {
				defer close(others)
				_, err := memo.Do(request, "another", v.load)
				must(t, err)
				must(t, memo.Set(request, "another", "set"))
				must(t, memo.Invalidate(request, "k", "another"))
				must(t, memo.InvalidateAll(request))
				c.Snapshot()
			})
			select {
			case <-others:
			case <-time.After(patience):
				t.Error("everybody waits")
			}
		})
	}
}
