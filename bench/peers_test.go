package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/peer"
	"github.com/tiermemo/tiermemo/bench/redisserver"
)

// A peer that answers wrongly, or loads twice, would win every table.
func TestPeersAnswerRightAndLoadOnce(t *testing.T) {
	var redis string
	t.Run("strings", func(t *testing.T) {
		for _, p := range peer.Everybody[data.Small]() {
			t.Run(p.Name, func(t *testing.T) {
				if p.Needs == "redis" && redis == "" {
					redis = redisserver.ForTest(t).Addr()
				}
				judge(t, p, data.Text, data.Number, redis)
			})
		}
	})
	t.Run("strings in batches", func(t *testing.T) {
		judge(t, peer.Named[string, data.Small]{New: peer.NewBatchFunc[string, data.Small]}, data.Text, data.Number, redis)
	})
	t.Run("numbers", func(t *testing.T) {
		for _, p := range peer.MatrixOfNumbers[data.Small]() {
			t.Run(p.Name, func(t *testing.T) {
				judge(t, p, func(i int) int { return i }, func(i int) int { return i }, redis)
			})
		}
	})
}

func judge[K comparable](t *testing.T, p peer.Named[K, data.Small], key func(int) K, number func(K) int, redis string) {
	var loads atomic.Int64
	gate := make(chan struct{})
	o := peer.Options[K, data.Small]{
		Size: 1000, TTL: time.Hour, Encode: data.EncodeSmall, Decode: data.DecodeSmall, Redis: redis,
		Load: func(_ context.Context, k K) (data.Small, error) {
			loads.Add(1)
			<-gate
			return data.NewSmall(number(k)), nil
		},
		LoadMany: func(_ context.Context, ks []K) (map[K]data.Small, error) {
			loads.Add(1)
			m := map[K]data.Small{}
			for _, k := range ks {
				m[k] = data.NewSmall(number(k))
			}
			return m, nil
		},
	}
	c, err := p.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	get := func(i int) {
		if v, err := c.Get(c.Context(), key(i)); err != nil || v != data.NewSmall(i) {
			t.Errorf("the value of %d: %+v, %v", i, v, err)
		}
	}
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() { get(7) })
	}
	close(gate)
	callers.Wait()
	// Most do not look again once they lead: who looked before the load ended, and asks to
	// join it afterwards, loads anew. How many loads a stampede makes is a column of its own.
	want := loads.Load()
	expect := func(more int64, what string) {
		t.Helper()
		want += more
		if n := loads.Load(); n != want {
			t.Errorf("%s: %d loads, want %d", what, n, want)
		}
	}
	settle := func(i int) { // until it is there
		for before := int64(-1); p.Later && before != loads.Load(); {
			before = loads.Load()
			get(i)
		}
	}
	settle(7)
	want = loads.Load()
	get(7)
	expect(0, "a key that is there")
	get(8)
	expect(1, "a new key")
	settle(8)
	want = loads.Load()
	switch err := c.Delete(c.Context(), key(7)); {
	case err == nil:
		for get(7); p.Later && loads.Load() == want; get(7) { // it was about to be stored
			_ = c.Delete(c.Context(), key(7))
		}
		get(8)
		expect(1, "one of two keys was deleted")
	case !errors.Is(err, peer.ErrUnsupported):
		t.Error(err)
	}
	if many, ok := c.(peer.Batcher[K, data.Small]); ok {
		ks := []K{key(8), key(9), key(10)}
		for range 2 {
			found, err := many.GetMany(c.Context(), ks)
			if err != nil {
				t.Fatal(err)
			}
			for i, k := range ks {
				if v, ok := found.Of(i, k); !ok || v != data.NewSmall(8+i) {
					t.Errorf("number %d of a batch: %+v, %v", i, v, ok)
				}
			}
		}
		expect(1, "a batch, twice, of which two keys were not there")
	}
}
