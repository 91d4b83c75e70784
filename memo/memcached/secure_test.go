package memcached_test

// secure_test.go: TLS to a real memcached, and to servers that do it wrong.

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// secured starts a memcached that speaks TLS only.
func secured(t testing.TB, a *authority, c tls.Certificate, args ...string) *mcserver.Server {
	t.Helper()
	return mcserver.Options{Args: append(a.files(t, c), args...), TLS: &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{c}}}.ForTest(t)
}

func TestEveryOperationOverTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	server := secured(t, a, a.vouch(t, "127.0.0.1", time.Now().Add(time.Hour)))
	_, n := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long, TLS: &tls.Config{RootCAs: a.pool()}})
	for op, run := range operations(n) {
		if err := run(t.Context(), strings.ReplaceAll(op, " ", "-")); !tier.IsAnswer(err) {
			t.Errorf("%s: %v", op, err)
		}
	}
	var keys []string
	for i := range 20 { // many records of TLS, and more than crypto/tls reads at once
		keys = append(keys, fmt.Sprint("k", i))
		must(t, n.Add(t.Context(), keys[i], bytes.Repeat([]byte{byte(i)}, 1<<20-512), time.Minute))
	}
	items := make([]tier.Item, len(keys))
	must(t, n.GetMulti(t.Context(), keys, items))
	for i, item := range items {
		if !bytes.Equal(item.Value, bytes.Repeat([]byte{byte(i)}, 1<<20-512)) {
			t.Errorf("%s came back as %d bytes", keys[i], len(item.Value))
		}
	}
}

// One connection serves one operation after the other: what TLS itself sends
// after the handshake is not taken for dirt.
func TestATLSConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	server := secured(t, a, a.vouch(t, "127.0.0.1", time.Now().Add(time.Hour)))
	for name, most := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		var connections counter
		_, n := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long, DialContext: plainly(&connections),
			TLS: &tls.Config{RootCAs: a.pool(), MaxVersion: most}})
		must(t, n.Add(t.Context(), "k"+name, make([]byte, 100_000), time.Minute))
		for range 100 {
			if got := get(t, n, "k"+name); len(got.Value) != 100_000 {
				t.Fatalf("%d bytes came back", len(got.Value))
			}
		}
		if dialed := connections.dialed.Load(); dialed != 1 {
			t.Errorf("TLS %s: %d connections for operations in a row", name, dialed)
		}
		must(t, server.Restart())
		for i := range 10 {
			must(t, n.Delete(t.Context(), fmt.Sprint("k", i)))
		}
		if dialed := connections.dialed.Load(); dialed != 2 {
			t.Errorf("TLS %s: %d connections after a restart", name, dialed)
		}
	}
}

// plainly counts connections and gives them on as they are, so that the probe
// can look at them.
func plainly(c *counter) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c.dialed.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

func TestAServerThatIsNotWhatItShouldBeIsAnErrorThatSaysWhy(t *testing.T) {
	t.Parallel()
	a, other, hour := newAuthority(t), newAuthority(t), time.Now().Add(time.Hour)
	good := a.vouch(t, "127.0.0.1", hour)
	server := secured(t, a, good).Addr()
	for name, tc := range map[string]struct {
		server string
		client *tls.Config
		want   []string
	}{
		"no trust":         {server, &tls.Config{}, []string{"TLS handshake: ", "unknown authority"}},
		"wrong authority":  {server, &tls.Config{RootCAs: other.pool()}, []string{"TLS handshake: ", "unknown authority"}},
		"wrong name":       {server, &tls.Config{RootCAs: a.pool(), ServerName: "cache.internal"}, []string{"TLS handshake: ", "cache.internal"}},
		"expired":          {secured(t, a, a.vouch(t, "127.0.0.1", time.Now().Add(-time.Hour))).Addr(), &tls.Config{RootCAs: a.pool()}, []string{"TLS handshake: ", "expired"}},
		"no TLS at all":    {onLoopback(t, func(_ int, p *peer) { p.say("ERROR\r\n") }), &tls.Config{RootCAs: a.pool()}, []string{"TLS handshake: ", "does not look like a TLS handshake"}},
		"leaves at once":   {onLoopback(t, func(int, *peer) {}), &tls.Config{RootCAs: a.pool()}, []string{"TLS handshake: "}},
		"never answers":    {onLoopback(t, func(_ int, p *peer) { p.drain() }), &tls.Config{RootCAs: a.pool()}, []string{"no TLS handshake within 200ms"}},
		"plain memcached":  {mcserver.ForTest(t).Addr(), &tls.Config{RootCAs: a.pool()}, []string{"TLS handshake"}},
		"wants to know us": {secured(t, a, good, "-o", "ssl_verify_mode=2").Addr(), &tls.Config{RootCAs: a.pool()}, []string{"memcached: "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timeout := long
			if name == "never answers" || name == "plain memcached" { // which waits for the end of a line
				timeout = 200 * time.Millisecond
			}
			var (
				sent        wire
				connections atomic.Int64
			)
			_, n := open(t, memcached.Config{Servers: []string{tc.server}, Timeout: timeout, TLS: tc.client,
				DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
					nc, err := sent.dial(ctx, network, address)
					connections.Add(1)
					return &counted{Conn: nc, open: &connections}, err
				}})
			for op, run := range operations(n) {
				start := time.Now()
				err := run(t.Context(), "canary")
				if err == nil || tier.IsAnswer(err) {
					t.Fatalf("%s: %v", op, err)
				}
				for _, want := range tc.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%s: %v, want %q", op, err, want)
					}
				}
				if took := time.Since(start); took > timeout+margin {
					t.Errorf("%s took %v", op, took)
				}
			}
			if open := connections.Load(); open != 0 {
				t.Errorf("%d connections are open", open)
			}
			if strings.Contains(sent.bytes(), "canary") {
				t.Error("a key was sent in clear")
			}
		})
	}
}

