package events

// shared.go has the hits of the shared tier, each beside the client that it is made of,
// with the same bytes for the same keys.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/go-redis/cache/v9"
	"github.com/redis/rueidis"

	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
	"github.com/tiermemo/tiermemo/memo"
)

// Contenders of these events.
const (
	SharedGroup = "Shared-tier hit"
	RawMulti    = "gomemcache GetMulti of the same keys"
	RawDecoded  = "gomemcache GetMulti of the same keys, JSON decoded"
	Shared      = "tiermemo Func, SharedOnly"
)

// SharedHit is the name of a hit of so many bytes.
func SharedHit(size, callers int) string {
	return fmt.Sprintf("shared hit, %d B, %d callers", size, callers)
}

// DecodedHit is the name of a hit of 20 fields.
func DecodedHit(callers int) string {
	return fmt.Sprintf("shared hit, 20 fields in JSON, %d callers", callers)
}

// sharedKeys is how many keys are asked for in turn.
const sharedKeys = 64

// markerBytes is what a marker, and the counter of the log, have: a number and a little.
const markerBytes = 16

func sharedHits() (all []lab.Event) {
	for _, callers := range []int{1, 32} {
		for _, size := range []int{100, 1000, 10_000} {
			all = append(all, sharedHit(size, callers))
		}
	}
	return append(all, decodedHit(1), decodedHit(32))
}

// spaces parts what events keep on one server, each in a process of its own.
var spaces atomic.Int64

func space() string { return fmt.Sprintf("bench%d.%d", os.Getpid(), spaces.Add(1)) }

// payload is printable and has no pattern, the same in each run: go-redis/cache compresses what
// has more than 64 bytes, and would send less of a word that repeats.
func payload(size int) []byte {
	random, text := rand.New(rand.NewPCG(6, 4)), make([]byte, size)
	for i := range text {
		text[i] = byte('!' + random.IntN('~'-'!'+1))
	}
	return text
}

// asked makes a Bench of which each run is one question, by callers at once.
func asked(callers int, ask func(i int) error, end func()) (lab.Bench, error) {
	for i := range sharedKeys {
		if err := ask(i); err != nil {
			return lab.Bench{Close: end}, err
		}
	}
	var failed atomic.Pointer[error]
	return lab.Bench{
		Loop: func(n int) {
			lab.Parallel(callers, n, func(w, n int) {
				for i := range n {
					if err := ask((i + 7*w) % sharedKeys); err != nil {
						failed.Store(&err)
						return
					}
				}
			})
		},
		Check: func() error {
			if err := failed.Load(); err != nil {
				return *err
			}
			return nil
		},
		Close: end,
	}, nil
}

// ofShared is ours, with values of one kind. A hit asks for the value, the marker of the
// tree "user", and the counter of the log.
func ofShared[V any](callers int, make func(int) V) lab.Contender {
	return lab.Contender{Name: Shared, Needs: "memcached", New: func(env lab.Env) (lab.Bench, error) {
		c, err := peer.NewShared(env.Memcached, space(), 1000)
		if err != nil {
			return lab.Bench{}, err
		}
		var loads atomic.Int64
		f := memo.NewFunc(c, "user", func(_ context.Context, id int) (V, error) {
			loads.Add(1)
			return make(id), nil
		}, memo.SharedOnly(), memo.TTL(time.Hour))
		if err := warm(f, &loads); err != nil {
			return lab.Bench{}, err
		}
		ctx, before := context.Background(), loads.Load()
		b, err := asked(callers, func(i int) error { _, err := f.Do(ctx, i); return err }, func() { _ = c.Close(ctx) })
		if n := loads.Load() - before; err == nil && n > 0 {
			err = fmt.Errorf("%d loads where there should be hits", n)
		}
		return b, err
	}}
}

// warm asks until nothing is loaded any more: a cache that has just begun keeps nothing
// in the shared tier for the first second.
func warm[V any](f *memo.Func[int, V], loads *atomic.Int64) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		before := loads.Load()
		for i := range sharedKeys {
			if _, err := f.Do(context.Background(), i); err != nil {
				return err
			}
		}
		if loads.Load() == before {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("nothing stays in the shared tier")
		}
	}
}

