package events

import (
	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/peer"
)

// rawClient is the client that a batch of the shared tier is made of.
type rawClient = *memcache.Client

// rawBatch asks for a hundred values, the marker of their tree and the counter of the log.
func rawBatch(name string, ask func(c rawClient, names []string) error) lab.Contender {
	return lab.Contender{Name: name, Floor: true, Needs: "memcached", New: func(env lab.Env) (lab.Bench, error) {
		c, prefix, value := peer.NewGomemcache(env.Memcached), space(), payload(1000)
		var names []string
		for i := range batch + 2 {
			v := value
			if i >= batch {
				v = payload(markerBytes)
			}
			names = append(names, prefix+":user:"+short(i))
			if err := c.Set(&memcache.Item{Key: names[i], Value: v}); err != nil {
				return lab.Bench{}, err
			}
		}
		var failed error
		return lab.Bench{
			Loop: func(n int) {
				for range n {
					if err := ask(c, names); err != nil {
						failed = err
					}
				}
			},
			Check: func() error { return failed },
			Close: func() { _ = c.Close() },
		}, nil
	}}
}
