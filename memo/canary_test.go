package memo_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Keys and values may be secrets, and logs are read by others: no message and no
// error text has one. The tests of this file are not parallel: some messages go to
// slog.Default.

// A canary is a piece of each key, of each value, and of each error of a loader.
const canary = "c4n4ry"

// canaryKeys are keys as programs make them: a token alone, a name and an
// identifier, a long one, and one that is too long.
var canaryKeys = []string{
	canary, memo.Key("user", canary), memo.Key("file", strings.Repeat(canary, 100)),
	strings.Repeat(canary, 20_000), memo.Key(strings.Repeat(canary, 20_000), 7),
}

// shy is a value that its own codec does not carry, and says why at length.
type shy struct{ Text string }

func (s shy) MarshalJSON() ([]byte, error)     { return nil, errors.New("cannot write " + s.Text) }
func (s *shy) UnmarshalJSON(data []byte) error { return errors.New("cannot read " + string(data)) }

// birdwatcher collects the texts of errors.
type birdwatcher struct {
	mu    sync.Mutex
	texts []string
}

func (b *birdwatcher) hear(errs ...error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, err := range errs {
		if err != nil {
			b.texts = append(b.texts, err.Error())
		}
	}
}

// find fails the test for each text that has the canary, and unless all parts
// were said.
func (b *birdwatcher) find(t *testing.T, log string, parts ...string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	all := log + strings.Join(b.texts, "\n")
	for line := range strings.Lines(all) {
		if strings.Contains(line, canary) {
			t.Errorf("a key, a value or a loader's error is shown: %.300s", line)
		}
	}
	for _, part := range parts {
		if !strings.Contains(all, part) {
			t.Errorf("nobody said %q, so the test shows nothing of it:\n%.3000s", part, all)
		}
	}
}

// everyCall does with key whatever there is, right and wrong.
func (b *birdwatcher) everyCall(ctx context.Context, c *memo.Cache, key string) {
	loaded := func(context.Context) (string, error) { return canary, nil }
	own := errors.New(canary)
	do := func(_ string, err error) {
		if !errors.Is(err, own) { // which belongs to the loader, and comes back as it is
			b.hear(err)
		}
	}
	do(memo.Do(ctx, key, func(context.Context) (string, error) { return "", own }))
	do(memo.Do(ctx, key, loaded))
	do(memo.Do(ctx, key, loaded, memo.TTL(-1)))
	do(memo.Do(ctx, key, loaded, memo.Clone(func(int) int { return 0 })))
	do(memo.Do[string](ctx, key, nil))
	do(memo.Do(ctx, key+"r", func(ctx context.Context) (string, error) { return memo.Do(ctx, key+"r", loaded) }))
	_, err := memo.Get[int](ctx, key)
	b.hear(err)
	_, err = memo.Get[string](ctx, key+"absent")
	b.hear(err)
	_, err = memo.Do(ctx, key+"s", func(context.Context) (shy, error) { return shy{canary}, nil })
	b.hear(err)
	_, err = memo.Do(ctx, key+"l", func(context.Context) (struct{ text string }, error) { return struct{ text string }{canary}, nil })
	b.hear(err, memo.Set(ctx, key, canary), memo.Set(ctx, key, shy{canary}), memo.Set(ctx, key, canary, memo.TTL(0)),
		memo.Invalidate(ctx, key, key+"2"), memo.InvalidateAll(ctx))
	if c != nil {
		limited, cancel := context.WithTimeout(ctx, 2*time.Second) // a cache that is closed has no LoadTimeout
		defer cancel()
		do(memo.Do(limited, key+"t", func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() }, memo.LoadTimeout(time.Second)))
		b.hear(c.Invalidate(ctx, key), c.InvalidateAll(ctx))
	}
}

