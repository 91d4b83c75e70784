package memcached_test

// pipeline_test.go has many small requests at once, which travel together.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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

// writes counts what is written at once.
type writes struct {
	net.Conn
	n *atomic.Int64
}

func (w writes) Write(p []byte) (int, error) {
	w.n.Add(1)
	return w.Conn.Write(p)
}

// Of each kind of request many, and each gets the answer to its own.
func TestManyAtOnceTravelTogether(t *testing.T) {
	t.Parallel()
	const many = 200
	var written atomic.Int64
	_, n := open(t, memcached.Config{Servers: []string{mcserver.ForTest(t).Addr()}, Timeout: long,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, address)
			return writes{nc, &written}, err
		}})
	ctx := t.Context()
	all := func(do func(i int, key string) error) {
		t.Helper()
		var group sync.WaitGroup
		for i := range many {
			group.Go(func() {
				if err := do(i, fmt.Sprint("k", i)); err != nil {
					t.Errorf("k%d: %v", i, err)
				}
			})
		}
		group.Wait()
	}
	want := func(err, want error) error {
		if errors.Is(err, want) {
			return nil
		}
		return fmt.Errorf("%w, want %v", err, want)
	}
	value := func(i int) string { return fmt.Sprint("value of ", i, "\r\nEND\r\n") }
	items := make([][2]tier.Item, many)
	read := func(i int, key string) error { return n.GetMulti(ctx, []string{key, "absent"}, items[i][:]) }

	all(func(i int, key string) error { return n.Add(ctx, key, []byte(value(i)), time.Minute) })
	all(func(_ int, key string) error { return want(n.Add(ctx, key, nil, time.Minute), tier.ErrExists) })
	all(read)
	for i := range items {
		if got := string(items[i][0].Value); got != value(i) || items[i][1].Found() {
			t.Errorf("k%d is %q", i, got)
		}
	}
	all(func(i int, key string) error {
		return n.CompareAndSwap(ctx, key, items[i][0].CAS, []byte("second"), time.Minute)
	})
	all(func(i int, key string) error {
		return want(n.CompareAndSwap(ctx, key, items[i][0].CAS, nil, time.Minute), tier.ErrConflict)
	})
	all(func(_ int, key string) error {
		return want(n.CompareAndSwap(ctx, "no"+key, 1, nil, time.Minute), tier.ErrNotFound)
	})
	all(func(_ int, key string) error { return n.Touch(ctx, key, time.Hour) })
	all(read)
	all(func(i int, key string) error {
		if i%2 == 0 {
			return n.Delete(ctx, key)
		}
		return n.CompareAndDelete(ctx, key, items[i][0].CAS)
	})
	all(func(_ int, key string) error { return want(n.Touch(ctx, key, time.Hour), tier.ErrNotFound) })
	all(func(_ int, key string) error { return n.Delete(ctx, key) })
	if sent := written.Load(); sent > 11*many/2 {
		t.Errorf("%d requests were %d writes", 11*many, sent)
	}
}

// crowd has many reads, one after the other by apart, over a script that answers each with
// its key. It returns how long each took, and its error.
func crowd(t *testing.T, n tier.Node, many int, apart time.Duration) ([]time.Duration, []error) {
	t.Helper()
	took, errs := make([]time.Duration, many), make([]error, many)
	var group sync.WaitGroup
	for i := range many {
		group.Go(func() {
			time.Sleep(time.Duration(i) * apart)
			var items [1]tier.Item
			begin := time.Now()
			errs[i] = n.GetMulti(t.Context(), []string{fmt.Sprint("k", i)}, items[:])
			took[i] = time.Since(begin)
			if errs[i] == nil && string(items[0].Value) != fmt.Sprint("k", i) {
				t.Errorf("k%d is %q", i, items[0].Value)
			}
		})
	}
	group.Wait()
	return took, errs
}

// echoes answers each gets with a value that is its key, a millisecond after all that has
// come at once; change may answer for it.
func echoes(change func(connection int64, keys []string, p io.Writer) (goOn bool)) dialFunc {
	var dials atomic.Int64
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		connection := dials.Add(1)
		go func() {
			defer server.Close()
			lines := bufio.NewReaderSize(server, 1<<20)
			for {
				var keys []string
				for first := true; first || lines.Buffered() > 0; first = false {
					line, err := lines.ReadString('\n')
					if err != nil {
						return
					}
					keys = append(keys, strings.TrimSpace(strings.TrimPrefix(line, "gets ")))
				}
				time.Sleep(time.Millisecond)
				if !change(connection, keys, server) {
					return
				}
			}
		}()
		return client, nil
	}
}

