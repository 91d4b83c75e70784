package scaling_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
	"github.com/tiermemo/tiermemo/prove/internal/scaling"
)

func TestMain(m *testing.M) {
	if env := os.Getenv(scaling.Env); env != "" {
		if err := scaling.Work(env); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What processes ask while they only listen: at rest, with more to hear than fits into
// one poll, and on several servers.
func TestPredictedPollsAreThoseOfAFleet(t *testing.T) {
	t.Parallel()
	for _, c := range []listening{
		{processes: 1, servers: 1, interval: 100 * time.Millisecond, seconds: 10},
		{processes: 7, servers: 1, interval: 250 * time.Millisecond, seconds: 10},
		{processes: 3, servers: 3, interval: 100 * time.Millisecond, seconds: 10},
		{processes: 3, servers: 1, interval: 100 * time.Millisecond, seconds: 30, told: 1, near: 0.01},
		{processes: 3, servers: 1, interval: 100 * time.Millisecond, seconds: 30, told: 8, near: 0.02},
		{processes: 2, servers: 1, interval: 100 * time.Millisecond, seconds: 20, told: 40, near: 0.03},
		{processes: 2, servers: 1, interval: 500 * time.Millisecond, seconds: 10, told: 400, near: 0.04},
		{processes: 2, servers: 3, interval: 100 * time.Millisecond, seconds: 10, told: 60, near: 0.03},
	} {
		t.Run(fmt.Sprintf("%d processes, %d servers, each %v, %v told", c.processes, c.servers, c.interval, c.told), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, c.play)
		})
	}
}

// listening is processes that hear of what one of them says.
type listening struct {
	processes int
	servers   int
	interval  time.Duration
	seconds   int
	told      float64 // in each interval, at random
	near      float64 // what chance may do
}

func (l listening) play(t *testing.T) {
	store := tiertest.NewFaulty(tiertest.NewMemory([]string{"a", "b", "c"}[:l.servers]...))
	var names atomic.Int64
	store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Before: func(_ context.Context, _ tiertest.Op, keys []string) { names.Add(int64(len(keys))) }})
	var caches []*memo.Cache
	for range l.processes {
		cache, err := memo.New(memo.Config{Prefix: "fleet", Shared: store, PollInterval: l.interval})
		must(t, err)
		defer func() { must(t, cache.Close(context.Background())) }()
		caches = append(caches, cache)
	}
	spent := func() (commands, keys float64) {
		return float64(store.Calls(tiertest.OpGetMulti) + store.Calls(tiertest.OpTouch)), float64(names.Load())
	}
	random := rand.New(rand.NewPCG(1, 2))
	time.Sleep(10*time.Second + l.interval/2) // they trust what they hear, and the next polls are half of an interval away
	commands, keys := spent()
	interval, at := l.interval.Seconds(), random.ExpFloat64()/l.told
	for i := range int(float64(l.seconds) / interval) {
		for ; at < float64(i+1); at += random.ExpFloat64() / l.told {
			must(t, memo.Invalidate(caches[0].With(t.Context()), memo.Key("user", random.IntN(1000))))
		}
		time.Sleep(l.interval)
	}
	after, asked := spent()

	f := scaling.Default()
	f.Processes, f.PollInterval, f.Keys, f.Servers = l.processes, l.interval, l.told/interval, l.servers
	load := scaling.Predict(f)
	// Polls and renewals; an invalidation asks for nothing.
	wantCommands, wantKeys := load.Server.Commands-3*f.Keys/float64(f.Servers), load.Server.Gets
	all := float64(l.seconds * f.Servers)
	if got, want := after-commands, wantCommands*all; !near(got, want, l.near) {
		t.Errorf("%v commands, predicted are %.1f", got, want)
	}
	if got, want := asked-keys, wantKeys*all; !near(got, want, l.near) {
		t.Errorf("%v keys, predicted are %.1f", got, want)
	}
}

// near allows for a thousandth, and for what chance may do.
func near(got, want, chance float64) bool { return math.Abs(got-want) <= want*(0.001+chance) }
