package features_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// What the tests of cacheme, of keyedcache and of memcached itself share: a look into
// the server, requests, and who waits for whom.

// aPoll is long enough, in a bubble, for every process to have heard of what was.
const aPoll = 150 * time.Millisecond

// betweenPolls waits, in a bubble, until a process is sure of what it has heard, and no
// poll of one that began when the bubble did, or at such a time, is due.
func betweenPolls() { time.Sleep(2*time.Second + 50*time.Millisecond) }

// bubble runs test with a clock of its own.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// request is a request of c, which ends with the test.
func request(tb testing.TB, c *memo.Cache) context.Context {
	tb.Helper()
	ctx, end := c.Begin(background)
	tb.Cleanup(end)
	return ctx
}

// together makes n calls at once, and returns when all have returned.
func together(n int, call func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { call(i) })
	}
	all.Wait()
}

// is fails unless err is want.
func is(tb testing.TB, what string, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Errorf("%s: %v, want %v", what, err, want)
	}
}

// forgetful is a process tier that keeps nothing, so that what is read twice is read
// from the request's memory or from the shared tier.
type forgetful struct{}

func (forgetful) Get(string) *tier.Entry            { return nil }
func (forgetful) Peek(string) *tier.Entry           { return nil }
func (forgetful) Set(string, *tier.Entry)           {}
func (forgetful) Delete(string)                     {}
func (forgetful) Clear()                            {}
func (forgetful) Len() int                          { return 0 }
func (forgetful) Cap() int                          { return 1 }
func (forgetful) OnEvict(func(string, *tier.Entry)) {}

// wired is a process on store by way of a wrapper that injects faults and counts.
func wired(tb testing.TB, store tier.Shared, change ...func(*memo.Config)) (*memo.Cache, context.Context, *tiertest.Faulty) {
	tb.Helper()
	wire := tiertest.NewFaulty(store)
	cfg := memo.Config{Shared: wire}
	for _, fn := range change {
		fn(&cfg)
	}
	c, ctx := bound(tb, cfg)
	_, err := memo.Get[int](ctx, "nothing") // the first question that a process asks is what others have invalidated
	is(tb, "an empty store", err, memo.ErrMiss)
	return c, ctx, wire
}

// withoutL2 gives a process a tier that keeps nothing.
func withoutL2(cfg *memo.Config) { cfg.Local = forgetful{} }

// pair is two other processes on s.
func pair(tb testing.TB, s *mcserver.Server, db rows) (a, b *process) {
	tb.Helper()
	all := start(tb, s, db, 2)
	return all[0], all[1]
}

// talk sends lines to a memcached and returns its answer up to the line that is last.
func talk(tb testing.TB, s *mcserver.Server, say, last string) (lines []string) {
	tb.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	must(tb, err)
	defer func() { must(tb, conn.Close()) }()
	_, err = fmt.Fprint(conn, say+"\r\n")
	must(tb, err)
	for answer := bufio.NewScanner(conn); answer.Scan(); {
		if answer.Text() == last {
			return lines
		}
		lines = append(lines, answer.Text())
	}
	tb.Fatalf("memcached did not answer %q to %q, but %q", last, say, lines)
	return nil
}

// stranger stores an item of another application, and returns what says that it is there.
func stranger(tb testing.TB, s *mcserver.Server) (there func()) {
	tb.Helper()
	talk(tb, s, "set somebody:else 0 0 4\r\nmine", "STORED")
	return func() {
		tb.Helper()
		if got := talk(tb, s, "get somebody:else", "END"); len(got) != 2 || got[1] != "mine" {
			tb.Errorf("the item of another application: %q", got)
		}
	}
}

// held are the keys that a memcached has. It lists them for an
// operator; a cache cannot live on that.
func held(tb testing.TB, s *mcserver.Server) (keys []string) {
	tb.Helper()
	for _, line := range talk(tb, s, "lru_crawler metadump all", "END") {
		if key, ok := strings.CutPrefix(strings.Fields(line)[0], "key="); ok {
			key, err := url.PathUnescape(key)
			must(tb, err)
			keys = append(keys, key)
		}
	}
	return keys
}
