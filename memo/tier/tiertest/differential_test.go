package tiertest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// differential_test.go asks a Memory and a real memcached the same questions
// and compares the answers, so that a test on Memory says something about
// memcached. CAS ids differ; which versions are the same may not.
//
// Three things are left out, for they differ and no one may rely on them: when
// an item expires (memcached counts seconds), a sum that has fewer digits than
// the number before it (memcached pads it with blanks), and a call of no keys
// after its ctx has ended.

// twins is a Node of either kind, both in the same state.
type twins struct {
	memory *tiertest.Memory
	server *mcserver.Server
	nodes  [2]tier.Node
	seen   map[string][][2]uint64 // by key, the CAS ids that reads have shown: of the same version, in both Nodes
	errs   [2]error               // of the last call, to explain a difference
}

func newTwins(t *testing.T) *twins {
	t.Helper()
	server := mcserver.ForTest(t)
	// However slow the machine, the server must be heard out.
	client, err := memcached.NewFromConfig(memcached.Config{Servers: []string{server.Addr()}, Timeout: time.Minute})
	ok(t, err)
	t.Cleanup(func() { ok(t, client.Close()) })
	memory := tiertest.NewMemory()
	return &twins{
		memory: memory, server: server,
		nodes: [2]tier.Node{memory.Nodes()[0], client.Nodes()[0]},
		seen:  map[string][][2]uint64{},
	}
}

// kind is what the engine may know of an error.
func kind(err error) string {
	for _, answer := range []error{tier.ErrNotFound, tier.ErrExists, tier.ErrConflict, tier.ErrRefused} {
		if errors.Is(err, answer) {
			return answer.Error()
		}
	}
	if err != nil {
		return "failed"
	}
	return "ok"
}

// both asks either Node and returns the answers in words.
func (w *twins) both(ask func(n tier.Node, which int) error) (answers [2]string) {
	for i, n := range w.nodes {
		w.errs[i] = ask(n, i)
		answers[i] = kind(w.errs[i])
	}
	return answers
}

// get reads keys from both, and describes each version by when it was first
// seen.
func (w *twins) get(ctx context.Context, keys []string) [2]string {
	var items [2][]tier.Item
	answers := w.both(func(n tier.Node, which int) error {
		items[which] = make([]tier.Item, len(keys))
		return n.GetMulti(ctx, keys, items[which])
	})
	if answers[0] != "ok" || answers[1] != "ok" {
		return answers
	}
	for i, key := range keys {
		ids := [2]uint64{items[0][i].CAS, items[1][i].CAS}
		for which := range items {
			item := items[which][i]
			version := slices.IndexFunc(w.seen[key], func(seen [2]uint64) bool { return seen[which] == item.CAS })
			answers[which] += fmt.Sprintf("; %s found:%t nil:%t %s version %d", key, item.Found(), item.Value == nil, show(item.Value), version)
		}
		if answers[0] == answers[1] && ids[0] != 0 && !slices.Contains(w.seen[key], ids) {
			w.seen[key] = append(w.seen[key], ids)
		}
	}
	return answers
}

// show quotes a short value. To quote one of a megabyte would take most of the
// test's time.
func show(value []byte) string {
	if len(value) > 100 {
		return fmt.Sprintf("%d bytes, checksum %x", len(value), crc32.ChecksumIEEE(value))
	}
	return strconv.Quote(string(value))
}

