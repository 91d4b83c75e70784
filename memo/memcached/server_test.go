package memcached_test

// server_test.go: the contract of tier.Node on a real memcached.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

func started(t testing.TB, args ...string) tier.Node {
	t.Helper()
	_, n := open(t, memcached.Config{Servers: []string{mcserver.ForTest(t, args...).Addr()}, Timeout: long})
	return n
}

func answers(t *testing.T, op string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) || !tier.IsAnswer(err) {
		t.Errorf("%s: %v, want %v", op, err, want)
	}
}

func TestAnItemFromAddToDelete(t *testing.T) {
	t.Parallel()
	n, ctx := started(t), t.Context()

	if got := get(t, n, "k"); got.Found() || got.Value != nil {
		t.Fatalf("absent: %+v", got)
	}
	answers(t, "swap of nothing", n.CompareAndSwap(ctx, "k", 1, []byte("x"), time.Minute), tier.ErrNotFound)
	answers(t, "conditional delete of nothing", n.CompareAndDelete(ctx, "k", 1), tier.ErrNotFound)
	answers(t, "touch of nothing", n.Touch(ctx, "k", time.Minute), tier.ErrNotFound)
	must(t, n.Delete(ctx, "k"))

	must(t, n.Add(ctx, "k", []byte("one"), time.Minute))
	answers(t, "second add", n.Add(ctx, "k", []byte("other"), time.Minute), tier.ErrExists)
	one := get(t, n, "k")
	if string(one.Value) != "one" || !one.Found() {
		t.Fatalf("after Add: %+v", one)
	}

	must(t, n.Touch(ctx, "k", tier.NoExpiry))
	if got := get(t, n, "k"); got.CAS != one.CAS {
		t.Errorf("Touch changed the CAS id")
	}
	must(t, n.CompareAndSwap(ctx, "k", one.CAS, []byte("two"), time.Minute))
	answers(t, "swap of an old version", n.CompareAndSwap(ctx, "k", one.CAS, []byte("late"), time.Minute), tier.ErrConflict)
	answers(t, "delete of an old version", n.CompareAndDelete(ctx, "k", one.CAS), tier.ErrConflict)
	two := get(t, n, "k")
	if string(two.Value) != "two" || two.CAS == one.CAS {
		t.Fatalf("after CompareAndSwap: %+v", two)
	}

	must(t, n.CompareAndDelete(ctx, "k", two.CAS))
	if got := get(t, n, "k"); got.Found() {
		t.Errorf("after CompareAndDelete: %+v", got)
	}
	answers(t, "conditional delete repeated", n.CompareAndDelete(ctx, "k", two.CAS), tier.ErrNotFound)
	must(t, n.Add(ctx, "k", []byte("three"), 45*24*time.Hour))
	if got := get(t, n, "k"); string(got.Value) != "three" {
		t.Errorf("a ttl of 45 days: %+v", got)
	}
	must(t, n.Delete(ctx, "k"))
	if got := get(t, n, "k"); got.Found() {
		t.Errorf("after Delete: %+v", got)
	}
	must(t, n.Ping(ctx))
}

func TestIncrCountsWhatIsANumber(t *testing.T) {
	t.Parallel()
	n, ctx := started(t), t.Context()
	_, err := n.Incr(ctx, "k", 1)
	answers(t, "incr of nothing", err, tier.ErrNotFound)

	must(t, n.Add(ctx, "k", fmt.Appendf(nil, "%d", uint64(math.MaxUint64-2)), time.Minute))
	before := get(t, n, "k")
	sum, err := n.Incr(ctx, "k", 2)
	must(t, err)
	after := get(t, n, "k")
	if sum != math.MaxUint64 || string(after.Value) != "18446744073709551615" || after.CAS == before.CAS {
		t.Errorf("sum %d, item %+v", sum, after)
	}

	must(t, n.Add(ctx, "text", []byte("seven"), time.Minute))
	if sum, err := n.Incr(ctx, "text", 1); err == nil || tier.IsAnswer(err) || sum != 0 || !strings.Contains(err.Error(), "non-numeric") {
		t.Errorf("incr of text: %d, %v", sum, err)
	}
}

