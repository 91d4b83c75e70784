package tiertest_test

import (
	"context"
	"errors"
	"hash/fnv"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// brokenshared_test.go has the mistakes that one makes in a Shared, one at a
// time; brokennode_test.go has those in the methods of a Node.

type brokenShared struct {
	breaks string // the rule
	how    string
	saying string // a part of what the suite says
	open   func() tier.Shared
}

func brokenShareds() []brokenShared {
	shareds := []brokenShared{
		{"Nodes are named and their list is left alone", "no name", "member 0 has an empty name", func() tier.Shared {
			return tier.Single(&bentNode{Node: memory(), name: func() string { return "" }})
		}},
		{"Nodes are named and their list is left alone", "the nearest first, in the same slice", "was changed afterwards", func() tier.Shared {
			m := tiertest.NewMemory("a", "b")
			nodes := slices.Clone(m.Nodes())
			return bentShared{place: func(key string) tier.Node {
				slices.Reverse(nodes)
				return m.Place(key)
			}, nodes: func() []tier.Node {
				slices.SortFunc(nodes, func(a, b tier.Node) int { return int(a.Name()[0]) - int(b.Name()[0]) })
				return nodes
			}}
		}},
		{"Place is one member for every process", "a hash with a seed", "two Shareds of the same members disagree", func() tier.Shared {
			m, seed := tiertest.NewMemory("a", "b", "c"), maphash.MakeSeed()
			return bentShared{nodes: m.Nodes, place: func(key string) tier.Node {
				return m.Nodes()[maphash.String(seed, key)%3]
			}}
		}},
		{"Place is one member for every process", "a member that has left", `which is not one of Nodes ["a" "b"]`, func() tier.Shared {
			m := tiertest.NewMemory("a", "b", "c")
			return bentShared{place: m.Place, nodes: func() []tier.Node { return m.Nodes()[:2] }}
		}},
		{"Place keeps to a member that fails", "failover", "its key was placed on", func() tier.Shared {
			m, down := tiertest.NewMemory("a", "b", "c"), &sync.Map{}
			var nodes []tier.Node
			for _, n := range m.Nodes() {
				b := &bentNode{Node: n}
				b.ping = func(ctx context.Context) error {
					err := n.Ping(ctx)
					if err != nil {
						down.Store(b.Name(), true)
					}
					return err
				}
				nodes = append(nodes, b)
			}
			return bentShared{nodes: func() []tier.Node { return nodes }, place: func(key string) tier.Node {
				h := fnv.New32a()
				h.Write([]byte(key))
				for i := range nodes {
					n := nodes[(int(h.Sum32()>>8)+i)%3]
					if _, is := down.Load(n.Name()); !is {
						return n
					}
				}
				return nodes[0]
			}}
		}},
		{"a Node has its own keys", "several names of one server", "of a key that only other members have", func() tier.Shared {
			m, names := memory(), tiertest.NewMemory("a", "b", "c")
			nodes := map[string]tier.Node{}
			for _, n := range names.Nodes() {
				nodes[n.Name()] = &bentNode{Node: m, name: n.Name}
			}
			return bentShared{
				nodes: func() []tier.Node { return []tier.Node{nodes["a"], nodes["b"], nodes["c"]} },
				place: func(key string) tier.Node { return nodes[names.Place(key).Name()] },
			}
		}},
		{"Close", "reports an error", "Close: use of closed network connection", func() tier.Shared {
			return bentCloser{tiertest.NewMemory(), func() error { return errors.New("use of closed network connection") }}
		}},
		{"Close", "leaves a nil behind", "a call after Close: panic: ", func() tier.Shared {
			b := &bentNode{Node: memory()}
			return bentCloser{tier.Single(b), func() error {
				b.get = func(context.Context, []string, []tier.Item) error { panic("send on closed channel") }
				return nil
			}}
		}},
		{"two processes have one store", "each process keeps what it has read", "has returned in one process, and another then reads", fleet(func(b *bentNode) {
			l, kept := make(lock, 1), map[string]tier.Item{}
			var since time.Time
			b.onWrites(func() (release func()) {
				release = l.take()
				clear(kept)
				return release
			})
			b.get = func(ctx context.Context, keys []string, items []tier.Item) error {
				defer l.take()()
				if time.Since(since) > 10*time.Millisecond {
					clear(kept)
					since = time.Now()
				}
				if err := b.Node.GetMulti(ctx, keys, items); err != nil {
					return err
				}
				for i, key := range keys {
					if old, ok := kept[key]; ok {
						items[i] = old
					}
					kept[key] = tier.Item{Value: slices.Clone(items[i].Value), CAS: items[i].CAS}
				}
				return nil
			}
		})},
		{"two processes have one store", "a lock in the process", "CompareAndSwap of one version in two processes: 2 succeeded", fleet(func(b *bentNode) {
			l := make(lock, 1)
			b.onWrites(l.take)
			b.swapUnder(l)
		})},
	}
	for _, b := range slices.Concat(brokenReads(), brokenWrites(), brokenLifetimes(), brokenCrowds()) {
		shareds = append(shareds, brokenShared{b.breaks, b.how, b.saying, func() tier.Shared {
			n := &bentNode{Node: memory()}
			b.bend(n)
			return tier.Single(n)
		}})
	}
	return shareds
}

// fleet opens the Shareds of several processes, each bent, on one store.
func fleet(bend func(b *bentNode)) func() tier.Shared {
	m := memory()
	return func() tier.Shared {
		n := &bentNode{Node: m}
		bend(n)
		return tier.Single(n)
	}
}

// A lock is a mutex in which a goroutine waits durably, as a bubble has it.
type lock chan struct{}

func (l lock) take() (release func()) {
	l <- struct{}{}
	return func() { <-l }
}

// swapUnder makes CompareAndSwap a look and a store, which l keeps together.
func (b *bentNode) swapUnder(l lock) {
	b.swap = func(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
		defer l.take()()
		item, err := b.read(ctx, key)
		switch {
		case err != nil:
			return err
		case !item.Found():
			return tier.ErrNotFound
		case item.CAS != cas:
			return tier.ErrConflict
		}
		time.Sleep(time.Millisecond)
		if item, err = b.read(ctx, key); err == nil && item.Found() {
			return b.Node.CompareAndSwap(ctx, key, item.CAS, value, ttl)
		}
		return errors.Join(err, b.Node.Add(ctx, key, value, ttl))
	}
}

// brokenCrowds go wrong only when several use them at once.
func brokenCrowds() []brokenNode {
	return []brokenNode{
		{"all methods at once", "one connection, and no lock", `"connection busy"`, func(b *bentNode) {
			reading := atomic.Int64{}
			b.get = func(ctx context.Context, keys []string, items []tier.Item) error {
				reading.Add(1)
				defer reading.Add(-1)
				if len(keys) > 1 {
					time.Sleep(time.Millisecond)
				}
				return b.Node.GetMulti(ctx, keys, items)
			}
			b.touch = func(ctx context.Context, key string, ttl time.Duration) error {
				time.Sleep(time.Millisecond / 2)
				if reading.Load() > 0 {
					return errors.New("connection busy")
				}
				return b.Node.Touch(ctx, key, ttl)
			}
		}},
		{"a read sees what was written before", "reads of a key are joined", "and had begun after the Incr", func(b *bentNode) {
			var mu sync.Mutex
			type flight struct {
				done chan struct{}
				item tier.Item
				err  error
			}
			flights := map[string]*flight{}
			b.get = func(ctx context.Context, keys []string, items []tier.Item) error {
				if len(keys) != 1 {
					return b.Node.GetMulti(ctx, keys, items)
				}
				mu.Lock()
				f := flights[keys[0]]
				if f == nil {
					f = &flight{done: make(chan struct{})}
					f.item, f.err = b.read(ctx, keys[0])
					flights[keys[0]] = f
					mu.Unlock()
					time.Sleep(time.Millisecond)
					mu.Lock()
					delete(flights, keys[0])
					close(f.done)
				}
				mu.Unlock()
				<-f.done
				items[0] = tier.Item{Value: slices.Clone(f.item.Value), CAS: f.item.CAS}
				return f.err
			}
		}},
		{"a write is whole", "a long value in two parts", "that are none of them", func(b *bentNode) {
			b.swap = func(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
				old, err := b.read(ctx, key)
				if err != nil || len(old.Value) < 10_000 || old.CAS != cas || len(value) > 1<<19 {
					return b.Node.CompareAndSwap(ctx, key, cas, value, ttl)
				}
				half := append(slices.Clone(value[:len(value)/2]), old.Value[len(old.Value)/2:]...)
				if err := b.Node.CompareAndSwap(ctx, key, cas, half, ttl); err != nil {
					return err
				}
				time.Sleep(time.Millisecond)
				if old, err = b.read(ctx, key); err != nil {
					return err
				}
				return b.Node.CompareAndSwap(ctx, key, old.CAS, value, ttl)
			}
		}},
	}
}
