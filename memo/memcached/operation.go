package memcached

// operation.go is the frame of every operation: keys that the protocol can
// carry, one budget of time, a lane, and an error that says where it happened
// without saying to which key.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

const maxKey = 250 // bytes, memcached's KEY_MAX_LENGTH

var (
	errForeignKey = errors.New("the server answered for a key that was not asked for")
	errNoCAS      = errors.New("the server sent no CAS id")
)

// do runs fn on a lane of its own, with the whole budget of one operation.
func (n *node) do(ctx context.Context, op string, keys []string, fn func(*lane) error) error {
	deadline, now, err := n.allowed(ctx, op, keys)
	if err != nil {
		return err
	}
	return n.doBy(ctx, op, now, deadline, fn)
}

// allowed checks keys, and returns until when an operation may take that begins now.
func (n *node) allowed(ctx context.Context, op string, keys []string) (deadline, now time.Time, err error) {
	if err := n.checkKeys(op, keys); err != nil {
		return deadline, now, err
	}
	if err := ctx.Err(); err != nil {
		return deadline, now, n.wrap(op, err)
	}
	now = time.Now()
	deadline = now.Add(n.pool.timeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	return deadline, now, nil
}

// doBy is do, of which a part of its time may have passed.
func (n *node) doBy(ctx context.Context, op string, now, deadline time.Time, fn func(*lane) error) error {
	l, err := n.pool.take(ctx, now, deadline)
	if err != nil {
		return n.unserved(ctx, op, deadline, err)
	}
	defer n.pool.put(l)
	l.begin(ctx, deadline)
	err = fn(l)
	l.clean = true
	return n.explain(ctx, op, l, err)
}

// checkKeys refuses what is not a key in memcached's protocol. gomemcache checks
// too, but lets an empty key pass and sends it:
//
//	"set  0 0 9\r\nflush_all\r\n"
//
// The server takes that line for a mistake, and the value for the next command.
func (n *node) checkKeys(op string, keys []string) error {
	for _, key := range keys {
		flaw := wordFlaw(key)
		if len(key) > maxKey {
			flaw = fmt.Sprintf("has %d bytes, more than %d", len(key), maxKey)
		}
		if flaw != "" {
			return fmt.Errorf("memcached: %s on %s: %w: the key %s", op, n.name, tier.ErrRefused, flaw)
		}
	}
	return nil
}

// wordFlaw says why s cannot be one word of a command.
func wordFlaw(s string) string {
	if s == "" {
		return "is empty"
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return "holds a blank or a control byte"
		}
	}
	return ""
}

// explain turns what a lane ended with into what the caller is told. An answer
// of the server stays as it is. Of the rest only the parts that cannot hold a key
// are used: gomemcache quotes whole lines of the reply in its errors.
func (n *node) explain(ctx context.Context, op string, l *lane, err error) error {
	if err == nil {
		return nil
	}
	said := shown(l.reply.said)
	switch {
	case err == tier.ErrRefused:
		return fmt.Errorf("memcached: %s on %s: %w: %s", op, n.name, err, said)
	case tier.IsAnswer(err):
		return err
	case ctx.Err() != nil:
		return n.wrap(op, ctx.Err())
	case isTimeout(l.fault):
		return n.late(ctx, op, l)
	case said != "":
		return fmt.Errorf("memcached: %s on %s: the server answered %q", op, n.name, said)
	case l.fault != nil:
		return n.wrap(op, l.fault)
	}
	return n.wrap(op, errMalformed)
}

func (n *node) wrap(op string, err error) error {
	return fmt.Errorf("memcached: %s on %s: %w", op, n.name, err)
}

// late tells whose time is up.
func (n *node) late(ctx context.Context, op string, l *lane) error {
	if endsWith(ctx, l.deadline) {
		return n.wrap(op, context.DeadlineExceeded)
	}
	missing := "answer"
	if early, ok := errors.AsType[dialError](l.fault); ok {
		missing = early.missing
	}
	return fmt.Errorf("memcached: %s on %s: no %s within %v: %w", op, n.name, missing, n.pool.timeout, os.ErrDeadlineExceeded)
}

// unserved tells why an operation has had no lane. Nothing was sent.
func (n *node) unserved(ctx context.Context, op string, deadline time.Time, err error) error {
	if err != errBusy {
		return err
	}
	cause := os.ErrDeadlineExceeded
	switch {
	case ctx.Err() != nil:
		cause = ctx.Err()
	case endsWith(ctx, deadline):
		cause = context.DeadlineExceeded
	}
	return fmt.Errorf("memcached: %s on %s: all %d connections of Config.MaxConns were in use: %w", op, n.name, n.pool.most, cause)
}

// endsWith asks for ctx's deadline because another timer for the same moment may
// fire before the context's.
func endsWith(ctx context.Context, deadline time.Time) bool {
	d, ok := ctx.Deadline()
	return ok && !deadline.Before(d)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// noRoom reports whether the server refused to store for want of room. It stays
// usable, and what was stored before stays stored.
func noRoom(said string) bool {
	return strings.HasPrefix(said, "SERVER_ERROR object too large") || strings.HasPrefix(said, "SERVER_ERROR out of memory")
}

// shown is an error line of the server if it is one of memcached's own for the
// commands of a Node, else only its class. A proxy may repeat the request in it,
// and that is not found by looking for the key: it may be cut, or escaped, and the
// value is as secret.
func shown(said string) string {
	switch said {
	case "ERROR Too many open connections",
		"CLIENT_ERROR bad command line format", "CLIENT_ERROR bad data chunk", "CLIENT_ERROR invalid exptime argument",
		"CLIENT_ERROR invalid numeric delta argument", "CLIENT_ERROR cannot increment or decrement non-numeric value",
		"CLIENT_ERROR unauthenticated", "CLIENT_ERROR authentication failure",
		"SERVER_ERROR object too large for cache", "SERVER_ERROR out of memory", "SERVER_ERROR out of memory storing object",
		"SERVER_ERROR out of memory reading request", "SERVER_ERROR out of memory writing get response":
		return said
	}
	return errorClass(said)
}
