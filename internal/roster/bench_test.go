package roster_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/roster"
	"github.com/tiermemo/tiermemo/internal/wire"
)

// What a poll costs must not grow much with the number of nodes: each of them is polled.
var fleets = []int{3, 10, 50, 200}

// steady is a process that knows so many nodes, and they all agree.
func steady(servers int) (r *roster.Roster, said wire.Roster, now int64) {
	names := make([]string, servers)
	for i := range names {
		names[i] = fmt.Sprintf("10.0.0.%d:11211", i+100)
	}
	now = 1
	r = roster.New("secret", int64(3*time.Second), now, names)
	said = wire.Roster{Patience: uint64(3 * time.Second), Gen: 2, Settled: 1, Lists: [][]string{r.List()}}
	for _, name := range r.List() {
		said.Members = append(said.Members, wire.Member{Name: name, Since: 1})
	}
	for range 2 {
		now += int64(10 * time.Second)
		for _, name := range r.List() {
			r.Polled(now, name)
			r.Saw(now, now, name, said, 1, []bool{true})
		}
	}
	return r, said, now
}

func BenchmarkTodo(b *testing.B) {
	for _, servers := range fleets {
		b.Run(fmt.Sprint(servers), func(b *testing.B) {
			r, _, now := steady(servers)
			now += int64(time.Second)
			for i := 0; b.Loop(); i++ {
				name := r.List()[i%servers]
				r.Polled(now, name)
				if todo := r.Todo(now, name); todo.Read || todo.Swap {
					b.Fatal(todo)
				}
			}
		})
	}
}

// The roster of a node has changed.
func BenchmarkSawAnother(b *testing.B) {
	for _, servers := range fleets {
		b.Run(fmt.Sprint(servers), func(b *testing.B) {
			r, said, now := steady(servers)
			for b.Loop() {
				now++
				said.Gen++
				r.Saw(now, now, r.List()[0], said, said.Gen, []bool{true})
				r.Snapshot(now)
			}
		})
	}
}
