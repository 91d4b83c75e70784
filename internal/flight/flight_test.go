package flight_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
)

// bubble runs story on fake time. Whatever the story was, at its end no load
// runs, no key is remembered, and (by synctest) no goroutine is left.
func bubble(t *testing.T, story func(t *testing.T, g *flight.Group[int])) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := flight.New[int]()
		story(t, g)
		synctest.Wait()
		if n := g.InFlight(); n != 0 {
			t.Errorf("at the end InFlight is %d, want 0", n)
		}
		if n := flight.Slots(g); n != 0 {
			t.Errorf("at the end %d keys are remembered, want 0", n)
		}
	})
}

// pass lets d of fake time pass, and what is then due happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// load is the Job of these tests.
type load struct {
	do      func(ctx context.Context, c *flight.Call[int]) (int, error)
	join    func(c *flight.Call[int]) bool // nil: any running load would do
	timeout time.Duration                  // 0: an hour
	grace   time.Duration                  // 0: a second
}

func (l load) Load(ctx context.Context, c *flight.Call[int]) (int, error) { return l.do(ctx, c) }
func (l load) Joinable(c *flight.Call[int]) bool                          { return l.join == nil || l.join(c) }
func (l load) Starts()                                                    {}
func (l load) Timeout() time.Duration {
	if l.timeout == 0 {
		return time.Hour
	}
	return l.timeout
}

func (l load) Grace() time.Duration {
	if l.grace == 0 {
		return time.Second
	}
	return l.grace
}

// gives is a load that returns v at once, and counts itself.
func gives(v int, loads *atomic.Int64) load {
	return load{do: func(context.Context, *flight.Call[int]) (int, error) {
		loads.Add(1)
		return v, nil
	}}
}

// lasts is a load that returns v after d, or ends with its ctx, and counts itself.
func lasts(d time.Duration, v int, loads *atomic.Int64) load {
	return load{do: func(ctx context.Context, _ *flight.Call[int]) (int, error) {
		loads.Add(1)
		select {
		case <-time.After(d):
			return v, nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}}
}

// answer is what a caller got, and how long it took.
type answer struct {
	value int
	led   bool
	err   error
	took  time.Duration
}

// call is Do, for a caller of the test.
func call(ctx context.Context, g *flight.Group[int], key string, l load) (a answer) {
	begin := time.Now()
	a.value, a.led, a.err = g.Do(ctx, context.Background(), nil, key, l)
	a.took = time.Since(begin)
	return a
}

// within is Do, for a part of the load c.
func within(ctx context.Context, g *flight.Group[int], c *flight.Call[int], key string, l load) (int, error) {
	v, _, err := g.Do(ctx, context.Background(), c, key, l)
	return v, err
}

// ask starts a caller on a goroutine of its own, and returns when it waits. The
// answer is heard by calling the result.
func ask(ctx context.Context, g *flight.Group[int], key string, l load) func() answer {
	heard := make(chan answer, 1)
	go func() { heard <- call(ctx, g, key, l) }()
	synctest.Wait()
	return func() answer { return <-heard }
}

func (a answer) mustBe(t *testing.T, want int) {
	t.Helper()
	if a.value != want || a.err != nil {
		t.Errorf("got %d, %v; want %d, nil", a.value, a.err, want)
	}
}

func (a answer) mustFail(t *testing.T, want error) {
	t.Helper()
	if !errors.Is(a.err, want) {
		t.Errorf("got %d, %v; want error %v", a.value, a.err, want)
	}
}

func mustEqual[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestManyCallersShareOneLoad(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads, leaders atomic.Int64
		var all sync.WaitGroup
		for range 1000 {
			all.Go(func() {
				a := call(t.Context(), g, "k", lasts(400*time.Millisecond, 7, &loads))
				a.mustBe(t, 7)
				if a.led {
					leaders.Add(1)
				}
			})
		}
		all.Wait()
		mustEqual(t, "loads", loads.Load(), 1)
		mustEqual(t, "leaders", leaders.Load(), 1)
	})
}

func TestALongLoadDelaysNoOtherKey(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		long := ask(t.Context(), g, "long", lasts(time.Minute, 1, &loads))
		for i := range 1000 { // more than there are shards
			a := call(t.Context(), g, string(rune('a'+i)), gives(i, &loads))
			a.mustBe(t, i)
			mustEqual(t, "took", a.took, 0)
		}
		long().mustBe(t, 1)
	})
}

type name struct{}

func TestTheCtxOfALoadIsItsBase(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		base := context.WithValue(t.Context(), name{}, "base")
		ctx := context.WithValue(t.Context(), name{}, "caller")
		_, _, err := g.Do(ctx, base, nil, "k", load{do: func(ctx context.Context, _ *flight.Call[int]) (int, error) {
			mustEqual(t, "value of the ctx", ctx.Value(name{}), any("base"))
			return 0, nil
		}})
		mustEqual(t, "error", err, nil)
	})
}

func TestNilArgumentsLeaveNoLoadBehind(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		var none context.Context
		for what, do := range map[string]func(){
			"ctx":  func() { _, _, _ = g.Do(none, t.Context(), nil, "k", gives(1, &loads)) },
			"base": func() { _, _, _ = g.Do(t.Context(), none, nil, "k", gives(1, &loads)) },
			"job":  func() { _, _, _ = g.Do(t.Context(), t.Context(), nil, "k", nil) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("nil as %s: no panic", what)
					}
				}()
				do()
			}()
			mustEqual(t, "keys after nil as "+what, flight.Slots(g), 0)
		}
		call(t.Context(), g, "k", gives(7, &loads)).mustBe(t, 7)
		mustEqual(t, "loads", loads.Load(), 1)
	})
}