func TestAnyBytesAreAValue(t *testing.T) {
	t.Parallel()
	n := started(t)
	for i, value := range [][]byte{nil, {}, []byte("\r\n"), []byte("END\r\n"), []byte("VALUE a 0 1 1\r\nx\r\nEND\r\n"), {0, 255}, bytes.Repeat([]byte("x\n"), 200_000)} {
		key := fmt.Sprint("k", i)
		must(t, n.Add(t.Context(), key, value, time.Minute))
		for _, keys := range [][]string{{key}, {"absent", key}} {
			items := make([]tier.Item, len(keys))
			must(t, n.GetMulti(t.Context(), keys, items))
			got := items[len(items)-1]
			if got.Value == nil || !got.Found() || !bytes.Equal(got.Value, value) {
				t.Errorf("value %d of %d bytes came back as %d (nil: %v)", i, len(value), len(got.Value), got.Value == nil)
			}
		}
	}
}

func TestGetMultiFillsEveryPlace(t *testing.T) {
	t.Parallel()
	n, ctx := started(t), t.Context()
	keys := make([]string, 2000)
	for i := range keys {
		keys[i] = fmt.Sprint("key-", i/2) // each twice
		if i%4 == 0 {
			must(t, n.Add(ctx, keys[i], []byte(keys[i]), time.Minute))
		}
	}
	items := make([]tier.Item, len(keys))
	for i := range items {
		items[i] = tier.Item{Value: []byte("left from the last use"), CAS: 1}
	}
	must(t, n.GetMulti(ctx, keys, items))
	for i, item := range items {
		switch present := i/2%2 == 0; {
		case present && string(item.Value) != keys[i], !present && (item.Found() || item.Value != nil):
			t.Fatalf("%s is %+v", keys[i], item)
		}
	}
	must(t, n.GetMulti(ctx, nil, nil))
	if err := n.GetMulti(ctx, keys, items[:1]); err == nil || tier.IsAnswer(err) {
		t.Errorf("too few items: %v", err)
	}
}

func TestDeleteOfMany(t *testing.T) {
	t.Parallel()
	n, ctx := started(t), t.Context()
	for count := range 12 {
		keys := make([]string, count)
		for i := range keys {
			keys[i] = fmt.Sprint("key-", i)
			if i != 1 { // one is absent
				must(t, n.Add(ctx, keys[i], nil, time.Minute))
			}
		}
		must(t, n.Delete(ctx, keys...))
		items := make([]tier.Item, count)
		must(t, n.GetMulti(ctx, keys, items))
		for i, item := range items {
			if item.Found() {
				t.Errorf("of %d, %s is still there", count, keys[i])
			}
		}
	}
	must(t, n.Add(ctx, "kept", nil, time.Minute))
	answers(t, "delete with an empty key", n.Delete(ctx, "kept", "a", "b", "c", ""), tier.ErrRefused)
	if got := get(t, n, "kept"); !got.Found() {
		t.Error("keys were deleted beside one that is no key")
	}
}

func TestTheLargestValueFitsAndALargerOneIsRefused(t *testing.T) {
	t.Parallel()
	n, ctx := started(t), t.Context()
	key := strings.Repeat("k", 250)
	largest := make([]byte, 1<<20-512)
	must(t, n.Add(ctx, key, largest, time.Minute))
	kept := get(t, n, key)
	if len(kept.Value) != len(largest) {
		t.Fatalf("%d bytes came back", len(kept.Value))
	}
	for size, value := range map[string][]byte{"one more": make([]byte, len(largest)+1), "8 MiB": make([]byte, 8<<20)} {
		answers(t, "add of "+size, n.Add(ctx, "new", value, time.Minute), tier.ErrRefused)
		answers(t, "swap for "+size, n.CompareAndSwap(ctx, key, kept.CAS, value, time.Minute), tier.ErrRefused)
	}
	if got := get(t, n, key); got.CAS != kept.CAS {
		t.Error("a refused swap changed the item")
	}
}

// The server may hold less than MaxItemSize says.
func TestAnItemThatTheServerCannotHoldIsRefused(t *testing.T) {
	t.Parallel()
	small, ctx := started(t, "-I", "512k"), t.Context()
	value := make([]byte, 700_000)
	must(t, small.Add(ctx, "k", []byte("kept"), time.Minute))
	kept := get(t, small, "k")
	answers(t, "add over -I", small.Add(ctx, "new", value, time.Minute), tier.ErrRefused)
	answers(t, "swap over -I", small.CompareAndSwap(ctx, "k", kept.CAS, value, time.Minute), tier.ErrRefused)
	if got := get(t, small, "k"); string(got.Value) != "kept" {
		t.Errorf("the item after a refused swap: %q", got.Value)
	}

	full := started(t, "-M", "-m", "1", "-I", "512k")
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = full.Add(ctx, fmt.Sprint("k", i), make([]byte, 100_000), time.Minute)
	}
	answers(t, "add to a full server that may not evict", err, tier.ErrRefused)
	if err != nil && !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("the error does not say why: %v", err)
	}
	must(t, full.Delete(ctx, "k0"))
}