func TestNoKeyAndNoValueInAnyText(t *testing.T) {
	log, b := listen(t), &birdwatcher{}
	for _, key := range canaryKeys {
		b.everyCall(context.Background(), nil, key)
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, store := f.process(t, func(cfg *memo.Config) { cfg.Logger = slog.Default() })
		request, end := c.Begin(context.Background())
		defer end()
		for _, key := range canaryKeys {
			b.everyCall(request, c, key)
			b.everyCall(c.With(context.Background()), c, key)
		}
		for _, damage := range []string{canary, `"` + canary + `"`, ""} { // what stands where a value did
			place := "t:v:" + canary
			_, err := memo.Do(request, canary, func(context.Context) (string, error) { return canary, nil })
			b.hear(err, f.store.Nodes()[0].Delete(context.Background(), place), f.store.Nodes()[0].Add(context.Background(), place, []byte(damage), time.Hour))
			b.everyCall(c.With(context.Background()), c, canary)
		}
		for _, fault := range []tiertest.Fault{{Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Err: tier.ErrRefused}, {Hang: true}, {Err: errDown}} {
			remove := store.Inject(fault)
			for _, key := range canaryKeys {
				b.everyCall(c.With(context.Background()), c, key)
			}
			time.Sleep(5 * time.Second)
			remove()
			time.Sleep(2 * time.Minute)
		}
		remove := store.Inject(tiertest.Fault{Err: errDown})
		b.hear(c.Invalidate(request, canary), c.Close(context.Background()), c.Close(context.Background()))
		for _, key := range canaryKeys {
			b.everyCall(request, c, key)
		}
		remove()
	})
	b.find(t, log.String(), "a call ran uncached", "does not answer", "answers again", "new epoch", "of a type stay out", "the codec refused a value",
		"the shared tier refused a value", "left_out=", "fn is nil", "TTL of -1ns", "Clone has a", "more than 65536", "holds string, not int",
		memo.ErrMiss.Error(), memo.ErrNoCache.Error(), memo.ErrClosed.Error(), memo.ErrDeferred.Error(), memo.ErrRecursive.Error(), "longer than its limit")
}

// A server, or a proxy before it, may answer with what it was asked.
func TestServerThatEchoesShowsNoKeyAndNoValue(t *testing.T) {
	for name, reply := range map[string]string{
		"as it is":      "%s\r\n",
		"as an error":   "ERROR %s\r\n",
		"as one word":   "ERROR%s\r\n",
		"of the client": "CLIENT_ERROR bad data chunk %s\r\n",
		"of the server": "SERVER_ERROR out of memory storing object %s\r\n",
		"as a value":    "VALUE %s 0 6 1\r\n" + canary + "\r\nEND\r\n",
		"without end":   "%s",
	} {
		t.Run(name, func(t *testing.T) {
			log, b := &diary{}, &birdwatcher{}
			synctest.Test(t, func(t *testing.T) {
				client, err := memcached.NewFromConfig(memcached.Config{Servers: []string{"cache:11211"}, DialContext: echo(reply)})
				must(t, err)
				n := client.Nodes()[0]
				c, err := memo.New(memo.Config{Prefix: "t", Shared: client, Logger: log.logger()})
				must(t, err)
				ctx := context.Background()
				for _, key := range canaryKeys[:3] {
					b.everyCall(c.With(ctx), c, key)
					if len(key) > 250 {
						key = key[:250]
					}
					_, err := n.Incr(ctx, key, 1)
					b.hear(err, n.GetMulti(ctx, []string{key}, make([]tier.Item, 1)), n.GetMulti(ctx, []string{key, "k"}, make([]tier.Item, 2)),
						n.Add(ctx, key, []byte(canary), time.Hour), n.CompareAndSwap(ctx, key, 1, []byte(canary), time.Hour), n.CompareAndDelete(ctx, key, 1),
						n.Touch(ctx, key, time.Hour), n.Delete(ctx, key), n.Delete(ctx, key, key+"1", key+"2"), n.Ping(ctx),
						n.Add(ctx, key+" ", []byte(canary), time.Hour), n.Add(ctx, key, bytes.Repeat([]byte(canary), 1<<20), time.Hour), n.Add(ctx, key, nil, 0))
				}
				if err := c.Close(ctx); !errors.Is(err, memo.ErrDeferred) {
					t.Errorf("Close: %v, want ErrDeferred", err)
				}
				b.hear(n.Ping(ctx))
			})
			b.find(t, log.String(), "does not answer", memo.ErrDeferred.Error(), "memcached: add on cache:11211: ", "the client is closed", "tier: item refused")
		})
	}
}

// echo dials servers that answer each line by reply, with the line in it.
func echo(reply string) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			for lines := bufio.NewReader(server); ; {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				go func() { _, _ = io.WriteString(server, fmt.Sprintf(reply, strings.TrimSpace(line))) }()
			}
		}()
		return client, nil
	}
}
