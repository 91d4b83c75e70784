package memcached_test

// matrix_test.go: every fault of one server and its network, met by every
// operation, on a new connection and on one from the pool. What is asserted is
// the kind of the outcome, that no value is wrong, and that it ends in time.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

type outcome int

const (
	done   outcome = iota // done, and said so
	failed                // an error before the time is over
	late                  // an error when the time is over
	either                // done, or an error
)

// matrix are the faults, with what every operation meets that has no other way,
// and what one meets whose next connection is in order.
var matrix = map[string]struct {
	fault    fault
	outcome  outcome
	recovers outcome
}{
	"a slow answer": {fault{reply: func(l *link, p []byte) bool {
		_, err := l.client.Write(p)
		return l.after(5*time.Millisecond) && err == nil
	}}, done, done},
	"an answer in single bytes": {fault{reply: func(l *link, p []byte) bool {
		for i := range p {
			if _, err := l.client.Write(p[i : i+1]); err != nil {
				return false
			}
		}
		return true
	}}, done, done},
	"no answer":        {fault{reply: func(l *link, _ []byte) bool { <-l.over; return false }}, late, late},
	"a black hole":     {fault{request: func(*link, []byte) bool { return true }}, late, late},
	"a dripping reply": {fault{reply: dripping}, late, late},
	"an end instead of the answer": {fault{reply: func(*link, []byte) bool {
		return false
	}}, failed, either},
	"a request cut in the middle": {fault{request: func(l *link, p []byte) bool {
		_, _ = l.server.Write(p[:len(p)/2])
		return false
	}}, failed, either},
	"a request without its last byte": {fault{request: func(l *link, p []byte) bool {
		_, _ = l.server.Write(p[:len(p)-1])
		return false
	}}, failed, either},
	"a reply cut in the middle": {fault{reply: func(l *link, p []byte) bool {
		_, _ = l.client.Write(p[:len(p)/2])
		return false
	}}, failed, either},
	"a reply without its last byte": {fault{reply: func(l *link, p []byte) bool {
		_, _ = l.client.Write(p[:len(p)-1])
		return false
	}}, failed, either},
	"a reset before the request is done": {fault{request: func(l *link, _ []byte) bool {
		abort(l.client)
		return false
	}}, failed, either},
	"a reset after the request is done": {fault{reply: func(l *link, _ []byte) bool {
		abort(l.client)
		return false
	}}, failed, either},
	"garbage":                {fault{reply: instead("\x00\xff garbage\r\n")}, failed, either},
	"garbage without an end": {fault{reply: instead(strings.Repeat("\xff", 10_000))}, failed, either},
	"an answer for another":  {fault{reply: instead("VALUE other-key 0 3 7\r\nbad\r\nEND\r\n")}, failed, either},
	"a hostile length":       {fault{reply: instead("VALUE k 0 4294967295 7\r\n")}, failed, either},
	"an error of the server": {fault{reply: instead("SERVER_ERROR out of everything\r\n")}, failed, either},
	"every reply twice": {fault{reply: func(l *link, p []byte) bool {
		_, err := l.client.Write(slices.Concat(p, p))
		return err == nil
	}}, failed, either},
}

// dripping sends a byte when nearly the whole time of an operation is over. No
// reply has less than three.
func dripping(l *link, p []byte) bool {
	for i := range p {
		if !l.after(hurried * 3 / 4) {
			return false
		}
		if _, err := l.client.Write(p[i : i+1]); err != nil {
			return false
		}
	}
	return true
}

func instead(reply string) func(*link, []byte) bool {
	return func(l *link, _ []byte) bool {
		_, err := l.client.Write([]byte(reply))
		return err == nil
	}
}

// hurried is the Timeout for faults that use it up.
const hurried = 60 * time.Millisecond

// trial is an operation on an item that is "100", and what the item may be
// afterwards; "" is absent. The first is what it must be when all went well.
type trial struct {
	run   func(ctx context.Context, n tier.Node, key string, cas uint64) error
	after []string
}

var errWrongValue = errors.New("WRONG VALUE")

func reads(keys func(key string) []string) trial {
	return trial{after: []string{"100"}, run: func(ctx context.Context, n tier.Node, key string, _ uint64) error {
		asked := keys(key)
		items := make([]tier.Item, len(asked))
		err := n.GetMulti(ctx, asked, items)
		for i, item := range items {
			present := asked[i] == key
			switch {
			case err != nil && (item.Found() || item.Value != nil),
				err == nil && item.Found() != present,
				present && item.Found() && string(item.Value) != "100":
				return errWrongValue
			}
		}
		return err
	}}
}