func echo(keys []string, p io.Writer) bool {
	var text strings.Builder
	for _, key := range keys {
		fmt.Fprintf(&text, "VALUE %s 0 %d 1\r\n%s\r\nEND\r\n", key, len(key), key)
	}
	_, err := io.WriteString(p, text.String())
	return err == nil
}

// Something comes back in the midst that is no answer, or nothing: who was answered before
// it has its answer, and the others go alone.
func TestWhoIsNotAnsweredTogetherGoesAlone(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(p io.Writer) bool{
		"nonsense":        func(p io.Writer) bool { _, err := io.WriteString(p, "nonsense\r\n"); return err == nil },
		"an error":        func(p io.Writer) bool { _, err := io.WriteString(p, "SERVER_ERROR busy\r\n"); return err == nil },
		"another's value": func(p io.Writer) bool { return echo([]string{"other"}, p) },
		"the end":         func(io.Writer) bool { return false },
	} {
		bubble(t, func(t *testing.T) {
			var spoiled atomic.Bool
			_, n := open(t, memcached.Config{DialContext: echoes(func(_ int64, keys []string, p io.Writer) bool {
				if len(keys) < 5 || spoiled.Swap(true) {
					return echo(keys, p)
				}
				return echo(keys[:2], p) && spoil(p)
			})})
			_, errs := crowd(t, n, 50, 0)
			if err := errors.Join(errs...); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if !spoiled.Load() {
				t.Errorf("%s: nobody went together", name)
			}
		})
	}
}

// One connection hangs, on which several are, and nobody is late.
func TestPipelineThatHangsHoldsUpNobody(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var hanging atomic.Int64
		_, n := open(t, memcached.Config{DialContext: echoes(func(_ int64, keys []string, p io.Writer) bool {
			if len(keys) >= 5 && hanging.Add(1) == 1 {
				time.Sleep(time.Hour)
			}
			return echo(keys, p)
		})})
		if _, errs := crowd(t, n, 50, 100*time.Microsecond); errors.Join(errs...) != nil || hanging.Load() == 0 {
			t.Error(errors.Join(errs...))
		}
	})
}

// Who is cancelled leaves, and takes nobody along.
func TestCancelledRequestLeavesItsPipeline(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		_, n := open(t, memcached.Config{DialContext: echoes(func(_ int64, keys []string, p io.Writer) bool {
			time.Sleep(100 * time.Millisecond)
			return echo(keys, p)
		})})
		var group sync.WaitGroup
		for i := range 50 {
			group.Go(func() {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if i%2 == 0 {
					time.AfterFunc(30*time.Millisecond, cancel)
				}
				begin, items := time.Now(), [1]tier.Item{}
				err := n.GetMulti(ctx, []string{fmt.Sprint("k", i)}, items[:])
				switch took := time.Since(begin); {
				case i%2 == 0 && (took != 30*time.Millisecond || !errors.Is(err, context.Canceled)):
					t.Errorf("k%d, cancelled, took %v: %v", i, took, err)
				case i%2 != 0 && (err != nil || string(items[0].Value) != fmt.Sprint("k", i)):
					t.Errorf("k%d is %q: %v", i, items[0].Value, err)
				}
			})
		}
		group.Wait()
	})
}

// The application's connection panics: in those who asked, and nowhere else.
func TestPanicOfAConnectionIsThatOfWhoAsks(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var dials, panicked atomic.Int64
		dial := echoes(func(_ int64, keys []string, p io.Writer) bool { return echo(keys, p) })
		_, n := open(t, memcached.Config{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if dials.Add(1) > 2 {
				panic("the application's")
			}
			return dial(ctx, network, address)
		}})
		var group sync.WaitGroup
		for i := range 50 {
			group.Go(func() {
				defer func() {
					if recover() != nil {
						panicked.Add(1)
					}
				}()
				_ = n.GetMulti(t.Context(), []string{fmt.Sprint("k", i)}, make([]tier.Item, 1))
			})
		}
		group.Wait()
		synctest.Wait()
		if panicked.Load() == 0 {
			t.Error("nobody has seen the panic")
		}
	})
}
