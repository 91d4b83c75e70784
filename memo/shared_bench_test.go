package memo_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
)

// A hit in the shared tier beside a GetMulti of the raw client for the same keys: the
// markers, the counter, the value. The two take turns, a few calls each, so that a
// machine that speeds up or slows down does so for both; the ratio is that of the
// medians, of wall time and of this process's CPU. The values are bytes, which
// cost nothing to decode but their copy.
//
//	go test -run '^$' -bench SharedHit -cpu 1 -count 10 -benchtime 100x ./memo

type sharedHit struct {
	ctx   context.Context // of a process that keeps nothing itself
	raw   *memcache.Client
	keys  []string
	wire  []string // what a look for keys asks for
	count int      // of values that the raw client finds
	user  *memo.Func[int, []byte]
}

func newSharedHit(b *testing.B, n, size int) *sharedHit {
	b.Helper()
	server := mcserver.ForTest(b)
	raw := memcache.New(server.Addr())
	raw.MaxIdleConns, raw.Timeout = 64, patience
	b.Cleanup(func() { _ = raw.Close() })
	cfg := patient(memo.Config{Prefix: "t", Shared: dial(b, server)})
	cfg.PollInterval = patience / 2
	c := newCache(b, cfg)
	s := &sharedHit{ctx: c.With(context.Background()), raw: raw, keys: keysOf("user", n)}
	s.user = memo.NewFunc(c, "user", func(ctx context.Context, _ int) ([]byte, error) { return notStored(ctx) }, memo.SharedOnly(), memo.TTL(time.Hour))
	space, err := keys.NewSpace("t")
	must(b, err)
	for above := range keys.Trees(s.keys[0]) {
		s.wire = append(s.wire, space.Tree(above))
	}
	s.wire = append(s.wire, space.Seq())
	for _, key := range s.keys {
		s.wire = append(s.wire, space.Value(key))
	}
	value := bytes.Repeat([]byte("v"), size)
	_, err = memo.DoMany(s.ctx, s.keys, func(_ context.Context, missing []string) (map[string][]byte, error) {
		found := map[string][]byte{}
		for _, key := range missing {
			found[key] = value
		}
		return found, nil
	}, memo.SharedOnly(), memo.TTL(time.Hour))
	must(b, err)
	got, err := raw.GetMulti(s.wire)
	must(b, err)
	if s.count = len(got); s.count < n+1 {
		b.Fatalf("the server has %d of %d keys", s.count, len(s.wire))
	}
	return s
}

func (s *sharedHit) askRaw(b *testing.B) {
	if got, err := s.raw.GetMulti(s.wire); err != nil || len(got) != s.count {
		b.Error(len(got), err)
	}
}

func notStored(context.Context) ([]byte, error) { panic("not in the shared tier") }

func noneStored(context.Context, []string) (map[string][]byte, error) {
	panic("not in the shared tier")
}

func (s *sharedHit) ask(b *testing.B) {
	if _, err := memo.Do(s.ctx, s.keys[0], notStored, memo.SharedOnly(), memo.TTL(time.Hour)); err != nil {
		b.Error(err)
	}
}

// get is ask for who would not load: what is there he reads himself, and no goroutine for him.
func (s *sharedHit) get(b *testing.B) {
	if _, err := s.user.Get(s.ctx, 0); err != nil {
		b.Error(err)
	}
}

func (s *sharedHit) askMany(b *testing.B) {
	if got, err := memo.DoMany(s.ctx, s.keys, noneStored, memo.SharedOnly(), memo.TTL(time.Hour)); err != nil || len(got) != len(s.keys) {
		b.Error(len(got), err)
	}
}

// meter is what something took: wall time, and the CPU of this process.
type meter struct{ wall, cpu []float64 }

