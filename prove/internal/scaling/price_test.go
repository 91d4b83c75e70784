package scaling_test

// price_test.go holds what each thing costs, by the sheet, against the counters of
// real servers.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/prove/internal/scaling"
)

// seldom is no poll during a test.
const seldom = time.Minute

// open is a process on these memcached, which polls when it is asked to.
func open(t *testing.T, addresses ...string) *memo.Cache {
	t.Helper()
	client, err := memcached.NewFromConfig(memcached.Config{Servers: addresses, Timeout: seldom})
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

// servers are memcached, each with one thread: what it has answered it has counted, when
// it answers the next one.
type servers []*scaling.Gauge

func start(t *testing.T, n int) (all servers, addresses []string) {
	for range n {
		address := mcserver.ForTest(t, "-t", "1").Addr()
		even(t, address)
		gauge, err := scaling.NewGauge(address)
		must(t, err)
		t.Cleanup(func() { must(t, gauge.Close()) })
		all, addresses = append(all, gauge), append(addresses, address)
	}
	return all, addresses
}

// read returns what all of them have counted.
func (s servers) read(t *testing.T) (total scaling.Traffic) {
	for _, gauge := range s {
		c, err := gauge.Read()
		must(t, err)
		total = total.Plus(c.Traffic)
	}
	return total
}

func commands(c *memo.Cache) (n float64) {
	for _, node := range c.Snapshot().Nodes {
		n += float64(node.Ops)
	}
	return n
}

const many = 40

func ofUser(i int) string { return memo.Key("user", 1000000000+i) }

func readValue(ctx context.Context, key string) error {
	value := strings.Repeat("x", 100) // 101 bytes, as it is stored
	_, err := memo.Do(ctx, key, func(context.Context) (string, error) { return value, nil })
	return err
}

// priced is a thing that a process does, many times.
type priced struct {
	name    string
	fleet   func(f *scaling.Fleet) // many of them a second
	prepare func(ctx context.Context, i int) error
	run     func(ctx context.Context, i int) error
	told    func(ctx context.Context, i int) error // by another process, before
	polls   bool                                   // at the one server that there is
}

// Each thing that a process does costs the server what the sheet says, in each of its
// counters, and to the byte; and several servers together.
func TestPredictedPricesAreThoseOfTheServer(t *testing.T) {
	t.Parallel()
	const n = many
	key, read := ofUser, readValue
	for _, c := range []priced{
		{"load", func(f *scaling.Fleet) { f.Reads, f.Loads = n, 1 }, nil,
			func(ctx context.Context, i int) error { return read(ctx, key(i)) }, nil, false},
		{"hit", func(f *scaling.Fleet) { f.Reads = n },
			func(ctx context.Context, i int) error { return read(ctx, key(i)) },
			func(ctx context.Context, i int) error { return read(ctx, key(i)) }, nil, false},
		{"key that its writer reads again", func(f *scaling.Fleet) { f.Keys, f.Readers = n, 1 },
			func(ctx context.Context, i int) error { return read(ctx, key(i)) },
			func(ctx context.Context, i int) error {
				if err := memo.Invalidate(ctx, key(i)); err != nil {
					return err
				}
				return read(ctx, key(i))
			}, nil, false},
		{"key", func(f *scaling.Fleet) { f.Keys = n },
			func(ctx context.Context, i int) error { return read(ctx, key(i)) },
			func(ctx context.Context, i int) error { return memo.Invalidate(ctx, key(i)) }, nil, false},
		{"tag", func(f *scaling.Fleet) { f.Tags = n },
			func(ctx context.Context, i int) error { return memo.InvalidateTags(ctx, "team-42") },
			func(ctx context.Context, i int) error { return memo.InvalidateTags(ctx, "team-42") }, nil, false},
		{"tree", func(f *scaling.Fleet) { f.Trees = n },
			nil,
			func(ctx context.Context, i int) error { return memo.InvalidateTree(ctx, memo.Key("user")) }, nil, false},
		{"poll, and a hit after it", func(f *scaling.Fleet) { f.PollInterval, f.Reads = time.Second/n, n },
			func(ctx context.Context, i int) error { return read(ctx, key(0)) },
			func(ctx context.Context, i int) error { return read(memo.Fresh(ctx), key(0)) }, nil, true},
		{"key, the poll that hears of it, and a hit after it", func(f *scaling.Fleet) { f.PollInterval, f.Reads, f.Keys = time.Second/n, n, n },
			func(ctx context.Context, i int) error { return errors.Join(read(ctx, key(i)), read(ctx, key(n))) },
			func(ctx context.Context, i int) error { return read(memo.Fresh(ctx), key(n)) },
			func(ctx context.Context, i int) error { return memo.Invalidate(ctx, key(i)) }, true},
	} {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.hold(t, 1) })
		if !c.polls {
			t.Run(c.name+", three servers", func(t *testing.T) { t.Parallel(); c.hold(t, 3) })
		}
	}
}

