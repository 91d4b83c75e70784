package memcached_test

// protocol_test.go: what leaves for the server, and what a server may send back
// without anybody being told something wrong.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// wire notes every byte that is sent.
type wire struct {
	mu   sync.Mutex
	sent bytes.Buffer
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, address)
	return &tapped{nc, w}, err
}

func (w *wire) bytes() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent.String()
}

type tapped struct {
	net.Conn
	wire *wire
}

func (c *tapped) Write(p []byte) (int, error) {
	c.wire.mu.Lock()
	c.wire.sent.Write(p)
	c.wire.mu.Unlock()
	return c.Conn.Write(p)
}

// gomemcache sends an empty key. The server then reads the value as commands,
// and here it would be flush_all.
func TestWhatIsNoKeyIsNeverSent(t *testing.T) {
	t.Parallel()
	var w wire
	addr := onLoopback(t, func(_ int, p *peer) { p.drain() })
	_, n := open(t, memcached.Config{Servers: []string{addr}, DialContext: w.dial, Timeout: 50 * time.Millisecond})
	for reason, key := range map[string]string{
		"is empty":                        "",
		"has 251 bytes, more than 250":    strings.Repeat("k", 251),
		"holds a blank or a control byte": "canary user",
	} {
		for _, key := range []string{key, strings.ReplaceAll(key, " ", "\r\n"), strings.ReplaceAll(key, " ", "\x00"), strings.ReplaceAll(key, " ", "\t"), strings.ReplaceAll(key, " ", "\x7f")} {
			for op, run := range operations(n) {
				if strings.HasPrefix(op, "Ping") {
					continue
				}
				err := run(t.Context(), key)
				if !errors.Is(err, tier.ErrRefused) || !strings.Contains(err.Error(), reason) {
					t.Errorf("%s of a key that %s: %v", op, reason, err)
				}
				if err != nil && strings.Contains(err.Error(), "canary") {
					t.Errorf("%s: the error holds the key: %v", op, err)
				}
			}
		}
	}
	if sent := w.bytes(); sent != "" {
		t.Errorf("sent %q", sent)
	}
}

func TestOneOperationIsOneCommand(t *testing.T) {
	t.Parallel()
	for op, want := range map[string]string{
		"GetMulti of one":  "gets k\r\n",
		"GetMulti of two":  "gets other k\r\n",
		"Add":              "add k 0 61 9\r\nflush_all\r\n",
		"CompareAndSwap":   "cas k 0 61 9 1\r\nflush_all\r\n",
		"CompareAndDelete": "cas k 0 -1 0 1\r\n\r\n",
		"Incr":             "incr k 1\r\n",
		"Touch":            "touch k 61\r\n",
		"Delete of one":    "delete k\r\n",
		"Ping (no key)":    "version\r\n",
	} {
		var w wire
		addr := onLoopback(t, func(_ int, p *peer) { // which leaves after the request
			request, _ := p.line()
			if strings.HasPrefix(request, "add") || strings.HasPrefix(request, "cas") {
				p.line()
			}
		})
		_, n := open(t, memcached.Config{Servers: []string{addr}, DialContext: w.dial, Timeout: long})
		if err := operations(n)[op](t.Context(), "k"); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v, want the end of the connection", op, err)
		}
		if got := w.bytes(); got != want {
			t.Errorf("%s sent %q, want %q, once: a new connection that fails is not tried again", op, got, want)
		}
	}
}