// version picks ids of key that were seen before, mostly the last.
func (w *twins) version(r *rand.Rand, key string) [2]uint64 {
	seen := w.seen[key]
	if len(seen) == 0 {
		return [2]uint64{1 << 60, 1 << 60}
	}
	switch r.IntN(20) {
	case 0:
		return [2]uint64{} // the absent version
	case 1, 2, 3:
		return seen[r.IntN(len(seen))]
	}
	return seen[len(seen)-1]
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// step makes one random call on both, and says which and what it answered.
func (w *twins) step(ctx context.Context, r *rand.Rand) (call string, answers [2]string) {
	keys := []string{"a", "b", "c", "d", strings.Repeat("k", 250)}
	value := []byte(pick(r, "", "0", "9", "41", "99999", "text", "1x", "18446744073709551616", "\r\nEND\r\n"))
	ttl := pick(r, time.Hour, 90*time.Minute, 60*24*time.Hour, tier.NoExpiry)

	key := pick(r, keys...)
	wrong := r.IntN(30) // at most one thing: of two, either may be the answer
	if wrong == 0 {
		key = pick(r, "", "a b", "a\n", "\x7f", strings.Repeat("k", 251))
		keys = append(keys, key)
	}
	r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	keys = keys[:r.IntN(len(keys)+1)]
	switch {
	case wrong == 1:
		value = bytes.Repeat([]byte("v"), pick(r, 1<<19, 1<<20-512, 1<<20-511, 2<<20))
	case wrong == 2:
		ttl = pick(r, 0, -time.Second)
	case wrong == 3 && len(keys) > 0:
		ended, cancel := context.WithCancel(ctx)
		cancel()
		ctx = ended
	}
	ids := w.version(r, key)

	switch r.IntN(14) {
	case 0, 10, 11:
		return fmt.Sprintf("Add(%.9q, %.9q, %v)", key, value, ttl), w.both(func(n tier.Node, _ int) error {
			return n.Add(ctx, key, value, ttl)
		})
	case 1, 2:
		return fmt.Sprintf("CompareAndSwap(%.9q, %d, %.9q, %v)", key, ids, value, ttl), w.both(func(n tier.Node, which int) error {
			return n.CompareAndSwap(ctx, key, ids[which], value, ttl)
		})
	case 3:
		return fmt.Sprintf("CompareAndDelete(%.9q, %d)", key, ids), w.both(func(n tier.Node, which int) error {
			return n.CompareAndDelete(ctx, key, ids[which])
		})
	case 4:
		delta := pick[uint64](r, 0, 1, 1, 7, 1<<40)
		var sums [2]uint64
		answers := w.both(func(n tier.Node, which int) (err error) {
			sums[which], err = n.Incr(ctx, key, delta)
			return err
		})
		for i, sum := range sums {
			answers[i] += fmt.Sprintf("; %d", sum)
		}
		return fmt.Sprintf("Incr(%.9q, %d)", key, delta), answers
	case 5:
		return fmt.Sprintf("Touch(%.9q, %v)", key, ttl), w.both(func(n tier.Node, _ int) error {
			return n.Touch(ctx, key, ttl)
		})
	case 6:
		keys = append(keys[:min(len(keys), 1)], key)
		return fmt.Sprintf("Delete(%.9q)", keys), w.both(func(n tier.Node, _ int) error {
			return n.Delete(ctx, keys...)
		})
	case 7:
		return "Ping()", w.both(func(n tier.Node, _ int) error { return n.Ping(ctx) })
	default:
		return fmt.Sprintf("GetMulti(%.9q)", keys), w.get(ctx, keys)
	}
}

func TestMemoryAnswersAsMemcachedDoes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			w, r := newTwins(t), rand.New(rand.NewPCG(seed, 0))
			answered := map[string]int{}
			var last []string
			for i := range 1200 {
				if i%150 == 149 {
					w.memory.Flush()
					ok(t, w.server.Flush())
					last = append(last, "Flush")
				}
				call, answers := w.step(t.Context(), r)
				last = append(last, fmt.Sprintf("%s: %.200s", call, answers[0]))
				if answers[0] != answers[1] {
					t.Fatalf("step %d: %s\nMemory    %.500s (%v)\nmemcached %.500s (%v)\nafter\n%s",
						i, call, answers[0], w.errs[0], answers[1], w.errs[1], strings.Join(last[max(0, len(last)-15):], "\n"))
				}
				name, _, _ := strings.Cut(call, "(")
				what, _, _ := strings.Cut(answers[0], ";")
				answered[name+": "+what]++
			}
			// A sequence that never comes to a rule says nothing about it.
			for _, must := range []string{
				"Add: ok", "Add: " + kind(tier.ErrExists), "Add: " + kind(tier.ErrRefused),
				"CompareAndSwap: ok", "CompareAndSwap: " + kind(tier.ErrConflict), "CompareAndSwap: " + kind(tier.ErrNotFound),
				"CompareAndDelete: ok", "CompareAndDelete: " + kind(tier.ErrConflict), "CompareAndDelete: " + kind(tier.ErrNotFound),
				"Incr: ok", "Incr: failed", "Incr: " + kind(tier.ErrNotFound), "Touch: ok", "Touch: " + kind(tier.ErrNotFound),
				"Delete: ok", "Delete: " + kind(tier.ErrRefused), "Ping: ok",
				"GetMulti: ok", "GetMulti: failed", "GetMulti: " + kind(tier.ErrRefused),
			} {
				if answered[must] == 0 {
					t.Errorf("there was no %q in %v", must, answered)
				}
			}
		})
	}
}

// The one thing that CAS cannot protect from, and the same in both.
func TestMemoryRestartsAsMemcachedDoes(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	fill := func(n tier.Node) tier.Item { return add(t, n, "k", "value", time.Hour) }
	var before [2]tier.Item
	for i, n := range w.nodes {
		before[i] = fill(n)
	}
	w.memory.Restart()
	ok(t, w.server.Restart())
	for i, n := range w.nodes {
		if get(t, n, "k").Found() {
			t.Errorf("%s is not empty", n.Name())
		}
		if after := fill(n); after.CAS != before[i].CAS {
			t.Errorf("%s: CAS ids before %d and after %d", n.Name(), before[i].CAS, after.CAS)
		}
		ok(t, n.CompareAndSwap(t.Context(), "k", before[i].CAS, []byte("stale"), time.Hour))
		if got := get(t, n, "k"); string(got.Value) != "stale" {
			t.Errorf("%s: a swap by the old id left %q", n.Name(), got.Value)
		}
	}
}