// hold holds what c costs against what is predicted.
func (c *priced) hold(t *testing.T, servers int) {
	all, addresses := start(t, servers)
	here := open(t, addresses...)
	for i := range many { // with the marker of the tree, at each server
		must(t, readValue(here.With(t.Context()), ofUser(-1-i)))
	}
	there := open(t, addresses...) // of two that find new servers at once one may have to wait for its next poll
	for i := range many {
		if c.prepare != nil {
			must(t, c.prepare(there.With(t.Context()), i))
		}
	}
	for i := range many { // each has heard of the other
		for _, c := range []*memo.Cache{here, there} {
			must(t, readValue(memo.Fresh(c.With(t.Context())), ofUser(-1-i)))
		}
	}
	before, sent := all.read(t), commands(here)+commands(there)
	for i := range many {
		if c.told != nil {
			must(t, c.told(there.With(t.Context()), i))
		}
		must(t, c.run(here.With(t.Context()), i))
	}
	got := all.read(t).Plus(before.Times(-1))
	got.Commands = commands(here) + commands(there) - sent

	f := scaling.Default()
	f.Servers, f.PollInterval = servers, seldom
	f.Sizes = scaling.Sizes{Prefix: 5, Name: 4, Key: 15, Tag: 7, Value: 101, CAS: 4, Server: len("127.0.0.1:40000")}
	rest := scaling.Predict(f)
	renewals := rest.Server.Plus(rest.Polls.Times(-1)) // each second
	c.fleet(&f)
	load := scaling.Predict(f)
	want := load.Server.Plus(renewals.Times(-1))
	if !c.polls {
		want = want.Plus(load.Polls.Times(-1))
	}
	want = round(want.Times(float64(servers)).Plus(renewals.Times(2 * got.Touches))) // a poll renews when it is time to, on a busy machine
	if c.told != nil && math.Abs(got.Gets-want.Gets) < want.Gets/50 && math.Abs(got.In-want.In) < want.In/50 {
		want.Gets, want.In = got.Gets, got.In // what is told at random is predicted to need a little more room than one record in each poll
	}
	if got != want {
		t.Errorf("%d of them cost\n%+v, predicted are\n%+v", many, got, want)
	}
}

// A process that begins on several servers where others are already reads their counters,
// and renews its list at each.
func TestPredictedRenewalsAreThoseOfTheServers(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 5} {
		t.Run(fmt.Sprint("of ", n), func(t *testing.T) {
			t.Parallel()
			all, addresses := start(t, n)
			first := open(t, addresses...)
			miss := func(c *memo.Cache) {
				if _, err := memo.Get[string](c.With(t.Context()), ofUser(0)); !errors.Is(err, memo.ErrMiss) {
					t.Fatal(err)
				}
			}
			miss(first)
			before := all.read(t)
			second := open(t, addresses...)
			miss(second)
			got := all.read(t).Plus(before.Times(-1))
			got.Commands = commands(second)

			f := scaling.Default()
			f.Servers, f.PollInterval = n, seldom
			f.Sizes = scaling.Sizes{Prefix: 5, Name: 4, Key: 15, Tag: 7, Value: 101, CAS: 4, Server: len("127.0.0.1:40000")}
			load := scaling.Predict(f)
			want := load.Server.Plus(load.Polls.Times(-1)).Times(2 * float64(n)) // each two seconds
			const counter = "VALUE fleet:seq 0 19 1234\r\n1234567890123456789\r\nEND\r\n"
			want = want.Plus(scaling.Traffic{Commands: 1, Gets: 1, In: float64(len("gets fleet:seq\r\n")), Out: float64(len(counter))}.Times(float64(n)))
			want = want.Plus(scaling.Traffic{Commands: 1, Gets: 3, In: float64(len("gets fleet:r:user fleet:seq fleet:v:user:1000000001\r\n")), Out: float64(len(counter))})
			if want = round(want); got != want {
				t.Errorf("it cost\n%+v, predicted are\n%+v", got, want)
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