// The first reply of a connection is followed by another, at once or with the
// next request. Whatever comes, no key gets the value of another.
func TestASurplusReplyNeverAnswersAnotherKey(t *testing.T) {
	t.Parallel()
	value := func(key string) string {
		return fmt.Sprintf("VALUE %s 0 %d 9\r\nof %s\r\nEND\r\n", key, 3+len(key), key)
	}
	for name, surplus := range map[string]struct{ now, later string }{
		"at once":                        {now: value("a")},
		"late":                           {later: value("a")},
		"with part of it late":           {now: value("a")[:4], later: value("a")[4:]},
		"two replies":                    {now: value("a") + value("b")},
		"an item that was not asked for": {later: "VALUE a 0 4 9\r\nof a\r\n"},
	} {
		for _, many := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/many=%v", name, many), func(t *testing.T) {
				t.Parallel()
				addr := onLoopback(t, func(_ int, p *peer) {
					late := ""
					for {
						request, ok := p.line()
						if !ok {
							return
						}
						reply := late
						for key := range strings.FieldsSeq(strings.TrimPrefix(request, "gets ")) {
							reply += strings.TrimSuffix(value(key), "END\r\n")
						}
						p.say("%sEND\r\n%s", reply, surplus.now)
						late = surplus.later
					}
				})
				_, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long})
				good := 0
				for i := range 100 {
					keys := []string{fmt.Sprintf("k%d", i)}
					if many {
						keys = append(keys, fmt.Sprintf("m%d", i))
					}
					items := make([]tier.Item, len(keys))
					if err := n.GetMulti(t.Context(), keys, items); err != nil {
						if tier.IsAnswer(err) || strings.Contains(err.Error(), keys[0]) {
							t.Fatalf("error %v", err)
						}
						for _, item := range items {
							if item.Found() || item.Value != nil {
								t.Fatalf("an item beside the error %v: %q", err, item.Value)
							}
						}
						continue
					}
					good++
					for j, item := range items {
						if want := "of " + keys[j]; string(item.Value) != want {
							t.Fatalf("%s is %q, want %q", keys[j], item.Value, want)
						}
					}
				}
				if surplus.now == "" && good == 0 {
					t.Error("no request was answered: a new connection must be clean")
				}
			})
		}
	}
}

// A connection that is one reply behind: each request is answered by what the
// one before it asked for.
func TestAReplyForOtherKeysIsAnErrorAndCostsTheConnection(t *testing.T) {
	t.Parallel()
	const other, own = "VALUE old 0 1 9\r\nx\r\n", "VALUE k 0 1 9\r\nx\r\n"
	for _, tc := range []struct {
		keys  []string
		reply string
	}{
		{[]string{"k"}, other}, {[]string{"k"}, other + own}, {[]string{"k"}, own + other}, {[]string{"k"}, own + own},
		{[]string{"k", "m"}, other}, {[]string{"k", "m"}, own + other},
	} {
		keys := tc.keys
		var connections counter
		addr := onLoopback(t, func(_ int, p *peer) {
			for {
				if _, ok := p.line(); !ok {
					return
				}
				p.say("%sEND\r\n", tc.reply)
			}
		})
		_, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long, DialContext: connections.dial})
		items := make([]tier.Item, len(keys))
		if err := n.GetMulti(t.Context(), keys, items); err == nil || tier.IsAnswer(err) || items[0].Found() {
			t.Errorf("%d keys answered by %q: %v, %+v", len(keys), tc.reply, err, items)
		}
		if open := connections.open.Load(); open != 0 {
			t.Errorf("%d keys answered by %q: the connection was kept", len(keys), tc.reply)
		}
	}
}

// TLS reports the end of a connection together with the last bytes that it
// brought. What was answered is not asked again, and the next operation does not
// pay for the end.
func TestTheEndOfAConnectionBesideAnAnswer(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	addr := onLoopback(t, func(_ int, p *peer) {
		for {
			if _, ok := p.line(); !ok {
				return
			}
			p.say("%d\r\n", requests.Add(1))
		}
	})
	_, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, address)
		return &ending{Conn: nc}, err
	}})
	last := uint64(0)
	for range 5 {
		sum, err := n.Incr(t.Context(), "k", 1)
		if err != nil || sum <= last {
			t.Errorf("%d after %d, %v", sum, last, err)
		}
		if last == 0 && requests.Load() != 1 {
			t.Errorf("%d requests for the first operation", requests.Load())
		}
		last = sum
	}
}

// ending brings bytes once, and says with them that they were the last.
type ending struct {
	net.Conn
	ended bool
}

