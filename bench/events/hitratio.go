package events

// hitratio.go has how many of a trace's look-ups a cache can answer with so much room.

import (
	"context"
	"fmt"
	"time"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
)

// HitRatioGroup is the section.
const HitRatioGroup = "Hit ratio"

// seeds are how many traces of a kind are played, one a round: some caches choose at random what
// goes, by a seed that is another in each process.
const traceLength, seeds = 400_000, 5

// HitRatio is the name of a trace with room for so many in a hundred of its keys.
func HitRatio(trace string, percent int) string {
	return fmt.Sprintf("%s, room for %d %% of the keys", trace, percent)
}

func hitRatios() (all []lab.Event) {
	for _, t := range data.Traces() {
		for _, percent := range []int{1, 5, 20} {
			e := lab.Event{Group: HitRatioGroup, Name: HitRatio(t.Name, percent), Columns: []string{lab.Hits}, Rounds: seeds}
			for _, p := range peer.ByCapacity[int]() {
				e.Contenders = append(e.Contenders, contender(p, func(env lab.Env) (lab.Bench, error) {
					seed := uint64(0) // the same for all in a round
					return lab.Bench{Trial: func() (lab.Sample, error) {
						ks := t.Keys(env.N(traceLength), seed)
						seed++
						return play(p, ks, max(100, data.Universe()*percent/100))
					}}, nil
				}))
			}
			all = append(all, e)
		}
	}
	return all
}

// play counts the look-ups after the first quarter that need no load.
func play(p peer.Named[int, int], keys []int, room int) (lab.Sample, error) {
	loads := 0
	c, err := p.New(peer.Options[int, int]{Size: room, TTL: time.Hour, InLine: true, Load: func(_ context.Context, k int) (int, error) {
		loads++ // by the caller, or while it waits
		return k, nil
	}})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ctx, warm := c.Context(), len(keys)/4
	for i, k := range keys {
		if i == warm {
			loads = 0
		}
		if _, err := c.Get(ctx, k); err != nil {
			return nil, err
		}
	}
	asked := len(keys) - warm
	return lab.Sample{lab.Hits: 100 * float64(asked-loads) / float64(asked)}, nil
}
