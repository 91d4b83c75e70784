package main

// invalidated.go: one tag that was invalidated, and a million different ones. The cost is
// that of what is remembered of them, so every round begins with a cache that knows none.

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// atOnce is how many tags one call names; between, after how many of them the entries are
// read that are read meanwhile.
const atOnce, between = 1000, 10_000

// mostShared is how many tags are invalidated by way of memcached: beyond it the line only
// takes time.
const mostShared = 10_000

func invalidated(ctx context.Context, s *setting) (_ []Figure, err error) {
	srv, err := start()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.close()) }()
	w := &walls{
		watched: s.watched,
		took:    Figure{Name: "invalidated", Title: "InvalidateTags by the different tags so far", X: "different tags that were invalidated", Y: "µs per tag"},
		room:    Figure{Name: "invalidated-memory", Title: "What a process remembers of tags", X: "different tags that were invalidated", Y: "MB of heap", LinearY: true},
		read:    Figure{Name: "invalidated-hit", Title: "L2 hits of entries with two tags of their own, afterwards", X: "different tags that were invalidated", Y: "ns per hit, of processor time"},
		left:    Figure{Name: "invalidated-left", Title: "What L2 still answers of entries that none of the tags is about", X: "different tags that were invalidated", Y: "% of the entries", LinearY: true},
	}
	sizes := s.upTo(1, 10, 100, 1000, 1e4, 6e4, 7e4, 1e5, 3e5, 1e6)
	for round := range s.rounds {
		for _, x := range sizes {
			if err := errors.Join(ctx.Err(), w.times(srv, round, int(x)), w.watch(ctx, int(x), 0), w.watch(ctx, int(x), between)); err != nil {
				return nil, err
			}
		}
	}
	w.samples.into(map[string]*Figure{"took": &w.took, "room": &w.room, "read": &w.read, "left": &w.left}, sizes)
	return []Figure{w.took, w.room, w.read, w.left}, nil
}

type walls struct {
	watched                int // entries that L2 has meanwhile
	took, room, read, left Figure
	samples                samples
}

// time takes the time of n tags, in caches that have heard of none: of so many of them that
// one call does not decide.
func (w *walls) time(line string, n, atOnce, caches int, open func(i int) (*memo.Cache, error)) error {
	var took time.Duration
	for i := range caches {
		cache, err := open(i)
		if err != nil {
			return err
		}
		ctx := cache.With(context.Background())
		if err = cache.InvalidateTree(ctx, memo.Key("nobody")); err == nil { // it connects
			began := time.Now()
			for done := 0; done < n && err == nil; done += atOnce {
				err = cache.InvalidateTags(ctx, tagsFrom(done, min(atOnce, n-done))...)
			}
			took += time.Since(began)
		}
		if err = errors.Join(err, cache.Close(ctx)); err != nil {
			return err
		}
	}
	w.samples.put("took", line, n, float64(took)/float64(n)/float64(caches)/1e3)
	return nil
}

// times is time with nobody to tell, and by way of memcached.
func (w *walls) times(srv *server, round, n int) error {
	alone := func(int) (*memo.Cache, error) { return process(1) }
	err := errors.Join(
		w.time("one call for each, no memcached", n, 1, max(1, 100/n), alone),
		w.time("a thousand in a call, no memcached", n, atOnce, max(1, 100/n), alone),
	)
	if err != nil || n > mostShared {
		return err
	}
	return w.time("a thousand in a call, memcached", n, atOnce, max(1, 20/n), func(i int) (*memo.Cache, error) {
		return srv.cache(fmt.Sprintf("tags-%d-%d-%d", round, n, i)) // where nobody has used the tags
	})
}

// watch invalidates n tags, and looks what that makes of entries that have none of them. If
// every is above 0 they are read each time after so many tags, else never.
func (w *walls) watch(ctx context.Context, n, every int) (err error) {
	cache, err := process(w.watched)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cache.Close(ctx)) }()
	ctx = cache.With(ctx)
	f := memo.NewFunc(cache, "user", loadUser, memo.Tags("users", "everybody"))
	pass := func() (hits, ns float64, err error) {
		before, used := cache.Snapshot().Total.L2, usedCPU()
		for id := range w.watched {
			if _, err := f.Do(ctx, id); err != nil {
				return 0, 0, err
			}
		}
		ns = float64(usedCPU()-used) / float64(w.watched)
		return float64(cache.Snapshot().Total.L2 - before), ns, nil
	}
	for range 2 { // load them, and note their first use
		if _, _, err := pass(); err != nil {
			return err
		}
	}
	empty := heap()
	for done := 0; done < n; done += atOnce {
		if every > 0 && done > 0 && done%every == 0 {
			if _, _, err := pass(); err != nil {
				return err
			}
		}
		if err := cache.InvalidateTags(ctx, tagsFrom(done, min(atOnce, n-done))...); err != nil {
			return err
		}
	}
	meanwhile := "entries that were read after every 10,000 tags"
	if every == 0 {
		meanwhile = "entries that nobody read meanwhile"
		w.samples.put("room", "a process", n, max(0, heap()-empty)/1e6)
	}
	hits, first, err := pass()
	if err != nil {
		return err
	}
	w.samples.put("left", meanwhile, n, 100*hits/float64(w.watched))
	if every > 0 {
		_, again, err := pass()
		if err != nil {
			return err
		}
		w.samples.put("read", "the first hit of each", n, first)
		w.samples.put("read", "the second one", n, again)
	}
	return nil
}

// tagsFrom are n names of tags, those from first on.
func tagsFrom(first, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = "team-" + strconv.Itoa(first+i)
	}
	return all
}

// samples are what the rounds found, by figure and line.
type samples struct {
	lines []sampled
}

type sampled struct {
	figure, line string
	values       map[int][]float64
}

func (s *samples) put(figure, line string, x int, value float64) {
	for i := range s.lines {
		if l := &s.lines[i]; l.figure == figure && l.line == line {
			l.values[x] = append(l.values[x], value)
			return
		}
	}
	s.lines = append(s.lines, sampled{figure, line, map[int][]float64{x: {value}}})
}

// into puts the samples into their figures.
func (s *samples) into(figures map[string]*Figure, sizes []float64) {
	for _, l := range s.lines {
		for _, x := range sizes {
			if values := l.values[int(x)]; len(values) > 0 {
				figures[l.figure].add(l.line, false, x, values...)
			}
		}
	}
}
