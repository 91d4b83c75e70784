package scenario

// operator.go stands at memcached's side: it sees the epochs begin, loses control
// items and fills the memory.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// operator does to the control items what no process would. Their names are those
// of docs/coherence.md.
type operator struct {
	addr   string
	client *memcache.Client
	epochs int // that watch saw begin
}

const (
	counterItem = fleet.Prefix + ":seq"
	guardItem   = fleet.Prefix + ":rot"
)

func newOperator(addr string) *operator {
	c := memcache.New(addr)
	c.Timeout = 5 * time.Second
	return &operator{addr: addr, client: c}
}

func (o *operator) close() { _ = o.client.Close() }

// counter reads the counter.
func (o *operator) counter() (uint64, error) {
	item, err := o.client.Get(counterItem)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(string(item.Value), 10, 64)
}

// watch counts the epochs, until ctx ends.
func (o *operator) watch(ctx context.Context) {
	var last uint64
	for sleep(ctx, 20*time.Millisecond) {
		n, err := o.counter()
		if epoch := n >> 32; err == nil && epoch != last {
			if last != 0 {
				o.epochs++
			}
			last = epoch
		}
	}
}

// forgetGuard makes memcached forget that an outage was answered by a new epoch,
// as it does after a minute.
func (o *operator) forgetGuard() error { return o.delete(guardItem) }

func (o *operator) delete(key string) error {
	if err := o.client.Delete(key); err != nil && !errors.Is(err, memcache.ErrCacheMiss) {
		return fmt.Errorf("scenario: delete %s: %w", key, err)
	}
	return nil
}

// lose deletes a control item, and says which: mostly one of the last records.
func (o *operator) lose() (kind string, err error) {
	switch rand.N(20) {
	case 0:
		return "counter", o.delete(counterItem)
	case 1:
		return "guard", o.forgetGuard()
	}
	n, err := o.counter()
	if errors.Is(err, memcache.ErrCacheMiss) {
		return "nothing", nil // between two epochs
	}
	if err != nil {
		return "", err
	}
	return "record", o.delete(fleet.Prefix + ":g:" + strconv.FormatUint(n-rand.Uint64N(3), 36))
}

// fill writes items that nobody wants, of all sizes, so that memcached has to
// throw out others.
func (o *operator) fill() error {
	value := make([]byte, 100<<rand.N(11)) // up to 100 KiB
	for range 50 {
		err := o.client.Set(&memcache.Item{Key: fmt.Sprint("filler:", rand.N(100_000)), Value: value[:len(value)/2+rand.N(len(value)/2)]})
		if err != nil && !isNoRoom(err) {
			return fmt.Errorf("scenario: fill memcached: %w", err)
		}
	}
	return nil
}

// isNoRoom reports whether err says that memcached could not even evict:
// gomemcache has no error for it, and quotes the server.
func isNoRoom(err error) bool { return strings.Contains(err.Error(), "SERVER_ERROR out of memory") }

// evictions is how many items memcached threw out.
func (o *operator) evictions() (n int, err error) {
	c, err := net.DialTimeout("tcp", o.addr, 5*time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if _, err := io.WriteString(c, "stats\r\nquit\r\n"); err != nil {
		return 0, err
	}
	reply, err := io.ReadAll(c)
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(reply), "STAT evictions ")
	_, err = fmt.Sscan(rest, &n)
	return n, err
}