func (c *ending) Read(p []byte) (int, error) {
	if c.ended {
		return 0, io.EOF
	}
	c.ended = true
	n, err := c.Conn.Read(p)
	if err == nil {
		err = io.EOF
	}
	return n, err
}

// A surplus line would acknowledge a write that has not happened.
func TestASurplusLineNeverAcknowledgesTheNextWrite(t *testing.T) {
	t.Parallel()
	addr := onLoopback(t, func(_ int, p *peer) {
		for i := 0; ; i++ {
			if _, ok := p.line(); !ok {
				return
			}
			p.line()
			p.say("%s", []string{"STORED\r\nSTORED\r\n", "NOT_STORED\r\n"}[i%2])
		}
	})
	_, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long})
	if err := n.Add(t.Context(), "a", nil, time.Minute); tier.IsAnswer(err) {
		t.Errorf("an add with two answers: %v", err)
	}
}

func TestABadReplyIsAnErrorThatHoldsNoKeyAndCostsTheConnection(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]string{
		"ERROR\r\n":                              `the server answered "ERROR"`,
		"CLIENT_ERROR bad key secret\r\n":        `the server answered "CLIENT_ERROR"`,
		"CLIENT_ERROR \r\n":                      `the server answered "CLIENT_ERROR"`,
		"SERVER_ERROR gone 1\r\n":                `the server answered "SERVER_ERROR"`,
		"SERVER_ERROR no room for se cret\r\n":   `the server answered "SERVER_ERROR"`,
		"ERRORsecret\r\n":                        `the server answered "ERROR"`,
		"CLIENT_ERROR bad data chunk\r\n":        `the server answered "CLIENT_ERROR bad data chunk"`,
		"HELLO secret\r\n":                       "malformed reply",
		"\n":                                     "malformed reply",
		"\r\n":                                   "malformed reply",
		"END\n":                                  "malformed reply",
		strings.Repeat("secret", 2000) + "\r\n":  "malformed reply",
		"VALUE secret 0 x 1\r\n":                 "malformed reply",
		"VALUE secret 0\r\n":                     "malformed reply",
		"VALUE secret 0 4294967295 1\r\n":        "announced a value of 4294967295 bytes",
		"VALUE secret 0 99999999999999999 1\r\n": "malformed reply",
		"VALUE secret 0 3 1\r\nabcdeEND\r\n":     "malformed reply",
	} {
		var connections counter
		addr := onLoopback(t, func(_ int, p *peer) {
			for {
				request, ok := p.line()
				if !ok {
					return
				}
				if strings.HasPrefix(request, "add") || strings.HasPrefix(request, "cas") {
					p.line()
				}
				p.say("%s", reply)
			}
		})
		_, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long, DialContext: connections.dial})
		for op, run := range operations(n) {
			if strings.HasPrefix(op, "Ping") && strings.Contains(reply, "secret") {
				continue // no key to hide
			}
			err := run(t.Context(), "secret")
			if err == nil || tier.IsAnswer(err) || strings.Contains(err.Error(), "secret") || !strings.HasPrefix(err.Error(), "memcached: ") {
				t.Errorf("%s answered by %.40q: %v", op, reply, err)
			}
			if err != nil && strings.HasPrefix(reply, "VALUE") && !strings.HasPrefix(op, "GetMulti") {
				continue // not said as clearly where no value was asked for
			}
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s answered by %.40q: %v, want %q", op, reply, err, want)
			}
		}
		if open := connections.open.Load(); open != 0 {
			t.Errorf("answered by %.40q: %d connections were kept", reply, open)
		}
	}
}

