package memcached_test

// login_test.go: memcached's ASCII authentication, on a real one and on servers
// that do it wrong.

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// users writes a file for memcached's option -Y.
func users(t testing.TB, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "users")
	must(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return path
}

// socketDir is short: the name of a Unix socket may have about a hundred bytes.
func socketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mc")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

func TestALoginIsTheFirstThingSaidOnEachConnectionAndSaidOnce(t *testing.T) {
	t.Parallel()
	file := users(t, "bert:other", "anna:pass:word")
	for name, server := range map[string]*mcserver.Server{
		"port":   mcserver.Options{Args: []string{"-Y", file}, Login: "bert other"}.ForTest(t),
		"socket": mcserver.Options{Args: []string{"-Y", file}, Login: "bert other", Socket: filepath.Join(socketDir(t), "s")}.ForTest(t),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent wire
			_, n := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long, DialContext: sent.dial, Username: "anna", Password: "pass:word"})
			const login = "set tiermemo.login 0 -1 14\r\nanna pass:word\r\n"
			for op, run := range operations(n) {
				if err := run(t.Context(), strings.ReplaceAll(op, " ", "-")); !tier.IsAnswer(err) {
					t.Errorf("%s: %v", op, err)
				}
			}
			if got := sent.bytes(); !strings.HasPrefix(got, login) {
				t.Errorf("sent first: %.80q", got)
			}
			before := strings.Count(sent.bytes(), login)
			must(t, server.Restart())
			must(t, n.Ping(t.Context()))
			must(t, n.Ping(t.Context()))
			if got := strings.Count(sent.bytes(), login) - before; got != 1 {
				t.Errorf("%d logins on one connection", got)
			}
		})
	}
}

func TestAWrongPasswordIsAnErrorThatSaysSoAndHoldsNoPassword(t *testing.T) {
	t.Parallel()
	server := mcserver.Options{Args: []string{"-Y", users(t, "anna:right")}, Login: "anna right"}.ForTest(t)
	_, wrong := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long, Username: "anna-x", Password: "canary"})
	for op, run := range operations(wrong) {
		err := run(t.Context(), "secret")
		if err == nil || tier.IsAnswer(err) || !strings.Contains(err.Error(), `login refused: the server answered "CLIENT_ERROR authentication failure"`) {
			t.Errorf("%s: %v", op, err)
		}
		for _, secret := range []string{"anna-x", "canary", "secret"} {
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error holds %q: %v", op, secret, err)
			}
		}
	}
	_, none := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long})
	for op, run := range operations(none) {
		if err := run(t.Context(), "secret"); err == nil || tier.IsAnswer(err) || !strings.Contains(err.Error(), "CLIENT_ERROR unauthenticated") {
			t.Errorf("%s without a login: %v", op, err)
		}
	}
}

// A server that asks for no login takes the command for what it says. It must not
// keep the password for everybody to read.
func TestAServerThatAsksForNoLoginKeepsNoPassword(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	_, n := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long, Username: "anna", Password: "canary"})
	if got := get(t, n, "tiermemo.login"); got.Found() {
		t.Errorf("the server keeps %q", got.Value)
	}
}

func TestAServerThatDoesALoginWrong(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]string{
		"STORED\r\nSTORED\r\n":                   "more than one reply",
		"STORED\n":                               "malformed reply",
		"NOT_STORED\r\n":                         "malformed reply",
		"stored\r\n":                             "malformed reply",
		"\n":                                     "malformed reply",
		"VALUE k 0 5 1\r\n":                      "malformed reply",
		strings.Repeat("x", 10_000):              "malformed reply",
		"":                                       "login: EOF",
		"STORED\r":                               "login: EOF",
		"ERROR\r\n":                              `login refused: the server answered "ERROR"`,
		"CLIENT_ERROR no entry for canary\r\n":   `login refused: the server answered "CLIENT_ERROR"`,
		"CLIENT_ERROR for anna@org, wait\r\n":    `login refused: the server answered "CLIENT_ERROR"`,
		"ERROR Too many open connections\r\n":    `login refused: the server answered "ERROR Too many open connections"`,
		"SERVER_ERROR out of memory writing\r\n": `login refused: the server answered "SERVER_ERROR"`,
	} {
		addr := onLoopback(t, func(_ int, p *peer) {
			p.line()
			p.line()
			p.say("%s", reply)
		})
		var connections counter
		_, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long, Username: "anna@org", Password: "canary", DialContext: connections.dial})
		err := n.Ping(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "anna") {
			t.Errorf("answered by %.50q: %v, want %q", reply, err, want)
		}
		if open := connections.open.Load(); open != 0 {
			t.Errorf("answered by %.50q: the connection was kept", reply)
		}
	}
}

