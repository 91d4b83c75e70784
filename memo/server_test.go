package memo_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/memcached"
)

// Real memcached, in real time. What memo does when a server is slow is shown
// with virtual time in outage_test.go; here a machine that is busy must not be
// taken for a server that is away, so that all budgets are out of reach.

const patience = time.Minute

// patient gives the shared tier time, and the process tier too: an entry is not
// refused because the poller was late.
func patient(cfg memo.Config) memo.Config {
	cfg.StaleBound, cfg.ReadTimeout, cfg.WriteTimeout = patience, patience, patience
	return cfg
}

// dial returns a client of s as patient as that. The cache that gets it closes it.
func dial(tb testing.TB, s *mcserver.Server) *memcached.Client {
	tb.Helper()
	c, err := memcached.NewFromConfig(memcached.Config{Servers: []string{s.Addr()}, Timeout: patience})
	must(tb, err)
	return c
}

func TestMemcachedThatIsNotThereAtTheStart(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	must(t, server.Kill())
	log, db := &diary{}, newDatabase()
	c := newCache(t, patient(memo.Config{Prefix: "t", Shared: dial(t, server), Logger: log.logger()}))
	ctx, end := c.Begin(context.Background())
	defer end()
	for range 20 {
		db.do(t, ctx, "k")
		if v := db.do(t, c.With(context.Background()), "other"); v != 0 {
			t.Fatal(v)
		}
	}
	if n := db.queries("k"); n != 1 {
		t.Errorf("one request ran fn %d times without the server, want 1", n)
	}
	db.write("k")
	if err := memo.Invalidate(ctx, "k"); !errors.Is(err, memo.ErrDeferred) {
		t.Errorf("Invalidate: %v, want ErrDeferred", err)
	}
	if v := db.do(t, ctx, "k"); v != 1 {
		t.Errorf("after Invalidate the request reads version %d, want 1", v)
	}
	log.begun()
	if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "does not answer") {
		t.Errorf("the log says\n%s\nwant one line that the server does not answer", said)
	}

	must(t, server.Restart())
	for range time.Tick(time.Millisecond) {
		if strings.Contains(log.String(), "answers again") {
			break
		}
	}
	if n := c.Snapshot().Nodes[0].Pending; n != 0 {
		t.Errorf("%d invalidations wait for a server that answers", n)
	}
	if said := log.String(); strings.Count(said, "\n") != 2 {
		t.Errorf("the log says\n%s\nwant a second line that the server answers again, and no more", said)
	}
}
