package events

// miss.go has what a load costs apart from the loading, and a mix of reads and writes.

import (
	"context"
	"fmt"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
	"github.com/tiermemo/tiermemo/memo"
)

// Events of this file.
const (
	MissGroup  = "Miss, and writes"
	MissEvent  = "miss: the loader takes no time, the cache is full and turns over"
	MissAlone  = "miss: the loader takes no time, and only the request keeps the value"
	Goroutine  = "a goroutine and a channel"
	Grown      = "a goroutine whose stack grows once, a channel, and the memory of an entry"
	missKeys   = 1 << 16
	missRoom   = 10_000
	mixedKeys  = 10_000
	writeEvent = "mixed: zipf over 10k keys, %d%% of the calls are writes that delete"
)

// Mixed is the name of the mix with so many writes in a hundred calls.
func Mixed(percent int) string { return fmt.Sprintf(writeEvent, percent) }

func misses() []lab.Event {
	e := lab.Event{Group: MissGroup, Name: MissEvent}
	for _, p := range append(peer.Matrix[data.Small](), peer.Others[data.Small]()...) {
		if p.Name == "eko/gocache" || p.Name == "groupcache" {
			continue // the one has no bound, the other one in bytes: they would hit
		}
		e.Contenders = append(e.Contenders, missing(p))
	}
	e.Contenders = append(e.Contenders, missing(peer.Named[string, data.Small]{Name: "groupcache", New: smallGroup}))
	e.Contenders = append(e.Contenders, onGoroutine(Grown, func() data.Small {
		_ = deep(0)
		kept = &entry{value: data.NewSmall(7)}
		return kept.value
	}))
	return []lab.Event{e, missAlone(), mixed(1), mixed(10)}
}

// smallGroup has room for as many of these entries as the others: it counts 23 bytes for
// each, and not entryBytes.
func smallGroup(o peer.Options[string, data.Small]) (peer.Cache[string, data.Small], error) {
	o.Size /= 45
	return peer.NewGroupcache(o)
}

func missing(p peer.Named[string, data.Small]) lab.Contender {
	return contender(p, func(env lab.Env) (lab.Bench, error) {
		o := stringOptions(smalls, 0)
		o.Size = env.N(missRoom)
		c, err := p.New(o)
		if err != nil {
			return lab.Bench{}, err
		}
		ks, at := data.Texts(numbers(env.Stream(missKeys))), 0
		run := func(n int) { look(c, ks, at, n); at += n }
		run(env.N(2 * missRoom)) // until it is full
		return lab.Bench{Loop: run, Close: closing(c)}, nil
	})
}

// missAlone is a miss without the tiers below: what is left is the flight. A request asks
// for a hundred keys.
func missAlone() lab.Event {
	const keys = 100
	return lab.Event{Group: MissGroup, Name: MissAlone, Contenders: []lab.Contender{
		{Name: peer.Func, New: func(lab.Env) (lab.Bench, error) {
			c, err := newMemo(1000)
			if err != nil {
				return lab.Bench{}, err
			}
			f := memo.NewFunc(c, "user", func(context.Context, int) (data.Small, error) { return data.NewSmall(7), nil }, memo.NoStore())
			return lab.Bench{Loop: func(n int) {
				for ; n > 0; n -= keys {
					ctx, end := c.Begin(context.Background())
					for k := range min(n, keys) {
						_, _ = f.Do(ctx, k)
					}
					end()
				}
			}, Close: func() { _ = c.Close(context.Background()) }}, nil
		}},
		onGoroutine(Goroutine, func() data.Small { return data.NewSmall(7) }),
	}}
}

// onGoroutine is a load on a goroutine of its own, and nothing else.
func onGoroutine(name string, load func() data.Small) lab.Contender {
	return lab.Contender{Name: name, Floor: true, New: func(lab.Env) (lab.Bench, error) {
		return lab.Bench{Loop: func(n int) {
			for range n {
				loaded := make(chan data.Small, 1)
				go func() { loaded <- load() }()
				<-loaded
			}
		}}, nil
	}}
}

// entry is as large as one of L2.
type entry struct {
	value data.Small
	_     [128 - 24]byte
}

var kept *entry // so that it is on the heap

// deep needs a larger stack than a goroutine begins with, as most loaders do.
//
//go:noinline
func deep(at int) byte {
	var room [2 << 10]byte
	return room[at&(len(room)-1)]
}

func mixed(percent int) lab.Event {
	e := lab.Event{Group: MissGroup, Name: Mixed(percent)}
	for _, p := range append(peer.Matrix[data.Small](), peer.Others[data.Small]()...) {
		if p.Name == "groupcache" {
			continue // it forgets nothing
		}
		e.Contenders = append(e.Contenders, contender(p, func(env lab.Env) (lab.Bench, error) {
			c, err := p.New(stringOptions(smalls, mixedKeys))
			if err != nil {
				return lab.Bench{}, err
			}
			ks, every := data.Texts(data.Numbers(data.Zipf, mixedKeys, env.Stream(lookups(mixedKeys)))), 100/percent
			mask, at := len(ks)-1, 0
			run := func(n int) {
				ctx := c.Context()
				for end := at + n; at < end; at++ {
					if at%every == 0 {
						_ = c.Delete(ctx, ks[(at*31)&mask])
					} else if _, err := c.Get(ctx, ks[at&mask]); err != nil {
						panic(err) // the loaders do not fail
					}
				}
			}
			run(env.N(len(ks)))
			return lab.Bench{Loop: run, Close: closing(c)}, nil
		}))
	}
	return e
}
