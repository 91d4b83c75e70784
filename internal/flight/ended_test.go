package flight_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/tiermemo/tiermemo/internal/flight"
)

// ended_test.go is about what a load that has ended left behind.

func TestWhatAnEndedLoadLeftBehindMayAskForTheKey(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		goOn, heard := make(chan struct{}), make(chan answer, 1)
		call(t.Context(), g, "A", load{do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
			go func() {
				<-goOn
				v, err := within(t.Context(), g, c, "A", gives(8, &loads))
				heard <- answer{value: v, err: err}
			}()
			return 7, nil
		}}).mustBe(t, 7)
		close(goOn)
		a := <-heard
		a.mustBe(t, 8)
	})
}

func TestALoadMayOutliveTheOneThatAskedForIt(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		var loads atomic.Int64
		var b *flight.Call[int]
		goOn, heard := make(chan struct{}), make(chan answer, 1)
		call(t.Context(), g, "A", load{do: func(_ context.Context, a *flight.Call[int]) (int, error) {
			go func() {
				v, err := within(t.Context(), g, a, "B", load{do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
					b = c
					<-goOn
					return within(ctx, g, c, "A", gives(8, &loads))
				}})
				heard <- answer{value: v, err: err}
			}()
			synctest.Wait()
			return 7, nil
		}}).mustBe(t, 7)
		close(goOn)
		a := <-heard
		a.mustBe(t, 8)
		mustEqual(t, "loads that an ended one holds in memory", flight.Parent(b), nil)
	})
}

func TestWhoWaitsForALoadThatHasEndedIsInNoCircle(t *testing.T) {
	bubble(t, func(t *testing.T, g *flight.Group[int]) {
		// A asks for X. X leaves a goroutine behind that waits for C, and ends.
		// C asks for A before A heard of the end of X.
		xEnds, cGoesOn, aHears := make(chan struct{}), make(chan struct{}), make(chan struct{})
		c := ask(t.Context(), g, "C", load{do: func(ctx context.Context, c *flight.Call[int]) (int, error) {
			<-cGoesOn
			return within(ctx, g, c, "A", load{})
		}})
		a := ask(t.Context(), g, "A", load{do: func(ctx context.Context, a *flight.Call[int]) (int, error) {
			slow := &late{Context: ctx, wait: func() { <-aHears }}
			return within(slow, g, a, "X", load{do: func(_ context.Context, x *flight.Call[int]) (int, error) {
				go within(t.Context(), g, x, "C", load{})
				<-xEnds
				return 7, nil
			}})
		}})
		close(xEnds)
		synctest.Wait()
		close(cGoesOn)
		synctest.Wait()
		close(aHears)
		a().mustBe(t, 7)
		c().mustBe(t, 7)
	})
}
