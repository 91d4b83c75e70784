package clock_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const tick = int64(clock.Tick)

func TestNowLagsByATickAtMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		defer c.Stop()
		lagged := false
		for last := int64(0); c.Exact() < int64(time.Second); {
			now := c.Now()
			synctest.Wait() // a tick that is due has run
			switch lag := c.Exact() - now; {
			case now < last:
				t.Fatalf("Now went back from %d to %d", last, now)
			case lag < 0 || lag > tick:
				t.Fatalf("Now lags by %v", time.Duration(lag))
			case lag > 0:
				lagged = true
			}
			last = now
			time.Sleep(700 * time.Microsecond)
		}
		if !lagged {
			t.Error("Now is never behind: it is not coarse")
		}
	})
}

// After a pause of any length the first reader has the time, not the one of
// before the pause.
func TestSleepingClockWakesWithTheTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		defer c.Stop()
		for _, pause := range []time.Duration{
			0, 1, clock.Tick, clock.Tick + 1, 2 * clock.Tick, 2*clock.Tick + 1, 3 * clock.Tick, 45 * 24 * time.Hour, 1,
		} {
			time.Sleep(pause)
			synctest.Wait()
			if lag := c.Exact() - c.Now(); lag < 0 || lag > tick {
				t.Errorf("after %v Now lags by %v", pause, time.Duration(lag))
			}
		}
	})
}

// Under fake time, whoever still has a timer is woken for each tick; a leap of
// 45 days would be 388 million of them, and this test would not end.
func TestClockThatNobodyReadsHasNoTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		defer c.Stop()
		for range 3 {
			c.Now()
			time.Sleep(45 * 24 * time.Hour)
		}
	})
}

func TestFirstReadingIsATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.New()
		defer c.Stop()
		if now := c.Now(); now != 1 || c.Exact() != 1 {
			t.Errorf("a new clock stands at %d, exactly %d, want 1: 0 means asleep", now, c.Exact())
		}
	})
}

func TestStoppedClockIsExact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, pause := range []time.Duration{0, 3, clock.Tick, 5 * clock.Tick} {
			c := clock.New()
			c.Now()
			time.Sleep(pause)
			c.Stop()
			c.Stop()
			for range 10 {
				if got, want := c.Now(), c.Exact(); got != want {
					t.Errorf("Now is %d, want %d", got, want)
				}
				time.Sleep(clock.Tick / 3)
			}
		}
		clock.New().Stop() // never read
	})
}

// On real time, so that readers, ticks and Stop meet as they like. What is left
// running is found by goleak and, as fake time cannot, by the race detector.
func TestReadersOnManyCores(t *testing.T) {
	t.Parallel()
	c := clock.New()
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for last := int64(0); last < 5*tick; {
				now := c.Now()
				if now < last {
					t.Errorf("Now went back from %d to %d", last, now)
					return
				}
				if exact := c.Exact(); now > exact {
					t.Errorf("Now is %d, ahead of %d", now, exact)
					return
				}
				last = now
			}
		})
	}
	readers.Wait()
	for range 4 {
		readers.Go(func() {
			for range 1000 {
				c.Now()
			}
		})
	}
	c.Stop()
	readers.Wait()
}

func BenchmarkNow(b *testing.B) {
	c := clock.New()
	defer c.Stop()
	b.ReportAllocs()
	for b.Loop() {
		c.Now()
	}
}

func BenchmarkNowParallel(b *testing.B) {
	c := clock.New()
	defer c.Stop()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c.Now()
		}
	})
}

func BenchmarkExact(b *testing.B) {
	c := clock.New()
	defer c.Stop()
	for b.Loop() {
		c.Exact()
	}
}
