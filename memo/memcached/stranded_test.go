package memcached_test

// stranded_test.go has requests on pipelines that do not come back, or come back with what
// nobody has asked for.

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// A machine in between has forgotten some of the connections: who is on one alone is late,
// and who shares it with others leaves it in time.
func TestPipelinesThatAreOvertakenAreLeft(t *testing.T) {
	t.Parallel()
	for _, hang := range []int64{3, 6} { // two who go alone, and one or all that go together
		bubble(t, func(t *testing.T) {
			_, n := open(t, memcached.Config{DialContext: echoes(func(connection int64, keys []string, p io.Writer) bool {
				if connection <= hang {
					time.Sleep(time.Hour)
				}
				return echo(keys, p)
			})})
			late, left := 0, 0
			took, errs := crowd(t, n, 400, 100*time.Microsecond)
			for i := range took {
				switch {
				case errs[i] != nil:
					late++
				case took[i] > budget/2 && took[i] < budget*6/10:
					left++
				case took[i] > 20*time.Millisecond:
					t.Errorf("%d hang: k%d took %v", hang, i, took[i])
				}
			}
			if late != 2 {
				t.Errorf("%d hang: %d of 400 were late, want the two who were alone", hang, late)
			}
			if most := int(hang-2) * 50; left == 0 || left > most {
				t.Errorf("%d hang: %d of 400 left, want those who came in 5 ms for each, at most %d", hang, left, most)
			}
		})
	}
}

// A server that is slow has enough to do: nobody asks it twice.
func TestSlowServerIsNotAskedTwice(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var asked atomic.Int64
		_, n := open(t, memcached.Config{DialContext: echoes(func(_ int64, keys []string, p io.Writer) bool {
			asked.Add(int64(len(keys)))
			time.Sleep(budget * 7 / 10)
			return echo(keys, p)
		})})
		for range 3 {
			took, errs := crowd(t, n, 40, 100*time.Microsecond)
			for i := range took {
				if errs[i] != nil {
					t.Errorf("k%d took %v: %v", i, took[i], errs[i])
				}
			}
		}
		if got := asked.Load(); got != 3*40 {
			t.Errorf("%d requests for 120 reads", got)
		}
	})
}

// Who has less time than the Client does not leave the connection taken for the rest of it.
func TestPipelineTakesAsLongAsItsRequestsMay(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		const patience = budget / 5
		var held atomic.Int64 // the longest time for which a connection was
		begin := time.Now()
		_, n := open(t, memcached.Config{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := echoes(func(_ int64, keys []string, p io.Writer) bool { time.Sleep(time.Hour); return false })(ctx, network, address)
			return closing{nc, func() { held.Store(int64(time.Since(begin))) }}, err
		}})
		var group sync.WaitGroup
		for i := range 50 {
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				if n.GetMulti(ctx, []string{fmt.Sprint("k", i)}, make([]tier.Item, 1)) == nil {
					t.Errorf("k%d was answered", i)
				}
			})
		}
		group.Wait()
		time.Sleep(2 * budget)
		if got := time.Duration(held.Load()); got != patience {
			t.Errorf("the last connection was closed after %v, and nobody waited for longer than %v", got, patience)
		}
	})
}

type closing struct {
	net.Conn
	closed func()
}

func (c closing) Close() error { c.closed(); return c.Conn.Close() }

// Something in between answers a request twice: of those behind it each would get another's
// answer, until one is left over.
func TestAnswersThatMayBeAnothersAreNobodys(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var doubled atomic.Bool
		_, n := open(t, memcached.Config{DialContext: echoes(func(_ int64, lines []string, p io.Writer) bool {
			var text strings.Builder
			for _, line := range lines { // touch KEY SECONDS
				said := "NOT_FOUND\r\n"
				if strings.Contains(line, "there") {
					said = "TOUCHED\r\n"
				}
				text.WriteString(said)
				if len(lines) > 4 && !doubled.Swap(true) {
					text.WriteString(said)
				}
			}
			_, err := io.WriteString(p, text.String())
			return err == nil
		})})
		var group sync.WaitGroup
		for i := range 50 {
			group.Go(func() {
				key, want := fmt.Sprint("there", i), error(nil)
				if i%2 == 0 {
					key, want = fmt.Sprint("absent", i), tier.ErrNotFound
				}
				if err := n.Touch(t.Context(), key, time.Minute); err != want {
					t.Errorf("%s: %v, want %v", key, err, want)
				}
			})
		}
		group.Wait()
		if !doubled.Load() {
			t.Error("nobody went together")
		}
	})
}

// The application's DialContext ends its goroutine, as a FailNow in a test: Close has
// nothing to wait for.
func TestGoexitOfADialerIsTheEndOfNoOther(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var dials atomic.Int64
		dial := echoes(func(_ int64, keys []string, p io.Writer) bool { return echo(keys, p) })
		_, n := open(t, memcached.Config{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if dials.Add(1) == 3 { // of the first that go together
				runtime.Goexit()
			}
			return dial(ctx, network, address)
		}})
		if _, errs := crowd(t, n, 50, 0); dials.Load() < 3 {
			t.Errorf("nobody went together: %v", errs)
		}
	})
}
