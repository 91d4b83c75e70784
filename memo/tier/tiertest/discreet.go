package tiertest

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// discreet.go checks what a Node says of a call that failed, which is read by
// people who may not read what the call was about.

func errorsAreDiscreet(j *judge, open func() tier.Shared) {
	const name, value = "whose-key", "whose-value"
	n, there, none := j.node(open), j.key(name), j.key(name+"-none")
	j.add(n, there, value, time.Hour)
	ended, cancel := context.WithCancel(j.ctx)
	cancel()
	for what, ctx := range map[string]context.Context{"that failed": j.ctx, "after its ctx had ended": ended} {
		for _, key := range []string{there, none, j.key(name + "\r\n"), j.prefix + name + strings.Repeat("k", 1000)} {
			for method, err := range failures(ctx, n, key, value) {
				if err == nil {
					continue
				}
				if text := err.Error(); strings.Contains(text, name) || strings.Contains(text, value) {
					j.broken("the error of %s %s has the key or the value in its text: %.200q", method, what, text)
				}
			}
		}
	}
}

// failures calls each method so that it fails, where key or a ctx that has ended
// does not make it fail anyhow.
func failures(ctx context.Context, n tier.Node, key, value string) map[string]error {
	return map[string]error{
		"GetMulti":                   n.GetMulti(ctx, []string{key}, make([]tier.Item, 1)),
		"Incr of no number":          second(n.Incr(ctx, key, 1)),
		"CompareAndSwap":             n.CompareAndSwap(ctx, key, 1, []byte(value), time.Hour),
		"CompareAndDelete":           n.CompareAndDelete(ctx, key, 1),
		"Touch":                      n.Touch(ctx, key, 0),
		"Add of a large value":       n.Add(ctx, key, bytes.Repeat([]byte(value), 1<<17), time.Hour),
		"Add":                        n.Add(ctx, key, []byte(value), time.Hour),
		"Add of a present key":       n.Add(ctx, key, []byte(value), time.Hour),
		"Add without a ttl":          n.Add(ctx, key, []byte(value), 0),
		"Delete":                     n.Delete(ctx, key),
		"Delete of an absent key":    n.Delete(ctx, key),
		"Touch of an absent key":     n.Touch(ctx, key, time.Hour),
		"Incr of an absent key":      second(n.Incr(ctx, key, 1)),
		"CompareAndSwap of nothing":  n.CompareAndSwap(ctx, key, 1, []byte(value), time.Hour),
		"CompareAndSwap without ttl": n.CompareAndSwap(ctx, key, 1, []byte(value), 0),
	}
}

func second(_ uint64, err error) error { return err }