// A reply that stops in the middle is a failure on a new connection, and repeated
// on one that had been idle.
func TestHalfAReplyIsNoReply(t *testing.T) {
	t.Parallel()
	const whole = "VALUE k 0 5 9\r\nhello\r\nEND\r\n"
	for cut := range len(whole) {
		addr := onLoopback(t, func(connection int, p *peer) {
			if p.line(); connection == 1 {
				p.say("%s", whole[:cut])
				return
			}
			p.say("%s", whole)
			p.drain()
		})
		_, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long})
		items := make([]tier.Item, 1)
		err := n.GetMulti(t.Context(), []string{"k"}, items)
		if err == nil || tier.IsAnswer(err) || items[0].Found() {
			t.Errorf("after %d bytes: %v, %q", cut, err, items[0].Value)
		}
		if got := get(t, n, "k"); string(got.Value) != "hello" || got.CAS != 9 {
			t.Errorf("the operation after it: %q", got.Value)
		}
	}
}

// The server is restarted while it answers on a pooled connection: what came of
// that reply plays no part in the second.
func TestAPooledConnectionThatDiesInTheMidstOfAReplyCostsNoOperation(t *testing.T) {
	t.Parallel()
	const whole = "VALUE k 0 5 9\r\nhello\r\nEND\r\n"
	for cut := range len(whole) {
		addr := onLoopback(t, func(connection int, p *peer) {
			for request := 1; ; request++ {
				if _, ok := p.line(); !ok {
					return
				}
				if connection == 1 && request == 2 {
					p.say("%s", whole[:cut])
					return
				}
				p.say("%s", whole)
			}
		})
		_, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long})
		for i := range 3 {
			if got := get(t, n, "k"); string(got.Value) != "hello" || got.CAS != 9 {
				t.Errorf("cut after %d bytes, operation %d: %q", cut, i+1, got.Value)
			}
		}
	}
}

func TestWhatARepeatedOperationEndedWithIsTheSecondReply(t *testing.T) {
	t.Parallel()
	addr := onLoopback(t, func(connection int, p *peer) {
		if p.line(); connection == 1 {
			p.say("VERSION 1.6\r\n")
			p.line()
			return
		}
		p.say("HELLO\r\n")
		p.drain()
	})
	_, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long})
	must(t, n.Ping(t.Context()))
	if err := n.Ping(t.Context()); err == nil || errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "malformed reply") {
		t.Errorf("the second server does not speak the protocol: %v", err)
	}
}

func TestAReplyWithoutCASIsNoItem(t *testing.T) {
	t.Parallel()
	addr := onLoopback(t, func(_ int, p *peer) {
		for {
			if _, ok := p.line(); !ok {
				return
			}
			p.say("VALUE k 0 1\r\nx\r\nEND\r\n")
		}
	})
	_, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long})
	for _, keys := range [][]string{{"k"}, {"k", "m"}} {
		if err := n.GetMulti(t.Context(), keys, make([]tier.Item, len(keys))); err == nil || tier.IsAnswer(err) {
			t.Errorf("%d keys: %v", len(keys), err)
		}
	}
}

// A panic of the application's own connection leaves a half-read reply behind.
// gomemcache would put that connection back and answer the next key with it.
func TestAPanicInAConnectionDropsIt(t *testing.T) {
	t.Parallel()
	var c counter
	addr := onLoopback(t, func(_ int, p *peer) {
		for {
			request, ok := p.line()
			if !ok {
				return
			}
			p.say("VALUE %s 0 1 9\r\nx\r\nEND\r\n", strings.TrimPrefix(request, "gets "))
		}
	})
	panics := true
	client, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := c.dial(ctx, network, address)
		return &panicking{Conn: nc, armed: &panics}, err
	}})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach the caller")
			}
		}()
		_ = n.GetMulti(t.Context(), []string{"a"}, make([]tier.Item, 1))
	}()
	if open := c.open.Load(); open != 0 {
		t.Errorf("%d connections open after the panic", open)
	}
	if got := get(t, n, "b"); string(got.Value) != "x" {
		t.Errorf("b is %q", got.Value)
	}
	must(t, client.Close()) // does not wait for the operation that panicked
}

type panicking struct {
	net.Conn
	armed *bool
}

func (c *panicking) Read(p []byte) (int, error) {
	if *c.armed {
		*c.armed = false
		panic("connection")
	}
	return c.Conn.Read(p)
}
