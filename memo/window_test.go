package memo_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What polls ask for, by how much there is to hear: commands, and the names in them.

// spent is what a process has asked for, and heard of.
type spent struct{ commands, names, heard int }

// hearing is a process that only polls, beside one that invalidates, and what it has
// spent since the last time that this was asked.
func hearing(t *testing.T) (since func() spent, writer *memo.Cache) {
	f := newFleet()
	here, wire := f.process(t)
	var names atomic.Int64
	wire.Inject(tiertest.Fault{Before: func(_ context.Context, _ tiertest.Op, keys []string) { names.Add(int64(len(keys))) }})
	writer, _ = f.process(t)
	between()
	var before spent
	since = func() spent {
		now := spent{wire.Calls(""), int(names.Load()), int(here.Snapshot().Total.Invalidations.Peer)}
		d := spent{now.commands - before.commands, now.names - before.names, now.heard - before.heard}
		before = now
		return d
	}
	since()
	return since, writer
}

const polls = 10 // in a second

// At an even rate a poll is one command, and has a quarter of its names and six to spare.
func TestPollsAskForAsMuchAsTheyFind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rate, names int }{{0, 9}, {40, 1 + 11}, {80, 1 + 16}, {160, 1 + 26}, {640, 1 + 86}, {2000, 1 + 256}} {
		t.Run(fmt.Sprint(c.rate, " records a second"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				since, writer := hearing(t)
				for i := range polls {
					for range c.rate / polls {
						must(t, writer.Invalidate(context.Background(), "k"))
					}
					time.Sleep(time.Second / polls)
					want := spent{1, c.names, c.rate / polls}
					if got := since(); i > 0 && got != want { // the first one does not know yet
						t.Errorf("poll %d: %+v, want %+v", i, got, want)
					}
				}
			})
		})
	}
}

// Invalidations that come at random take another command now and then: at each rate the
// most that a poll may ask for, on average, of both.
func TestPollsOfWhatComesAtRandom(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate            float64
		commands, names float64
	}{{40, 1.02, 13}, {80, 1.06, 19}, {160, 1.08, 30}, {640, 1.08, 92}} {
		t.Run(fmt.Sprint(c.rate, " records a second"), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				since, writer := hearing(t)
				random := rand.New(rand.NewPCG(1, 2))
				const seconds = 20
				for end := time.Now().Add(seconds * time.Second); ; {
					time.Sleep(min(time.Duration(random.ExpFloat64()/c.rate*float64(time.Second)), time.Until(end)))
					if !time.Now().Before(end) {
						break
					}
					must(t, writer.Invalidate(context.Background(), "k"))
				}
				got := since()
				commands, names := float64(got.commands)/seconds/polls, float64(got.names)/seconds/polls
				if commands > c.commands || names > c.names {
					t.Errorf("%.3f commands and %.1f names a poll, want at most %v and %v", commands, names, c.commands, c.names)
				}
			})
		})
	}
}

// After a burst the next poll has room for another one, and the one after it has not.
func TestABurstIsHeardInOnePollAndForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		since, writer := hearing(t)
		for _, c := range []struct {
			records int
			want    spent
		}{
			{0, spent{1, 9, 0}},
			{4000, spent{17, 9 + 15*257 + 1 + 152 + 38 + 6, 4000}},
			{0, spent{1, 257, 0}},
			{0, spent{1, 9, 0}},
		} {
			for range c.records {
				must(t, writer.Invalidate(context.Background(), "k"))
			}
			time.Sleep(time.Second / polls)
			if got := since(); got != c.want {
				t.Errorf("%d records: %+v, want %+v", c.records, got, c.want)
			}
		}
	})
}
