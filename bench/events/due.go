package events

import (
	"context"
	"errors"
	"time"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
)

// refreshAfter is how old an entry of due is when it has to be refreshed; ours may be 20 ms
// late with that, so the stampede comes later still.
const refreshAfter, stampedeAfter = 40 * time.Millisecond, 90 * time.Millisecond

func due(callers int) lab.Event {
	e := lab.Event{Group: StampedeGroup, Name: Due(callers), Columns: []string{Wait, Loads, WaiterAllocs, WaiterBytes, WaiterStack}}
	for _, p := range []peer.Named[string, data.Small]{
		{Name: peer.Func, New: peer.NewFunc[string, data.Small]},
		{Name: "otter", New: peer.NewOtter[string, data.Small]},
		{Name: "sturdyc", New: peer.NewSturdyc[data.Small]},
	} {
		e.Contenders = append(e.Contenders, contender(p, func(env lab.Env) (lab.Bench, error) {
			return lab.Bench{Trial: func() (lab.Sample, error) {
				c, release := &crowd{callers: env.N(callers)}, make(chan struct{})
				o := stringOptions(smalls, 1000)
				o.Refresh = refreshAfter
				first := true
				o.Load = func(ctx context.Context, _ string) (data.Small, error) {
					if first {
						first = false
						return data.NewSmall(7), nil
					}
					v, err := c.slow(ctx, loadTime(env))
					close(release)
					return v, err
				}
				cache, err := p.New(o)
				if err != nil {
					return nil, err
				}
				defer cache.Close()
				ctx := cache.Context()
				if _, err := cache.Get(ctx, "user:7"); err != nil {
					return nil, err
				}
				<-time.After(stampedeAfter)
				s, err := c.rush(func(int) error { _, err := cache.Get(ctx, "user:7"); return err })
				select {
				case <-release: // the refresh belongs to this round
				case <-time.After(time.Second):
					return nil, errors.New("nobody refreshed it")
				}
				return s, err
			}}, nil
		}))
	}
	e.Contenders = append(e.Contenders, lab.Contender{Name: Gate, Floor: true, New: func(env lab.Env) (lab.Bench, error) {
		return lab.Bench{Trial: func() (lab.Sample, error) {
			return (&crowd{callers: env.N(callers)}).rush(func(int) error { return nil })
		}}, nil
	}})
	return e
}
