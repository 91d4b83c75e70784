package events

// batch.go has a hundred keys in one call, in the process and in the shared tier.

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
	"github.com/tiermemo/tiermemo/memo"
)

// Events and contenders of this file.
const (
	BatchGroup   = "Batch of 100"
	BatchHit     = "batch of 100 hits in the process"
	BatchShared  = "batch of 100 hits in the shared tier, 1 KB each"
	BatchSlice   = "tiermemo Func.AppendMany, caller's slice"
	BatchOwn     = "tiermemo Func.AppendMany, new slice"
	BatchMap     = "tiermemo Func.DoMany"
	BatchStrings = "tiermemo Func.DoMany, string keys"
	BatchOtter   = "otter BulkGet, int keys"
	RawBatch     = "gomemcache GetMulti of the same keys"
	Sequential   = "gomemcache Get, one after the other"
	batch        = 100
	batchKeys    = 10_000
)

func batches() []lab.Event { return []lab.Event{batchHit(), batchShared()} }

// in100 calls do with a hundred keys after another.
func in100[K any](ks []K, do func(ks []K)) func(n int) {
	at := 0
	return func(n int) {
		for range n {
			if at+batch > len(ks) {
				at = 0
			}
			do(ks[at : at+batch])
			at += batch
		}
	}
}

func batchHit() lab.Event {
	return lab.Event{Group: BatchGroup, Name: BatchHit, Contenders: []lab.Contender{
		oursMany(BatchSlice, func(ctx context.Context, f *memo.Func[int, data.Small], dst []memo.Result[data.Small], ks []int) []memo.Result[data.Small] {
			dst, _ = f.AppendMany(ctx, dst[:0], ks)
			return dst
		}),
		oursMany(BatchOwn, func(ctx context.Context, f *memo.Func[int, data.Small], _ []memo.Result[data.Small], ks []int) []memo.Result[data.Small] {
			dst, _ := f.AppendMany(ctx, nil, ks)
			return dst
		}),
		oursMany(BatchMap, func(ctx context.Context, f *memo.Func[int, data.Small], _ []memo.Result[data.Small], ks []int) []memo.Result[data.Small] {
			_, _ = f.DoMany(ctx, ks)
			return nil
		}),
		manyTexts(peer.Named[string, data.Small]{Name: BatchStrings, New: peer.NewBatchFunc[string, data.Small]}),
		manyTexts(peer.Named[string, data.Small]{Name: peer.ByHand, Against: BatchOwn, New: peer.NewByHand[string, data.Small]}),
		manyTexts(peer.Named[string, data.Small]{Name: "otter BulkGet", Against: BatchMap, New: peer.NewOtter[string, data.Small]}),
		many(peer.Named[int, data.Small]{Name: BatchOtter, Against: BatchMap, New: peer.NewOtter[int, data.Small]}, intOptions(smalls, batchKeys), numbers),
		manyTexts(peer.Named[string, data.Small]{Name: "sturdyc GetOrFetchBatch", Against: BatchMap, New: peer.NewSturdyc[data.Small]}),
		perRequest("graph-gophers/dataloader, remembered", func(o peer.Options[int, data.Small]) func(context.Context, []int) {
			l := peer.NewDataloader(o)
			return func(ctx context.Context, ks []int) { _, _ = l.LoadMany(ctx, ks)() }
		}),
		perRequest("dataloadgen, remembered", func(o peer.Options[int, data.Small]) func(context.Context, []int) {
			l := peer.NewDataloadgen(o)
			return func(ctx context.Context, ks []int) { _, _ = l.LoadAll(ctx, ks) }
		}),
	}}
}

