package flight_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/flight"
)

// circle_test.go is about loads that ask for other keys.

type loader = func(ctx context.Context, c *flight.Call[int]) (int, error)

// refused asks for key as a part of c, and reports whether it was told at once
// that this would never end.
func refused(ctx context.Context, t *testing.T, g *flight.Group[int], c *flight.Call[int], key string) error {
	t.Helper()
	begin := time.Now()
	_, err := within(ctx, g, c, key, load{do: func(context.Context, *flight.Call[int]) (int, error) {
		t.Errorf("a second load of %s ran", key)
		return 0, nil
	}})
	if !errors.Is(err, flight.ErrRecursive) {
		t.Errorf("asking for %s: error %v, want ErrRecursive", key, err)
	}
	mustEqual(t, "told after", time.Since(begin), 0)
	return err
}

func TestALoadThatAsksForItselfIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		call(t.Context(), g, "A", load{do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
			return 0, refused(ctx, t, g, c, "A")
		}}).mustFail(t, flight.ErrRecursive)
	})
}

func TestAGoroutineOfALoadThatAsksForItIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		call(t.Context(), g, "A", load{do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
			told := make(chan error)
			go func() { told <- refused(ctx, t, g, c, "A") }()
			return 0, <-told
		}}).mustFail(t, flight.ErrRecursive)
	})
}

func TestALoadThatAsksForItselfByWayOfAnotherIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		call(t.Context(), g, "A", load{do: func(ctx context.Context, a *flight.Call[int]) (int, error) {
			return within(ctx, g, a, "B", load{do: func(ctx context.Context, b *flight.Call[int]) (int, error) {
				return 0, refused(ctx, t, g, b, "A")
			}})
		}}).mustFail(t, flight.ErrRecursive)
	})
}

func TestALoadThatInvalidatesItselfDoesNotRunForEver(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		call(t.Context(), g, "A", load{do: func(ctx context.Context, a *flight.Call[int]) (int, error) {
			return within(ctx, g, a, "B", load{do: func(ctx context.Context, b *flight.Call[int]) (int, error) {
				g.Invalidate(flight.Always, nothing, "A")
				return 0, refused(ctx, t, g, b, "A")
			}})
		}}).mustFail(t, flight.ErrRecursive)
	})
}

func TestTheSameKeyOfAnotherGroupIsNoCircle(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		other := flight.New[int]()
		call(t.Context(), g, "A", load{do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
			return within(ctx, other, c, "A", gives(7, &loads))
		}}).mustBe(t, 7)
	})
}

// meet has two requests lead one load each; do says what they then do.
func meet(t *testing.T, g *flight.Group[int], doA, doB loader) (a, b func() answer) {
	ready := make(chan struct{})
	when := func(do loader) load {
		return load{do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
			<-ready
			return do(ctx, c)
		}}
	}
	a, b = ask(t.Context(), g, "A", when(doA)), ask(t.Context(), g, "B", when(doB))
	close(ready)
	return a, b
}

func TestTwoRequestsThatAskForEachOthersLoads(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		for range 100 { // either may be the one who is told
			var told atomic.Int64
			asks := func(key string) loader {
				return func(ctx context.Context, c *flight.Call[int]) (int, error) {
					if _, err := within(ctx, g, c, key, load{}); errors.Is(err, flight.ErrRecursive) {
						told.Add(1)
					}
					return 7, nil
				}
			}
			begin := time.Now()
			a, b := meet(t, g, asks("B"), asks("A"))
			a().mustBe(t, 7)
			b().mustBe(t, 7)
			mustEqual(t, "told", told.Load(), 1)
			mustEqual(t, "took", time.Since(begin), 0)
		}
	})
}

