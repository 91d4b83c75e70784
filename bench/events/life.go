package events

// life.go has the start and the end of a cache.

import (
	"context"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
)

// Events of this file.
const (
	LifeGroup = "Start and Close"
	Life      = "make a cache for 10k entries, load one, close it"
	LifeFar   = "the same with a shared tier"
)

func lives() []lab.Event {
	near := lab.Event{Group: LifeGroup, Name: Life}
	for _, p := range append(peer.Matrix[data.Small](), peer.Others[data.Small]()...) {
		if p.Closure || p.Name == "groupcache" {
			continue // the same again, or one that cannot be closed and would pile up
		}
		near.Contenders = append(near.Contenders, contender(p, func(lab.Env) (lab.Bench, error) {
			var failed error
			return lab.Bench{Loop: func(n int) {
				for range n {
					c, err := p.New(stringOptions(smalls, 10_000))
					if err == nil {
						_, err = c.Get(c.Context(), "user:7")
						_ = c.Close()
					}
					if err != nil {
						failed = err
					}
				}
			}, Check: func() error { return failed }}, nil
		}))
	}
	far := lab.Event{Group: LifeGroup, Name: LifeFar, Contenders: []lab.Contender{
		{Name: "tiermemo", Needs: "memcached", New: func(env lab.Env) (lab.Bench, error) {
			prefix := space()
			var failed error
			return lab.Bench{Loop: func(n int) {
				for range n {
					c, err := peer.NewShared(env.Memcached, prefix, 10_000)
					if err == nil {
						err = c.Close(context.Background())
					}
					if err != nil {
						failed = err
					}
				}
			}, Check: func() error { return failed }}, nil
		}},
	}}
	return []lab.Event{near, far}
}