// margin is what a busy machine may add to a budget.
const margin = 10 * time.Second

func TestAClientCertificateIsShown(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	c := a.vouch(t, "127.0.0.1", time.Now().Add(time.Hour))
	_, n := open(t, memcached.Config{Servers: []string{secured(t, a, c, "-o", "ssl_verify_mode=2").Addr()}, Timeout: long,
		TLS: &tls.Config{RootCAs: a.pool(), Certificates: []tls.Certificate{c}}})
	must(t, n.Ping(t.Context()))
}

// A login over TLS, through a dialer of the application.
func TestALoginOverTLS(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	c := a.vouch(t, "cache.internal", time.Now().Add(time.Hour))
	server := mcserver.Options{
		Args: append(a.files(t, c), "-Y", users(t, "anna:canary")),
		TLS:  &tls.Config{InsecureSkipVerify: true}, Login: "anna canary",
	}.ForTest(t)
	var sent wire
	_, n := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long, DialContext: sent.dial,
		TLS: &tls.Config{RootCAs: a.pool(), ServerName: "cache.internal"}, Username: "anna", Password: "canary"})
	must(t, n.Add(t.Context(), "k", []byte("x"), time.Minute))
	if got := get(t, n, "k"); string(got.Value) != "x" {
		t.Errorf("k is %q", got.Value)
	}
	if strings.Contains(sent.bytes(), "canary") {
		t.Error("the password was sent in clear")
	}
}

func TestTheConfigOfTLSIsCopied(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	server := secured(t, a, a.vouch(t, "127.0.0.1", time.Now().Add(time.Hour)))
	mine := &tls.Config{RootCAs: a.pool()}
	_, n := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long, TLS: mine})
	if mine.ServerName != "" {
		t.Errorf("the application's tls.Config has the ServerName %q now", mine.ServerName)
	}
	mine.RootCAs = x509.NewCertPool()
	must(t, n.Ping(t.Context()))
}

// A server that shakes hands and then neither reads nor answers: the end of the
// connection, too, is in time. crypto/tls alone waits five seconds to say goodbye.
func TestATLSServerThatStopsReadingIsLeftInTime(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	c := a.vouch(t, "cache.internal", time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
	roots := a.pool()
	for _, timed := range []string{"the handshake", "the request"} {
		bubble(t, func(t *testing.T) {
			_, n := open(t, memcached.Config{
				TLS: &tls.Config{RootCAs: roots, Time: func() time.Time { return a.certificate.NotBefore.Add(time.Minute) }},
				DialContext: overPipe(func(p *peer) {
					if timed == "the request" {
						// tickets would be more than a pipe without a reader takes
						server := tls.Server(p.Conn, &tls.Config{Certificates: []tls.Certificate{c}, SessionTicketsDisabled: true})
						if err := server.Handshake(); err != nil {
							return
						}
					}
					time.Sleep(time.Hour)
				}),
			})
			for op, run := range operations(n) {
				start := time.Now()
				err := run(t.Context(), "k")
				if took := time.Since(start); took != budget || !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s, stuck in %s, took %v: %v", op, timed, took, err)
				}
				ctx, leave := context.WithCancel(t.Context())
				time.AfterFunc(70*time.Millisecond, leave)
				start = time.Now()
				err = run(ctx, "k")
				if took := time.Since(start); took != 70*time.Millisecond || !errors.Is(err, context.Canceled) {
					t.Errorf("%s, stuck in %s and cancelled, took %v: %v", op, timed, took, err)
				}
			}
			synctest.Wait()
		})
	}
}

// 1. many operations find no connection 2. each shakes hands on its own.
func TestHandshakesOfManyAtOnce(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	server := secured(t, a, a.vouch(t, "127.0.0.1", time.Now().Add(time.Hour)))
	_, n := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long, MaxConns: 4, TLS: &tls.Config{RootCAs: a.pool()}})
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() { served(t, n.Add(t.Context(), fmt.Sprint("k", i), nil, time.Minute)) })
	}
	group.Wait()
}
