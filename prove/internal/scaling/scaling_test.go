package scaling_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
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

// seldom is no poll during a test.
const seldom = time.Minute

// open is a process on the memcached at address, which polls when it is asked to.
func open(t *testing.T, address string) *memo.Cache {
	t.Helper()
	client, err := memcached.NewFromConfig(memcached.Config{Servers: []string{address}, Timeout: seldom})
	must(t, err)
	cache, err := memo.New(memo.Config{
		Prefix: "fleet", Shared: client, PollInterval: seldom, StaleBound: 2 * seldom,
		ReadTimeout:  seldom, // a busy machine is no absent server
		WriteTimeout: seldom, // a new process trusts its L2 after twice that, so that what is read again is read from memcached
	}, memo.TTL(10*time.Minute))
	must(t, err)
	t.Cleanup(func() { must(t, cache.Close(context.Background())) })
	return cache
}

// even makes the length of all numbers on the wire known: CAS ids have four digits, and
// the numbers of the log thirteen.
func even(t *testing.T, address string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	must(t, err)
	defer c.Close()
	text := strings.Repeat("set x 0 0 1 noreply\r\n1\r\n", 1000) + "set fleet:seq 0 0 19 noreply\r\n9000000000000000000\r\nversion\r\n"
	_, err = c.Write([]byte(text))
	must(t, err)
	_, err = bufio.NewReader(c).ReadString('\n')
	must(t, err)
}

// Each thing that a process does costs the server what the sheet says, in each of its
// counters, and to the byte.
func TestPredictedPricesAreThoseOfTheServer(t *testing.T) {
	t.Parallel()
	const n = 40
	key := func(i int) string { return memo.Key("user", 1000000000+i) }
	value := strings.Repeat("x", 100) // 101 bytes, as it is stored
	read := func(ctx context.Context, key string) error {
		_, err := memo.Do(ctx, key, func(context.Context) (string, error) { return value, nil })
		return err
	}
	for _, c := range []struct {
		name    string
		fleet   func(f *scaling.Fleet) // n of them a second
		prepare func(ctx context.Context, i int) error
		run     func(ctx context.Context, i int) error
		told    func(ctx context.Context, i int) error // by another process, before
	}{
		{"load", func(f *scaling.Fleet) { f.Reads, f.Loads = n, 1 }, nil,
			func(ctx context.Context, i int) error { return read(ctx, key(i)) }, nil},
		{"hit", func(f *scaling.Fleet) { f.Reads = n },
			func(ctx context.Context, i int) error { return read(ctx, key(i)) },
			func(ctx context.Context, i int) error { return read(ctx, key(i)) }, nil},
		{"key that its writer reads again", func(f *scaling.Fleet) { f.Keys, f.Readers = n, 1 },
			func(ctx context.Context, i int) error { return read(ctx, key(i)) },
			func(ctx context.Context, i int) error {
				if err := memo.Invalidate(ctx, key(i)); err != nil {
					return err
				}
				return read(ctx, key(i))
			}, nil},
		{"key", func(f *scaling.Fleet) { f.Keys = n },
			func(ctx context.Context, i int) error { return read(ctx, key(i)) },
			func(ctx context.Context, i int) error { return memo.Invalidate(ctx, key(i)) }, nil},
		{"tag", func(f *scaling.Fleet) { f.Tags = n },
			func(ctx context.Context, i int) error { return memo.InvalidateTags(ctx, "team-42") },
			func(ctx context.Context, i int) error { return memo.InvalidateTags(ctx, "team-42") }, nil},
		{"tree", func(f *scaling.Fleet) { f.Trees = n },
			nil,
			func(ctx context.Context, i int) error { return memo.InvalidateTree(ctx, memo.Key("user")) }, nil},
		{"poll, and a hit after it", func(f *scaling.Fleet) { f.PollInterval, f.Reads = time.Second/n, n },
			func(ctx context.Context, i int) error { return read(ctx, key(0)) },
			func(ctx context.Context, i int) error { return read(memo.Fresh(ctx), key(0)) }, nil},
		{"key, the poll that hears of it, and a hit after it", func(f *scaling.Fleet) { f.PollInterval, f.Reads, f.Keys = time.Second/n, n, n },
			func(ctx context.Context, i int) error { return errors.Join(read(ctx, key(i)), read(ctx, key(n))) },
			func(ctx context.Context, i int) error { return read(memo.Fresh(ctx), key(n)) },
			func(ctx context.Context, i int) error { return memo.Invalidate(ctx, key(i)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := mcserver.ForTest(t, "-t", "1") // one thread: what it has answered it has counted, when it answers the next one
			even(t, server.Addr())
			here, there := open(t, server.Addr()), open(t, server.Addr())
			must(t, read(here.With(t.Context()), key(-1))) // with the marker of the tree
			for i := range n {
				if c.prepare != nil {
					must(t, c.prepare(there.With(t.Context()), i))
				}
			}
			for _, c := range []*memo.Cache{here, there} { // each has heard of the other
				must(t, read(memo.Fresh(c.With(t.Context())), key(-1)))
			}
			gauge, err := scaling.NewGauge(server.Addr())
			must(t, err)
			defer gauge.Close()
			before, err := gauge.Read()
			must(t, err)
			commands := func() uint64 { return here.Snapshot().Nodes[0].Ops + there.Snapshot().Nodes[0].Ops }
			sent := commands()
			for i := range n {
				if c.told != nil {
					must(t, c.told(there.With(t.Context()), i))
				}
				must(t, c.run(here.With(t.Context()), i))
			}
			after, err := gauge.Read()
			must(t, err)

			f := scaling.Default()
			f.PollInterval = seldom
			f.Sizes = scaling.Sizes{Prefix: 5, Name: 4, Key: 15, Tag: 7, Value: 101, CAS: 4}
			c.fleet(&f)
			load := scaling.Predict(f)
			want := load.Server
			if f.PollInterval == seldom {
				want = want.Plus(load.Polls.Times(-1))
			}
			got := after.Traffic.Plus(before.Traffic.Times(-1))
			got.Commands = float64(commands() - sent)
			if got != round(want) {
				t.Errorf("%d of them cost\n%+v, predicted are\n%+v", n, got, want)
			}
		})
	}
}

// round takes away what floating point has added.
func round(t scaling.Traffic) scaling.Traffic {
	for _, f := range []*float64{&t.Commands, &t.Gets, &t.Sets, &t.Deletes, &t.Incrs, &t.Touches, &t.In, &t.Out} {
		*f = math.Round(*f)
	}
	return t
}

// counting is a Node that counts.
type counting struct {
	tier.Node
	calls, keys atomic.Int64
}

func (c *counting) GetMulti(ctx context.Context, keys []string, items []tier.Item) error {
	c.calls.Add(1)
	c.keys.Add(int64(len(keys)))
	return c.Node.GetMulti(ctx, keys, items)
}

// What processes ask while they only listen, at rest and with more to hear than fits
// into one poll.
func TestPredictedPollsAreThoseOfAFleet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		processes int
		interval  time.Duration
		told      int // in each interval; what is predicted for that many at random is close enough where nearly none has 8 or fewer
		rest      time.Duration
	}{
		{processes: 1, interval: 100 * time.Millisecond, rest: 10 * time.Second},
		{processes: 7, interval: 250 * time.Millisecond, rest: 10 * time.Second},
		{processes: 3, interval: 100 * time.Millisecond, rest: 10 * time.Second, told: 1},
		{processes: 3, interval: 100 * time.Millisecond, rest: 10 * time.Second, told: 40},
		{processes: 2, interval: 500 * time.Millisecond, rest: 10 * time.Second, told: 400},
	} {
		t.Run(fmt.Sprintf("%d processes, each %v, %d told", c.processes, c.interval, c.told), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { play(t, c.processes, c.interval, c.told, c.rest) })
		})
	}
}

