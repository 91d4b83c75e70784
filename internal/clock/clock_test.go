package clock_test

import (
	"runtime"
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
			case (now-1)%tick != 0:
				t.Fatalf("Now is %d: the clock fell asleep although it is read", now)
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
		for i := range 100 {
			c := clock.New()
			c.Now()
			time.Sleep([]time.Duration{0, 3, clock.Tick, 5 * clock.Tick}[i%4])
			at := c.Exact()
			c.Stop()
			c.Stop()
			if took := c.Exact() - at; took != 0 {
				t.Errorf("Stop took %v: it waited for a tick to come", time.Duration(took))
			}
			for range 4 {
				if got, want := c.Now(), c.Exact(); got != want {
					t.Errorf("Now is %d, want %d", got, want)
				}
				time.Sleep(clock.Tick / 3)
			}
		}
		clock.New().Stop() // never read
	})
}

// A reader that wakes the clock must not store a time from before it got the
// lock: another may have woken it meanwhile, and read a later one.
func TestWakingReaderTakesTheTimeOfItsTurn(t *testing.T) {
	t.Parallel()
	c := clock.New()
	defer c.Stop()
	clock.Lock(c)
	got := make(chan int64)
	go func() { got <- c.Now() }()
	for start := c.Exact(); c.Exact() < start+tick/2; { // the reader comes to the lock
		runtime.Gosched()
	}
	turn := c.Exact()
	clock.Unlock(c)
	if now := <-got; now < turn {
		t.Errorf("the reader stored %d, when it was %d already", now, turn)
	}
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
