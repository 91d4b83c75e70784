package main

// batch.go: one key in a call, and ten thousand.

import (
	"context"
	"errors"
	"fmt"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tiermemo/tiermemo/memo"
)

func batches(ctx context.Context, s *setting) (_ []Figure, err error) {
	srv, err := start()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.close()) }()
	near, err := process(1 << 14)
	if err != nil {
		return nil, err
	}
	defer near.Close(ctx)
	far, err := srv.cache("batch")
	if err != nil {
		return nil, err
	}
	defer far.Close(ctx)
	b := &batchCells{nearby: near, away: far, srv: srv, plain: map[int]user{},
		near:   memo.NewBatchFunc(near, "near", loadUsers),
		far:    memo.NewBatchFunc(far, "far", loadUsers, memo.SharedOnly()),
		absent: memo.NewBatchFunc(far, "absent", loadUsers),
	}
	var hits, calls []*cell
	for _, x := range s.upTo(1, 3, 10, 30, 100, 300, 1000, 3000, 10_000) {
		h, err := b.hits(near.With(ctx), int(x))
		if err != nil {
			return nil, err
		}
		m, err := b.calls(far.With(ctx), int(x))
		if err != nil {
			return nil, err
		}
		hits, calls = append(hits, h...), append(calls, m...)
	}
	if err := s.play(ctx, append(hits, calls...)); err != nil {
		return nil, err
	}
	hit := Figure{Name: "batch", Title: "Keys that L2 has, by the keys of a call", X: "keys of a call", Y: "ns per key, of processor time"}
	call := Figure{Name: "batch-shared", Title: "Keys that L2 does not have, by the keys of a call", X: "keys of a call", Y: "µs per key"}
	hit.byCPU(hits)
	call.byClock(calls)
	return []Figure{hit, call}, nil
}

type batchCells struct {
	nearby, away      *memo.Cache
	srv               *server
	plain             map[int]user
	near, far, absent *memo.Func[int, user]
	next              int // an argument that nobody has asked for
}

func loadUsers(_ context.Context, ids []int) (map[int]user, error) {
	all := make(map[int]user, len(ids))
	for _, id := range ids {
		all[id] = user{id, ada}
	}
	return all, nil
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// hits are calls for n keys that L2 has.
func (b *batchCells) hits(ctx context.Context, n int) ([]*cell, error) {
	x, ids, results := float64(n), upTo(n), make([]memo.Result[user], 0, n)
	if _, err := b.near.DoMany(ctx, ids); err != nil {
		return nil, err
	}
	for _, id := range ids {
		b.plain[id] = user{id, ada}
	}
	var sum int
	return []*cell{
		{line: "AppendMany", x: x, counts: x, cache: b.nearby, answered: byL2, prepare: again(func(int) error {
			_, err := b.near.AppendMany(ctx, results[:0], ids)
			return err
		})},
		{line: "DoMany, into a map", x: x, counts: x, cache: b.nearby, answered: byL2, prepare: again(func(int) error {
			_, err := b.near.DoMany(ctx, ids)
			return err
		})},
		{line: "Do, one after the other", x: x, counts: x, cache: b.nearby, answered: byL2, prepare: again(func(int) error {
			for _, id := range ids {
				if _, err := b.near.Do(ctx, id); err != nil {
					return err
				}
			}
			return nil
		})},
		{line: "a Go map, one after the other", base: true, x: x, counts: x, prepare: again(func(int) error {
			for _, id := range ids {
				sum += b.plain[id].ID
			}
			return nil
		})},
	}, nil
}

// calls are those for n keys that L2 does not have.
func (b *batchCells) calls(ctx context.Context, n int) ([]*cell, error) {
	x, ids, results := float64(n), upTo(n), make([]memo.Result[user], 0, n)
	if _, err := b.far.DoMany(ctx, ids); err != nil {
		return nil, err
	}
	keys := keysOf(fmt.Sprintf("raw-%d-", n), n)
	for _, key := range keys {
		if err := b.srv.raw.Set(&memcache.Item{Key: key, Value: make([]byte, 100)}); err != nil {
			return nil, err
		}
	}
	return []*cell{
		{line: "all in memcached, AppendMany", x: x, counts: x, cache: b.away, answered: byL3, prepare: again(func(int) error {
			_, err := b.far.AppendMany(ctx, results[:0], ids)
			return err
		})},
		{line: "all missing, without the loader", x: x, counts: x, cache: b.away, answered: byLoads, prepare: func(times int) func() error {
			return func() error {
				some := make([]int, n)
				for range times {
					for i := range some {
						b.next++
						some[i] = b.next
					}
					if _, err := b.absent.AppendMany(ctx, results[:0], some); err != nil {
						return err
					}
				}
				return nil
			}
		}},
		{line: "the raw client, GetMulti", base: true, x: x, counts: x, prepare: again(func(int) error { _, err := b.srv.raw.GetMulti(keys); return err })},
	}, nil
}
