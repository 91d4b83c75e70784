package memcached_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// A ttl is read from the bytes that are sent, at a time that synctest fixes.
func TestExpirationOnTheWire(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	bubble(t, func(t *testing.T) {
		sent := make(chan string, 1)
		_, n := open(t, memcached.Config{DialContext: overPipe(func(p *peer) {
			for {
				request, ok := p.line()
				if !ok {
					return
				}
				sent <- request
				reply := "TOUCHED"
				if !strings.HasPrefix(request, "touch") {
					p.line()
					reply = "STORED"
				}
				p.say("%s\r\n", reply)
			}
		})})
		time.Sleep(700 * time.Millisecond) // virtual: into the second, so that rounding shows
		now := time.Now().Unix()
		for ttl, want := range map[time.Duration]int64{
			1:                        2,
			300 * time.Millisecond:   2,
			time.Second:              2,
			1001 * time.Millisecond:  3,
			time.Minute:              61,
			30*day - time.Second:     30 * 24 * 3600,
			30*day - time.Second + 1: now + 30*24*3600 + 2,
			30 * day:                 now + 30*24*3600 + 2,
			45 * day:                 now + 45*24*3600 + 2,
			100 * 365 * day:          1<<31 - 1,
			tier.NoExpiry - 1:        1<<31 - 1,
			tier.NoExpiry:            0,
			38*365*day + 3*time.Hour: now + 38*365*24*3600 + 3*3600 + 2,
		} {
			must(t, n.Add(t.Context(), "k", []byte("x"), ttl))
			if got, want := <-sent, fmt.Sprintf("add k 0 %d 1", want); got != want {
				t.Errorf("ttl %v: sent %q, want %q", ttl, got, want)
			}
			must(t, n.CompareAndSwap(t.Context(), "k", 7, []byte("x"), ttl))
			if got, want := <-sent, fmt.Sprintf("cas k 0 %d 1 7", want); got != want {
				t.Errorf("ttl %v: sent %q, want %q", ttl, got, want)
			}
			must(t, n.Touch(t.Context(), "k", ttl))
			if got, want := <-sent, fmt.Sprintf("touch k %d", want); got != want {
				t.Errorf("ttl %v: sent %q, want %q", ttl, got, want)
			}
		}
		for _, ttl := range []time.Duration{0, -1, -time.Hour} {
			for name, err := range map[string]error{
				"Add":            n.Add(t.Context(), "k", []byte("x"), ttl),
				"CompareAndSwap": n.CompareAndSwap(t.Context(), "k", 7, []byte("x"), ttl),
				"Touch":          n.Touch(t.Context(), "k", ttl),
			} {
				if err == nil || tier.IsAnswer(err) || !strings.Contains(err.Error(), "use tier.NoExpiry") {
					t.Errorf("%s with ttl %v: %v", name, ttl, err)
				}
			}
		}
		if len(sent) != 0 {
			t.Errorf("a ttl of 0 or less was sent: %q", <-sent)
		}
		if err := n.Add(t.Context(), "k", nil, 0); errors.Is(err, tier.ErrRefused) {
			t.Errorf("a missing ttl is the caller's mistake and not an answer: %v", err)
		}
	})
}
