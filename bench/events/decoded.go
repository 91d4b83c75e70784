package events

// decoded.go has the hits of the shared tier that come back as a struct of 20 fields.

import (
	"context"
	"time"

	"github.com/go-redis/cache/v9"

	"github.com/tiermemo/tiermemo/bench/data"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
)

func decodedHit(callers int) lab.Event {
	encoded := func(i int) []byte { return data.EncodeRow(data.NewRow(i)) }
	return lab.Event{Group: SharedGroup, Name: DecodedHit(callers), Contenders: []lab.Contender{
		ofShared(callers, data.NewRow),
		rawMulti(RawDecoded, callers, encoded, func(text []byte) error {
			_, err := data.DecodeRow(text)
			return err
		}),
		{Name: "gomemcache Get, JSON decoded", Needs: "memcached", New: func(env lab.Env) (lab.Bench, error) {
			c := peer.NewGomemcache(env.Memcached)
			names, err := sameKeys(c, encoded)
			if err != nil {
				return lab.Bench{}, err
			}
			return asked(callers, func(i int) error {
				_, err := peer.GetJSON[data.Row](context.Background(), c, names[i][0])
				return err
			}, func() { _ = c.Close() })
		}},
		{Name: "go-redis/cache Get, no local part", Needs: "redis", New: func(env lab.Env) (lab.Bench, error) {
			client := peer.NewGoRedis(env.Redis)
			c, key := peer.NewRedisOnly(client), space()
			if err := c.Set(&cache.Item{Key: key, Value: data.NewRow(7), TTL: time.Hour}); err != nil {
				return lab.Bench{}, err
			}
			return asked(callers, func(int) error {
				var got data.Row
				return c.Get(context.Background(), key, &got)
			}, func() { _ = client.Close() })
		}},
		{Name: "rueidis Do, DecodeJSON", Needs: "redis", New: func(env lab.Env) (lab.Bench, error) {
			client, err := peer.NewRueidisClient(env.Redis)
			if err != nil {
				return lab.Bench{}, err
			}
			ctx, key := context.Background(), space()
			if err := client.Do(ctx, client.B().Set().Key(key).Value(string(encoded(7))).Build()).Error(); err != nil {
				return lab.Bench{}, err
			}
			return asked(callers, func(int) error {
				var got data.Row
				return client.Do(ctx, client.B().Get().Key(key).Build()).DecodeJSON(&got)
			}, client.Close)
		}},
	}}
}