// gomemcache alone fails 50 of the 60.
func TestARestartedServerCostsNoOperation(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	connections := counter{each: make(chan struct{}, 1000)}
	client, n := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long, DialContext: connections.dial})

	for round := range 3 {
		// While the server is stopped each operation needs a connection of its own.
		idle := connections.open.Load()
		must(t, server.Pause())
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				if err := n.Ping(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		for range 50 - idle {
			<-connections.each
		}
		must(t, server.Resume())
		group.Wait()
		if open := connections.open.Load(); open != 50 {
			t.Fatalf("%d connections in the pool", open)
		}

		must(t, server.Restart())
		dialed := connections.dialed.Load()
		for i := range 60 {
			key := fmt.Sprint("key-", i)
			ops := []func() error{
				func() error { return n.GetMulti(t.Context(), []string{key}, make([]tier.Item, 1)) },
				func() error { return n.Delete(t.Context(), key) },
				func() error { return n.Add(t.Context(), key, []byte("1"), time.Minute) },
				func() error { _, err := n.Incr(t.Context(), "key-0", 1); return err },
				func() error { return n.Ping(t.Context()) },
				func() error { return n.Touch(t.Context(), key, time.Minute) },
			}
			if err := ops[(i+round)%len(ops)](); !tier.IsAnswer(err) {
				t.Errorf("operation %d after the restart: %v", i, err)
			}
			if open := connections.open.Load(); open != 1 {
				t.Fatalf("%d connections after operation %d: the dead ones were kept", open, i)
			}
		}
		if more := connections.dialed.Load() - dialed; more != 1 {
			t.Errorf("%d connections were dialed for 60 operations in a row", more)
		}
		<-connections.each
	}
	must(t, client.Close())
	if open := connections.open.Load(); open != 0 {
		t.Errorf("%d connections open after Close", open)
	}
}

func TestADeadServerIsAnErrorAndAReturnedOneIsNot(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	_, n := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: 100 * time.Millisecond})
	must(t, n.Ping(t.Context()))
	must(t, server.Pause())
	var group sync.WaitGroup
	for op, run := range operations(n) {
		group.Go(func() {
			if err := run(t.Context(), "secret"); !errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s on a stopped server: %v", op, err)
			}
		})
	}
	group.Wait()
	must(t, server.Kill())
	for op, run := range operations(n) {
		err := run(t.Context(), "secret")
		if err == nil || tier.IsAnswer(err) || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), server.Addr()) {
			t.Errorf("%s on a killed server: %v", op, err)
		}
	}
	must(t, server.Restart())
	if err := n.Ping(context.Background()); err != nil {
		t.Errorf("after its return: %v", err)
	}
}

func TestManyAtOnceLeaveOnlyIdleConnectionsAndCloseLeavesNone(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	var connections counter
	client, n := open(t, memcached.Config{Servers: []string{server.Addr()}, Timeout: long, MaxIdleConns: 3, DialContext: connections.dial})
	must(t, n.Add(t.Context(), "count", []byte("0"), time.Minute))
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			for i := range 50 {
				key := fmt.Sprintf("%d-%d", worker, i)
				_, err := n.Incr(ctx, "count", 1)
				err = errors.Join(err, n.Add(ctx, key, []byte(key), time.Minute))
				items := make([]tier.Item, 3)
				err = errors.Join(err, n.GetMulti(ctx, []string{"count", "absent", key}, items))
				if err != nil || string(items[2].Value) != key || items[1].Found() || !items[0].Found() {
					t.Errorf("%s: %v, %+v", key, err, items)
				}
			}
		})
	}
	group.Wait()
	if got := get(t, n, "count"); string(got.Value) != "800" {
		t.Errorf("count is %s", got.Value)
	}
	if open := connections.open.Load(); open > 3 || open < 1 {
		t.Errorf("%d connections are open", open)
	}
	must(t, client.Close())
	if open := connections.open.Load(); open != 0 {
		t.Errorf("%d connections are open after Close", open)
	}
}