var trials = map[string]trial{
	"GetMulti of one":  reads(func(key string) []string { return []string{key} }),
	"GetMulti of four": reads(func(key string) []string { return []string{"a", key, "b", key} }),
	"Add": {func(ctx context.Context, n tier.Node, key string, _ uint64) error {
		return n.Add(ctx, key+"-new", []byte("100"), time.Hour)
	}, []string{"100", ""}},
	"CompareAndSwap": {func(ctx context.Context, n tier.Node, key string, cas uint64) error {
		return n.CompareAndSwap(ctx, key, cas, []byte("200"), time.Hour)
	}, []string{"200", "100"}},
	"CompareAndDelete": {func(ctx context.Context, n tier.Node, key string, cas uint64) error {
		return n.CompareAndDelete(ctx, key, cas)
	}, []string{"", "100"}},
	"Incr": {func(ctx context.Context, n tier.Node, key string, _ uint64) error {
		sum, err := n.Incr(ctx, key, 1)
		if err == nil && sum != 101 && sum != 102 || err != nil && sum != 0 {
			return errWrongValue
		}
		return err
	}, []string{"101", "100", "102"}},
	"Touch": {func(ctx context.Context, n tier.Node, key string, _ uint64) error {
		return n.Touch(ctx, key, time.Hour)
	}, []string{"100"}},
	"Delete of one": {func(ctx context.Context, n tier.Node, key string, _ uint64) error {
		return n.Delete(ctx, key)
	}, []string{"", "100"}},
	"Delete of many": {func(ctx context.Context, n tier.Node, key string, _ uint64) error {
		return n.Delete(ctx, "a", "b", "c", "d", key)
	}, []string{"", "100"}},
	"Ping": {func(ctx context.Context, n tier.Node, _ string, _ uint64) error { return n.Ping(ctx) }, []string{"100"}},
}

func TestEveryFaultMeetsEveryOperation(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	_, direct := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long})
	for name, row := range matrix {
		for _, onlyOld := range []bool{false, true} {
			want, f := row.outcome, row.fault
			if f.onlyOld = onlyOld; onlyOld {
				want = row.recovers
			}
			for op, trial := range trials {
				for _, pooled := range []bool{false, true} {
					if onlyOld && !pooled {
						continue // no connection is old
					}
					t.Run(fmt.Sprintf("%s/onlyOld=%v/%s/pooled=%v", name, onlyOld, op, pooled), func(t *testing.T) {
						t.Parallel()
						meet(t, server.Addr(), direct, f, op, trial, pooled, want)
					})
				}
			}
		}
	}
}

func meet(t *testing.T, server string, direct tier.Node, f fault, op string, trial trial, pooled bool, want outcome) {
	timeout := long
	if want == late {
		timeout = hurried
	}
	proxy := newChaos(t, server)
	client, n := open(t, memcached.Config{Servers: []string{proxy.addr}, Timeout: timeout})
	key := strings.ReplaceAll(proxy.addr+"-"+op, " ", "-")
	must(t, direct.Delete(t.Context(), key, key+"-new"))
	must(t, direct.Add(t.Context(), key, []byte("100"), time.Hour))
	for tries := 0; pooled && n.Ping(t.Context()) != nil; tries++ { // on a busy machine the short time is over now and then
		if tries == 100 {
			t.Fatal("no connection without a fault")
		}
	}

	proxy.fault.Store(&f)
	start := time.Now()
	err := trial.run(t.Context(), n, key, get(t, direct, key).CAS)
	took := time.Since(start)
	proxy.fault.Store(&none)
	must(t, client.Close())

	if err == errWrongValue || took > timeout+margin {
		t.Errorf("after %v: %v", took, err)
	}
	if got := kind(err); got != want && want != either || got == either {
		t.Errorf("outcome %d (%v), want %d", got, err, want)
	}
	if op == "Add" {
		key += "-new"
	}
	after := string(get(t, direct, key).Value)
	if !slices.Contains(trial.after, after) || err == nil && op != "Incr" && after != trial.after[0] {
		t.Errorf("the item is %q after %v", after, err)
	}
}

func kind(err error) outcome {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return late
	case err != nil && !tier.IsAnswer(err):
		return failed
	case err == nil, errors.Is(err, tier.ErrExists), errors.Is(err, tier.ErrConflict), errors.Is(err, tier.ErrNotFound): // of a repetition
		return done
	}
	return either
}
