package memo_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Values that the shared tier cannot hold stay in L1 and L2, and hold up nobody;
// and what is said about any of this names no key.

// diary is a log that a test reads.
type diary struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.Write(p)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.text.String()
}

// begun waits for the first line: a goroutine of its own writes it. In a bubble a
// sleep would be time that passes.
func (d *diary) begun() {
	for d.String() == "" {
		runtime.Gosched()
	}
}

func (d *diary) logger() *slog.Logger { return slog.New(slog.NewTextHandler(d, nil)) }

const secret = "token:0a1b2c3d"

// staysHere loads a value that the shared tier cannot hold, in two processes.
// text is what the log says about it, once.
func staysHere[T any](t *testing.T, open func(*slog.Logger) *memo.Cache, place func() tier.Item, text string, v T, same func(T) bool) {
	t.Helper()
	for _, verb := range []string{"Do", "Set"} {
		log, runs := &diary{}, 0
		a, b := open(log.logger()), open(quiet)
		ctx, end := a.Begin(context.Background())
		defer end()
		load := func(context.Context) (T, error) { runs++; return v, nil }
		if verb == "Set" {
			must(t, memo.Set(ctx, secret, v))
			runs++
		}
		for _, ctx := range []context.Context{ctx, ctx, a.With(context.Background()), a.With(context.Background())} {
			if got, err := memo.Do(ctx, secret, load); err != nil || !same(got) {
				t.Fatalf("%s: got %.40v, %v", verb, got, err)
			}
		}
		if runs != 1 {
			t.Errorf("%s: %d runs in one process, want 1: it is in L1 and L2", verb, runs)
		}
		if item := place(); item.Found() {
			t.Errorf("%s: the shared tier has an item of %d bytes, kind %d, want none and no lease", verb, len(item.Value), wire.KindOf(item.Value))
		}
		if got, err := memo.Do(b.With(context.Background()), secret, load); err != nil || !same(got) || runs != 2 {
			t.Errorf("%s: another process got %.40v, %v after %d runs, want its own load", verb, got, err, runs)
		}
		must(t, a.Invalidate(context.Background(), secret))
		if _, err := memo.Do(a.With(context.Background()), secret, load); err != nil || runs != 3 {
			t.Errorf("%s: after Invalidate %d runs, %v", verb, runs, err)
		}
		log.begun()
		if said := log.String(); strings.Count(said, text) != 1 || strings.Count(said, "\n") != 1 || strings.Contains(said, "0a1b2c3d") {
			t.Errorf("%s: the log says\n%s\nwant %q once, and no key", verb, said, text)
		}
		must(t, b.Invalidate(context.Background(), secret))
	}
}

func TestValueThatTheCodecCannotCarry(t *testing.T) {
	t.Parallel()
	type lossy struct {
		Name   string
		secret int
	}
	type text struct{ S string }
	for name, run := range map[string]func(t *testing.T, open func(*slog.Logger) *memo.Cache, place func() tier.Item){
		"a type with an unexported field": func(t *testing.T, open func(*slog.Logger) *memo.Cache, place func() tier.Item) {
			staysHere(t, open, place, "values of a type stay out of the shared tier", lossy{"Ada", 7}, func(v lossy) bool { return v == lossy{"Ada", 7} })
		},
		"a channel": func(t *testing.T, open func(*slog.Logger) *memo.Cache, place func() tier.Item) {
			ch := make(chan int)
			staysHere(t, open, place, "values of a type stay out of the shared tier", ch, func(v chan int) bool { return v == ch })
		},
		"NaN": func(t *testing.T, open func(*slog.Logger) *memo.Cache, place func() tier.Item) {
			staysHere(t, open, place, "the codec refused a value", math.NaN(), func(v float64) bool { return v != v })
		},
		"a string that is not UTF-8": func(t *testing.T, open func(*slog.Logger) *memo.Cache, place func() tier.Item) {
			staysHere(t, open, place, "the codec refused a value", text{"a\xff"}, func(v text) bool { return v.S == "a\xff" })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				open := func(l *slog.Logger) *memo.Cache {
					c, _ := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.Logger = l })
					return c
				}
				begin := time.Now()
				run(t, open, func() tier.Item { return f.item(t, "t:v:"+secret) })
				if waited := time.Since(begin); waited > 0 {
					t.Errorf("somebody waited %v for a lease that nobody holds", waited)
				}
			})
		})
	}
}

func TestValueTooLargeForMemcached(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	watch := dial(t, server)
	defer watch.Close()
	open := func(l *slog.Logger) *memo.Cache {
		c := newCache(t, patient(memo.Config{Prefix: "t", Shared: dial(t, server), Logger: l}))
		_, _ = memo.Get[int](c.With(context.Background()), "first") // the poller has been there
		return c
	}
	place := func() tier.Item {
		items := make([]tier.Item, 1)
		must(t, watch.Nodes()[0].GetMulti(context.Background(), []string{"t:v:" + secret}, items))
		return items[0]
	}
	large := strings.Repeat("large", 1<<18)
	staysHere(t, open, place, "the shared tier refused a value", large, func(v string) bool { return v == large })
}

// 1. a process begins, and its first call is a Set
// 2. its poller reads the log for the first time, and forgets what is in flight
// 3. the Set ends: it has begun after everything that the log tells
func TestSetThatIsTheFirstCallOfItsProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := tiertest.NewFaulty(tiertest.NewMemory())
		store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Times: 1, Delay: 10 * time.Millisecond})
		c := newCache(t, memo.Config{Prefix: "t", Shared: store})
		ctx, end := c.Begin(context.Background())
		defer end()
		ch := make(chan int)
		must(t, memo.Set(ctx, "k", ch))
		time.Sleep(time.Second) // the first poll has ended, and those that follow
		for where, ctx := range map[string]context.Context{"its request": ctx, "its process": c.With(context.Background())} {
			if got, err := memo.Get[chan int](ctx, "k"); got != ch || err != nil {
				t.Errorf("%s reads %v, %v, want what was set", where, got, err)
			}
		}
	})
}

func TestErrorsAndLogsNameNoKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, log := newFleet(), &diary{}
		c, store := f.process(t, func(cfg *memo.Config) { cfg.Logger = log.logger() })
		ctx := c.With(context.Background())
		f.db.do(t, ctx, secret)
		remove := store.Inject(tiertest.Fault{Err: errDown})
		err := memo.Invalidate(ctx, secret)
		var te *memo.TierError
		if !errors.Is(err, memo.ErrDeferred) || !errors.As(err, &te) || te.Tier != "memory" || te.Op == "" || !errors.Is(err, errDown) {
			t.Errorf("Invalidate: %v, want ErrDeferred with a *TierError of what failed", err)
		}
		said := err.Error()
		if err := memo.Set(ctx, secret, 2); err != nil {
			said += err.Error()
		}
		f.db.do(t, ctx, secret)
		time.Sleep(3 * time.Second)
		remove()
		time.Sleep(3 * time.Second)
		f.db.do(t, ctx, secret)
		_, err = memo.Do(ctx, secret, func(context.Context) (int, error) { return 0, nil }, memo.TTL(-1))
		said += err.Error()
		said += log.String()
		if strings.Contains(said, "0a1b2c3d") {
			t.Errorf("a key is shown:\n%s", said)
		}
		if !strings.Contains(said, "does not answer") || !strings.Contains(said, "answers again") {
			t.Errorf("the outage is not in the log:\n%s", said)
		}
	})
}