func (s *meter) measure(fn func()) {
	before := cpuTime()
	begin := time.Now()
	fn()
	s.wall = append(s.wall, float64(time.Since(begin)))
	s.cpu = append(s.cpu, float64(cpuTime()-before))
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// compare lets ours and raw take turns with calls each, and reports what they took.
func compare(b *testing.B, calls int, raw, ours func()) {
	several := func(fn func()) func() {
		return func() {
			for range calls {
				fn()
			}
		}
	}
	raw, ours = several(raw), several(ours)
	raw()
	ours()
	var r, o meter
	for b.Loop() {
		r.measure(raw)
		o.measure(ours)
		o.measure(ours)
		r.measure(raw)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(r.wall)/float64(calls)/1e3, "raw-µs")
	b.ReportMetric(median(o.wall)/float64(calls)/1e3, "ours-µs")
	b.ReportMetric(median(o.wall)/median(r.wall), "wall/raw")
	b.ReportMetric(median(o.cpu)/median(r.cpu), "cpu/raw")
}

func BenchmarkSharedHit(b *testing.B) {
	for _, size := range []int{100, 1 << 10, 10 << 10} {
		s := newSharedHit(b, 1, size)
		b.Run(fmt.Sprintf("callers=1/bytes=%d", size), func(b *testing.B) {
			compare(b, 50, func() { s.askRaw(b) }, func() { s.ask(b) })
		})
		b.Run(fmt.Sprintf("get/bytes=%d", size), func(b *testing.B) {
			compare(b, 50, func() { s.askRaw(b) }, func() { s.get(b) })
		})
		// Of its own key each: callers of one key share one look.
		all := newSharedHit(b, 32, size)
		b.Run(fmt.Sprintf("callers=32/bytes=%d", size), func(b *testing.B) {
			each := make([]*sharedHit, len(all.keys))
			for i := range each {
				each[i] = &sharedHit{ctx: all.ctx, raw: all.raw, keys: all.keys[i : i+1], count: all.count - 31}
				each[i].wire = append(slices.Clone(all.wire[:len(all.wire)-32]), all.wire[len(all.wire)-32+i])
			}
			beside := func(ask func(s *sharedHit)) func() {
				return func() {
					var callers sync.WaitGroup
					for _, s := range each {
						callers.Go(func() {
							for range 20 {
								ask(s)
							}
						})
					}
					callers.Wait()
				}
			}
			compare(b, 1, beside(func(s *sharedHit) { s.askRaw(b) }), beside(func(s *sharedHit) { s.ask(b) }))
		})
	}
	for _, size := range []int{100, 1 << 10, 10 << 10} {
		s := newSharedHit(b, 100, size)
		b.Run(fmt.Sprintf("batch=100/bytes=%d", size), func(b *testing.B) {
			compare(b, 5, func() { s.askRaw(b) }, func() { s.askMany(b) })
		})
	}
}

// BenchmarkSharedAlone is what to profile, and what counts allocations.
func BenchmarkSharedAlone(b *testing.B) {
	one, many := newSharedHit(b, 1, 1<<10), newSharedHit(b, 100, 1<<10)
	for _, bench := range []struct {
		name string
		call func()
	}{
		{"raw", func() { one.askRaw(b) }}, {"hit", func() { one.ask(b) }}, {"get", func() { one.get(b) }},
		{"batch=100/raw", func() { many.askRaw(b) }}, {"batch=100/hit", func() { many.askMany(b) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bench.call()
			}
		})
	}
}

// BenchmarkSharedLoads is a hundred values that no tier has: a look, a hundred leases, the
// loader, which takes no time, and a hundred fills. Beside the time it says what this
// process reads and writes for it, and how many of these are system calls.
//
//	go test -run '^$' -bench SharedLoads -cpu 2 -benchtime 300x ./memo
func BenchmarkSharedLoads(b *testing.B) {
	s, value, at := newSharedHit(b, 1, 100), bytes.Repeat([]byte("v"), 1<<10), 0
	load := func(_ context.Context, missing []string) (map[string][]byte, error) {
		found := make(map[string][]byte, len(missing))
		for _, key := range missing {
			found[key] = value
		}
		return found, nil
	}
	b.Run("batch=100", func(b *testing.B) {
		b.ReportAllocs()
		before, cpu := ioOf(b), cpuTime()
		n := 0
		for b.Loop() {
			n++
			ks := make([]string, 100)
			for i := range ks {
				at++
				ks[i] = fmt.Sprint("user:", at)
			}
			if got, err := memo.DoMany(s.ctx, ks, load, memo.SharedOnly(), memo.TTL(time.Hour)); err != nil || len(got) != len(ks) {
				b.Fatal(len(got), err)
			}
		}
		b.ReportMetric(float64(cpuTime()-cpu)/float64(n)/1e3, "cpu-µs")
		for name, now := range ioOf(b) {
			b.ReportMetric(float64(now-before[name])/float64(n), name)
		}
	})
}

// ioOf is what this process has read and written so far; nothing where the system does not
// tell.
func ioOf(b *testing.B) map[string]int {
	b.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return nil
	}
	all := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var name string
		var n int
		if _, err := fmt.Sscanf(line, "%s %d", &name, &n); err == nil && (name == "rchar:" || name == "wchar:" || name == "syscr:" || name == "syscw:") {
			all[strings.TrimSuffix(name, ":")] = n
		}
	}
	return all
}
