package events

// functions.go has the hits of one function among many of a cache: of the slots by which a number is
// found there are two for each entry that there is room for, and the first function has the most.

import (
	"context"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
)

// Functions is the event: of its functions the first two were read for all the numbers, and those
// after them for a few, one after the other.
const (
	Functions     = "hit, one Func of 20 in a cache of the default size, int keys, small struct"
	FirstFunc     = "tiermemo Func, the first"
	TwentiethFunc = "tiermemo Func, the twentieth"
	functionsMade = 20
	functionReads = 10_000
	functionHits  = 200 // numbers of each function
)

func functionHit() lab.Event {
	return lab.Event{Group: HitGroup, Name: Functions, Contenders: []lab.Contender{
		oneFunction(FirstFunc, 0), oneFunction(TwentiethFunc, functionsMade-1),
	}}
}

func oneFunction(name string, which int) lab.Contender {
	return lab.Contender{Name: name, New: func(env lab.Env) (lab.Bench, error) {
		c, err := memo.New(memo.Config{Local: lru.New(lru.DefaultSize)})
		if err != nil {
			return lab.Bench{}, err
		}
		ctx, all := c.With(context.Background()), make([]*memo.Func[int, data.Small], functionsMade)
		for i := range all {
			all[i] = memo.NewFunc(c, "user"+short(i), func(_ context.Context, id int) (data.Small, error) { return data.NewSmall(id), nil })
		}
		for _, f := range all[:2] {
			for n := range 3 * functionReads { // the slots grow while it is read
				if _, err := f.Do(ctx, n/3%env.N(functionReads)); err != nil {
					return lab.Bench{}, err
				}
			}
		}
		for range 2 { // what the first two have lost to each other is there again in the second
			for _, f := range all {
				for n := range 3 * functionHits {
					if _, err := f.Do(ctx, n%functionHits); err != nil {
						return lab.Bench{}, err
					}
				}
			}
		}
		f := all[which]
		return lab.Bench{Loop: func(n int) {
			for i := range n {
				_, _ = f.Do(ctx, i%functionHits)
			}
		}, Close: func() { _ = c.Close(context.Background()) }}, nil
	}}
}
