package tiertest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// brokenshared_test.go has the mistakes that one makes in a Shared, one at a
// time; brokennode_test.go has those in the methods of a Node, and
// brokenprocesses_test.go those between two.

type brokenShared struct {
	breaks string // the rule
	how    string
	saying string                               // a part of what the suite says
	open   func(m *tiertest.Memory) tier.Shared // a process's own, on a store of three members
}

func brokenShareds() []brokenShared {
	// Which process of its rule this is. Each Shared that asks has a count of its
	// own: the tests run beside one another.
	var listing, fixing atomic.Int64
	shareds := []brokenShared{
		{"Nodes are named and their list is left alone", "no name", "member 0 has an empty name", func(m *tiertest.Memory) tier.Shared {
			return tier.Single(&bentNode{Node: m.Nodes()[0], name: func() string { return "" }})
		}},
		{"Nodes are named and their list is left alone", "the nearest first, in the same slice", "was changed afterwards", func(m *tiertest.Memory) tier.Shared {
			nodes := slices.Clone(m.Nodes())
			return bentShared{nodes: func() []tier.Node {
				slices.Reverse(nodes)
				return nodes
			}}
		}},
		{"Nodes are named and their list is left alone", "two of one name", "two members are called", func(m *tiertest.Memory) tier.Shared {
			nodes := []tier.Node{m.Nodes()[0], &bentNode{Node: m.Nodes()[1], name: m.Nodes()[0].Name}}
			return bentShared{nodes: func() []tier.Node { return nodes }}
		}},
		{"members stay", "a new Node each time", `the member "a" was another Node`, func(m *tiertest.Memory) tier.Shared {
			return bentShared{nodes: func() []tier.Node { return []tier.Node{&bentNode{Node: m.Nodes()[0]}} }}
		}},
		{"members stay", "a Node that cannot be compared", "which cannot be compared by ==", func(m *tiertest.Memory) tier.Shared {
			return bentShared{fixed: true, nodes: func() []tier.Node { return []tier.Node{sliceNode{m.Nodes()[0], nil}} }}
		}},
		{"members stay", "failover", "was no member any more", func(m *tiertest.Memory) tier.Shared {
			down := &sync.Map{}
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
			return bentShared{nodes: func() []tier.Node {
				up := slices.DeleteFunc(slices.Clone(nodes), func(n tier.Node) bool {
					_, is := down.Load(n.Name())
					return is
				})
				return append(up, nodes[:1]...)[:max(1, len(up))]
			}}
		}},
		{"a store has one name in all processes", "each has a proxy of its own", `one process calls a Node "proxy-`, func(m *tiertest.Memory) tier.Shared {
			name := fmt.Sprintf("proxy-%x", rand.Uint64())
			nodes := []tier.Node{&bentNode{Node: m.Nodes()[0], name: func() string { return name }}}
			return bentShared{nodes: func() []tier.Node { return nodes }}
		}},
		{"a Fixed list is the same in every process", "a list of each process's own", "Fixed is true, and the members are", func(m *tiertest.Memory) tier.Shared {
			nodes := m.Nodes()[listing.Add(1)%2:]
			return bentShared{fixed: true, nodes: func() []tier.Node { return nodes }}
		}},
		{"a Fixed list is the same in every process", "Fixed in one process alone", "in one process and", func(m *tiertest.Memory) tier.Shared {
			return bentShared{fixed: fixing.Add(1)%2 == 0, nodes: m.Nodes}
		}},
		{"a Node that is closed is replaced", "a member for ever", "was closed, and Nodes returned it again", func(m *tiertest.Memory) tier.Shared {
			n := &bentNodeCloser{&bentNode{Node: m.Nodes()[0]}, func() error { return nil }}
			return bentShared{nodes: func() []tier.Node { return []tier.Node{n} }}
		}},
		{"a Node has its own keys", "several names of one server", "of a key that only other members have", func(m *tiertest.Memory) tier.Shared {
			var nodes []tier.Node
			for _, n := range m.Nodes() {
				nodes = append(nodes, &bentNode{Node: m.Nodes()[0], name: n.Name})
			}
			return bentShared{nodes: func() []tier.Node { return nodes }}
		}},
		{"Close", "reports an error", "Close: use of closed network connection", func(m *tiertest.Memory) tier.Shared {
			return bentCloser{m, func() error { return errors.New("use of closed network connection") }}
		}},
		{"Close", "leaves a nil behind", "a call after Close: panic: ", func(m *tiertest.Memory) tier.Shared {
			b := &bentNode{Node: m.Nodes()[0]}
			return bentCloser{tier.Single(b), func() error {
				b.get = func(context.Context, []string, []tier.Item) error { panic("send on closed channel") }
				return nil
			}}
		}},
		{"Close", "a Node that minds", "Close of a Node of a Shared that is closed: already closed", func(m *tiertest.Memory) tier.Shared {
			closed := false
			n := &bentNodeCloser{&bentNode{Node: m.Nodes()[0]}, func() error {
				if closed {
					return errors.New("already closed")
				}
				closed = true
				return nil
			}}
			return bentCloser{bentShared{fixed: true, nodes: func() []tier.Node { return []tier.Node{n} }}, func() error { closed = true; return nil }}
		}},
		{"Close", "closes a channel twice", "Close again: panic: close of closed channel", func(m *tiertest.Memory) tier.Shared {
			done := make(chan struct{})
			return bentCloser{client(m), func() error { close(done); return nil }}
		}},
	}
	shareds = append(shareds, brokenProcesses()...)
	for _, b := range slices.Concat(brokenReads(), brokenWrites(), brokenLifetimes(), brokenCrowds()) {
		shareds = append(shareds, brokenShared{b.breaks, b.how, b.saying, bent(b.bend)})
	}
	return shareds
}

// bent opens Shareds of one Node, each bent by itself as processes are.
func bent(bend func(b *bentNode)) func(m *tiertest.Memory) tier.Shared {
	return func(m *tiertest.Memory) tier.Shared {
		n := &bentNode{Node: m.Nodes()[0]}
		bend(n)
		return tier.Single(n)
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