func oursMany(name string, do func(context.Context, *memo.Func[int, data.Small], []memo.Result[data.Small], []int) []memo.Result[data.Small]) lab.Contender {
	return lab.Contender{Name: name, New: func(env lab.Env) (lab.Bench, error) {
		c, err := newMemo(batchKeys * 5 / 4)
		if err != nil {
			return lab.Bench{}, err
		}
		ctx, ks := c.With(context.Background()), numbers(env.N(batchKeys))
		f := memo.NewBatchFunc(c, "user", intOptions(smalls, batchKeys).LoadMany)
		if _, err := f.DoMany(ctx, ks); err != nil {
			return lab.Bench{}, err
		}
		var dst []memo.Result[data.Small]
		return lab.Bench{Loop: in100(ks, func(ks []int) { dst = do(ctx, f, dst, ks) }), Close: func() { _ = c.Close(context.Background()) }}, nil
	}}
}

func manyTexts(p peer.Named[string, data.Small]) lab.Contender {
	return many(p, stringOptions(smalls, batchKeys), func(n int) []string { return data.Texts(numbers(n)) })
}

func many[K comparable](p peer.Named[K, data.Small], o peer.Options[K, data.Small], keys func(n int) []K) lab.Contender {
	return contender(p, func(env lab.Env) (lab.Bench, error) {
		made, err := p.New(o)
		if err != nil {
			return lab.Bench{}, err
		}
		c, ks := made.(peer.Batcher[K, data.Small]), keys(env.N(batchKeys))
		loop := in100(ks, func(ks []K) {
			if _, err := c.GetMany(c.Context(), ks); err != nil {
				panic(err) // the loaders do not fail
			}
		})
		loop(len(ks) / batch)
		return lab.Bench{Loop: loop, Close: closing[K, data.Small](c)}, nil
	})
}

// perRequest asks a loader of one request again for what it has loaded.
func perRequest(name string, make func(peer.Options[int, data.Small]) func(context.Context, []int)) lab.Contender {
	return lab.Contender{Name: name, Against: BatchOwn, New: func(env lab.Env) (lab.Bench, error) {
		get, ks := make(intOptions(smalls, batchKeys)), numbers(env.N(batchKeys))
		loop := in100(ks, func(ks []int) { get(context.Background(), ks) })
		for at := 0; at < len(ks); at += 1000 { // each waits 16 ms for company
			get(context.Background(), ks[at:min(at+1000, len(ks))])
		}
		return lab.Bench{Loop: loop}, nil
	}}
}

func batchShared() lab.Event {
	value := payload(1000)
	return lab.Event{Group: BatchGroup, Name: BatchShared, Contenders: []lab.Contender{
		{Name: BatchMap, Needs: "memcached", New: func(env lab.Env) (lab.Bench, error) {
			c, err := peer.NewShared(env.Memcached, space(), 1000)
			if err != nil {
				return lab.Bench{}, err
			}
			var loads atomic.Int64
			f := memo.NewBatchFunc(c, "user", func(_ context.Context, ks []int) (map[int][]byte, error) {
				loads.Add(1)
				return manyOf(ks, func(int) []byte { return value }), nil
			}, memo.SharedOnly(), memo.TTL(time.Hour))
			if err := warm(f, &loads); err != nil {
				return lab.Bench{}, err
			}
			ctx, ks := context.Background(), numbers(batch)
			if _, err := f.DoMany(ctx, ks); err != nil {
				return lab.Bench{}, err
			}
			before := loads.Load()
			return lab.Bench{
				Loop: in100(ks, func(ks []int) { _, _ = f.DoMany(ctx, ks) }),
				Check: func() error {
					if n := loads.Load() - before; n > 0 {
						return fmt.Errorf("%d loads where there should be hits", n)
					}
					return nil
				},
				Close: func() { _ = c.Close(ctx) },
			}, nil
		}},
		rawBatch(RawBatch, func(c rawClient, names []string) error {
			items, err := c.GetMulti(names)
			if len(items) != len(names) {
				return fmt.Errorf("gomemcache: %d of %d items: %w", len(items), len(names), err)
			}
			return err
		}),
		rawBatch(Sequential, func(c rawClient, names []string) error {
			for _, name := range names {
				if _, err := c.Get(name); err != nil {
					return err
				}
			}
			return nil
		}),
	}}
}