// sameKeys stores what a hit of ours asks for, and returns the names.
func sameKeys(c *memcache.Client, value func(i int) []byte) ([][]string, error) {
	prefix := space()
	seq, marker := prefix+":seq", prefix+":tree:user"
	for _, key := range []string{seq, marker} {
		if err := c.Set(&memcache.Item{Key: key, Value: payload(markerBytes)}); err != nil {
			return nil, err
		}
	}
	names := make([][]string, sharedKeys)
	for i := range names {
		key := fmt.Sprintf("%s:user:%d", prefix, i)
		if err := c.Set(&memcache.Item{Key: key, Value: value(i)}); err != nil {
			return nil, err
		}
		names[i] = []string{key, marker, seq}
	}
	return names, nil
}

func rawMulti(name string, callers int, value func(int) []byte, use func([]byte) error) lab.Contender {
	return lab.Contender{Name: name, Floor: true, Needs: "memcached", New: func(env lab.Env) (lab.Bench, error) {
		c := peer.NewGomemcache(env.Memcached)
		names, err := sameKeys(c, value)
		if err != nil {
			return lab.Bench{}, err
		}
		return asked(callers, func(i int) error {
			items, err := c.GetMulti(names[i])
			if err != nil || len(items) != len(names[i]) {
				return fmt.Errorf("gomemcache: %d of %d items: %w", len(items), len(names[i]), err)
			}
			return use(items[names[i][0]].Value)
		}, func() { _ = c.Close() })
	}}
}

func unread([]byte) error { return nil }

func sharedHit(size, callers int) lab.Event {
	value := payload(size)
	return lab.Event{Group: SharedGroup, Name: SharedHit(size, callers), Contenders: []lab.Contender{
		ofShared(callers, func(int) []byte { return value }),
		rawMulti(RawMulti, callers, func(int) []byte { return value }, unread),
		{Name: "gomemcache Get", Needs: "memcached", New: func(env lab.Env) (lab.Bench, error) {
			c := peer.NewGomemcache(env.Memcached)
			names, err := sameKeys(c, func(int) []byte { return value })
			if err != nil {
				return lab.Bench{}, err
			}
			return asked(callers, func(i int) error { _, err := c.Get(names[i][0]); return err }, func() { _ = c.Close() })
		}},
		{Name: "go-redis/cache Get, no local part", Needs: "redis", New: func(env lab.Env) (lab.Bench, error) {
			client := peer.NewGoRedis(env.Redis)
			c, key := peer.NewRedisOnly(client), space()
			if err := c.Set(&cache.Item{Key: key, Value: value, TTL: time.Hour}); err != nil {
				return lab.Bench{}, err
			}
			return asked(callers, func(int) error {
				var got []byte
				return c.Get(context.Background(), key, &got)
			}, func() { _ = client.Close() })
		}},
		{Name: "go-redis Get", Needs: "redis", New: func(env lab.Env) (lab.Bench, error) {
			client, key := peer.NewGoRedis(env.Redis), space()
			if err := client.Set(context.Background(), key, value, time.Hour).Err(); err != nil {
				return lab.Bench{}, err
			}
			return asked(callers, func(int) error { return client.Get(context.Background(), key).Err() }, func() { _ = client.Close() })
		}},
		{Name: "rueidis Do", Needs: "redis", New: func(env lab.Env) (lab.Bench, error) {
			client, err := peer.NewRueidisClient(env.Redis)
			if err != nil {
				return lab.Bench{}, err
			}
			ctx, key := context.Background(), space()
			if err := client.Do(ctx, client.B().Set().Key(key).Value(rueidis.BinaryString(value)).Build()).Error(); err != nil {
				return lab.Bench{}, err
			}
			return asked(callers, func(int) error { return client.Do(ctx, client.B().Get().Key(key).Build()).Error() }, client.Close)
		}},
	}}
}