func play(t *testing.T, processes int, interval time.Duration, told int, rest time.Duration) {
	node := &counting{Node: tiertest.NewMemory().Nodes()[0]}
	var caches []*memo.Cache
	for range processes {
		cache, err := memo.New(memo.Config{Prefix: "fleet", Shared: tier.Single(node), PollInterval: interval, StaleBound: 2 * time.Second})
		must(t, err)
		defer func() { must(t, cache.Close(context.Background())) }()
		caches = append(caches, cache)
	}
	time.Sleep(2*time.Second + interval/2) // they trust what they hear, and the next polls are half of an interval away
	calls, keys := node.calls.Load(), node.keys.Load()
	for range int(rest / interval) {
		for i := range told {
			must(t, memo.Invalidate(caches[0].With(t.Context()), memo.Key("user", i)))
		}
		time.Sleep(interval)
	}
	calls, keys = node.calls.Load()-calls, node.keys.Load()-keys

	f := scaling.Default()
	f.Processes, f.PollInterval, f.Keys = processes, interval, float64(told)/interval.Seconds()
	want := scaling.Predict(f).Polls.Times(rest.Seconds())
	if !near(float64(calls), want.Commands) || !near(float64(keys), want.Gets) {
		t.Errorf("%d commands and %d keys, predicted are %.1f and %.1f", calls, keys, want.Commands, want.Gets)
	}
}

// near allows for a thousandth.
func near(got, want float64) bool { return math.Abs(got-want) <= want/1000 }