func TestALoginIsWithinTheTimeOfItsOperation(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]func(*peer){
		"no answer":      (*peer).drain,
		"no reader":      func(*peer) { time.Sleep(time.Hour) },
		"byte for byte":  func(p *peer) { p.line(); p.line(); drips(p, "STORED\r\n") },
		"answer at last": func(p *peer) { p.line(); p.line(); time.Sleep(300 * time.Millisecond); p.say("STORED\r\n"); p.drain() },
	} {
		bubble(t, func(t *testing.T) {
			_, n := open(t, memcached.Config{DialContext: overPipe(script), Username: "anna", Password: "canary"})
			for op, run := range operations(n) {
				err := takesItsBudget(t, op, run)
				if early := name != "answer at last"; strings.Contains(err.Error(), "no answer to the login within 500ms") != early {
					t.Errorf("%s, %s: %v", name, op, err)
				}
				ctx, leave := context.WithCancel(t.Context())
				time.AfterFunc(70*time.Millisecond, leave)
				start := time.Now()
				err = run(ctx, "k")
				if took := time.Since(start); took != 70*time.Millisecond || !errors.Is(err, context.Canceled) {
					t.Errorf("%s, %s cancelled, took %v: %v", name, op, took, err)
				}
			}
		})
	}
}

func drips(p *peer, reply string) {
	for i := range reply {
		time.Sleep(100 * time.Millisecond)
		p.say("%s", reply[i:i+1])
	}
	p.drain()
}

// gate is a server with -Y whose file of users changes.
type gate struct {
	dials atomic.Int64
	open  atomic.Bool
}

func (g *gate) dial(ctx context.Context, network, address string) (net.Conn, error) {
	g.dials.Add(1)
	return overPipe(func(p *peer) {
		p.line()
		p.line()
		if !g.open.Load() {
			time.Sleep(5 * time.Millisecond)
			p.say("CLIENT_ERROR authentication failure\r\n")
			return
		}
		p.say("STORED\r\n")
		for answer(p) {
		}
	})(ctx, network, address)
}

// A wrong password costs the server a connection a second and not one for each
// operation; the first login that succeeds ends it.
func TestARefusedLoginIsNotAStorm(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var server gate
		_, n := open(t, memcached.Config{DialContext: server.dial, Username: "anna", Password: "canary", MaxConns: 4})
		ping := func() error { return n.Ping(t.Context()) }
		if err := ping(); err == nil {
			t.Fatal("the login was not refused")
		}
		for second := range 10 {
			for range 100 {
				for range 10 {
					go func() { _ = ping() }()
				}
				synctest.Wait()
				if err := ping(); err == nil || !strings.Contains(err.Error(), "login refused: the server answered") {
					t.Fatalf("in second %d: %v", second, err)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		if dials := server.dials.Load(); dials < 10 || dials > 11 {
			t.Errorf("%d connections in ten seconds", dials)
		}

		server.open.Store(true)
		time.Sleep(time.Second)
		before := server.dials.Load()
		pings(t, n, 1)
		pings(t, n, 4)
		if dials := server.dials.Load() - before; dials > 4 {
			t.Errorf("%d connections after the password was put right", dials)
		}

		server.open.Store(false) // connections that are logged in stay so
		pings(t, n, 4)
	})
}

// The password is said to nobody who was not dialed for it, and nothing is said
// where there is none.
func TestWithoutALoginNothingIsSaidFirst(t *testing.T) {
	t.Parallel()
	var sent wire
	addr := onLoopback(t, func(_ int, p *peer) { p.line() })
	_, n := open(t, memcached.Config{Servers: []string{addr}, Timeout: long, DialContext: sent.dial})
	if err := n.Ping(t.Context()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if got := sent.bytes(); got != "version\r\n" {
		t.Errorf("sent %q", got)
	}
}
