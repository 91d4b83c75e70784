package memcached_test

import (
	"bufio"
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// interrupting is a ctx as the engine's: it says when it ends before its deadline, and
// whoever asks for its Done gets one that never comes.
type interrupting struct {
	context.Context
	interrupts chan func()
}

func (c interrupting) Interrupts(f func()) (stop func() bool) {
	c.interrupts <- f
	return func() bool { return false } // f has begun
}

func TestCallEndsWithTheInterruptsOfItsCtx(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := memcached.NewFromConfig(memcached.Config{Servers: []string{"silent:11211"}, Timeout: time.Minute, DialContext: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() { // reads the request, and never answers
				_, _ = bufio.NewReader(theirs).ReadString('\n')
			}()
			t.Cleanup(func() { _ = theirs.Close() })
			return ours, nil
		}})
		must(t, err)
		ctx := interrupting{context.Background(), make(chan func(), 1)}
		go func() {
			f := <-ctx.interrupts
			time.Sleep(time.Second)
			f()
		}()
		begin := time.Now()
		if err := c.Nodes()[0].GetMulti(ctx, []string{"k"}, make([]tier.Item, 1)); err == nil || time.Since(begin) != time.Second {
			t.Errorf("ended after %v with %v, want after 1s", time.Since(begin), err)
		}
		must(t, c.Close())
	})
}