func TestALoadThatIsToldIsNoCallerOfTheOther(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		begin := time.Now()
		goOn := make(chan struct{})
		a := ask(t.Context(), g, "A", load{do: func(ctx context.Context, a *flight.Call[int]) (int, error) {
			<-goOn
			_ = refused(ctx, t, g, a, "B")
			time.Sleep(time.Second)
			return 7, nil
		}})
		var ended time.Duration
		b := ask(impatient(t, 100*ms), g, "B", load{grace: 200 * ms, do: func(ctx context.Context, b *flight.Call[int]) (int, error) {
			_, err := within(ctx, g, b, "A", load{})
			ended = time.Since(begin)
			return 0, err
		}})
		close(goOn)
		b().mustFail(t, context.DeadlineExceeded)
		a().mustBe(t, 7)
		synctest.Wait() // of the load that nobody waits for nobody has heard
		mustEqual(t, "with its caller and the grace gone, B ended after", ended, 300*ms)
	})
}

func TestACircleOfThreeRequestsThroughAFanOut(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		over := make(chan struct{})
		c := ask(t.Context(), g, "C", load{do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
			<-over
			return 0, refused(ctx, t, g, c, "A")
		}})
		a, b := meet(t, g, func(ctx context.Context, a *flight.Call[int]) (int, error) {
			go within(ctx, g, a, "other", lasts(time.Minute, 1, &loads))
			return within(ctx, g, a, "B", load{})
		}, func(ctx context.Context, b *flight.Call[int]) (int, error) {
			go within(ctx, g, b, "another", lasts(time.Minute, 1, &loads))
			return within(ctx, g, b, "C", load{})
		})
		synctest.Wait()
		close(over)
		for _, heard := range []func() answer{a, b, c} {
			heard().mustFail(t, flight.ErrRecursive)
		}
		pass(time.Minute)
	})
}

func TestALoadThatWaitsNoMoreIsInNoCircle(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		left := make(chan struct{})
		a, b := meet(t, g, func(ctx context.Context, a *flight.Call[int]) (int, error) {
			_, err := within(impatient(t, 10*ms), g, a, "B", load{})
			answer{err: err}.mustFail(t, context.DeadlineExceeded)
			mustEqual(t, "loads that A waits for", flight.Waits(a), 0)
			close(left)
			time.Sleep(10 * ms)
			return 7, nil
		}, func(ctx context.Context, b *flight.Call[int]) (int, error) {
			<-left
			return within(ctx, g, b, "A", load{})
		})
		a().mustBe(t, 7)
		b().mustBe(t, 7)
	})
}

func TestALoadThatStillWaitsOnAnotherGoroutineIsInTheCircle(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		left := make(chan struct{})
		a, b := meet(t, g, func(ctx context.Context, a *flight.Call[int]) (int, error) {
			first := make(chan error)
			go func() {
				_, err := within(impatient(t, 10*ms), g, a, "B", load{})
				first <- err
			}()
			go func() {
				answer{err: <-first}.mustFail(t, context.DeadlineExceeded)
				close(left)
			}()
			return within(ctx, g, a, "B", load{})
		}, func(ctx context.Context, b *flight.Call[int]) (int, error) {
			<-left
			return 0, refused(ctx, t, g, b, "A")
		})
		a().mustFail(t, flight.ErrRecursive)
		b().mustFail(t, flight.ErrRecursive)
	})
}

func TestACircleThroughTheQueueEndsWithATimeout(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		goOn, ended := make(chan struct{}), make(chan struct{})
		b := ask(t.Context(), g, "B", load{do: func(ctx context.Context, b *flight.Call[int]) (int, error) {
			<-goOn
			defer close(ended)
			return within(ctx, g, b, "K", load{timeout: time.Second})
		}})
		var old []func() answer
		for range flight.MaxRuns {
			old = append(old, ask(t.Context(), g, "K", load{do: func(ctx context.Context, k *flight.Call[int]) (int, error) {
				<-goOn
				return within(ctx, g, k, "B", load{})
			}}))
			g.Invalidate(flight.Always, nothing, "K")
		}
		begin := time.Now()
		close(goOn)
		<-ended
		b().mustFail(t, context.DeadlineExceeded)
		for _, heard := range old {
			heard().mustFail(t, context.DeadlineExceeded)
		}
		mustEqual(t, "took", time.Since(begin), time.Second)
	})
}
