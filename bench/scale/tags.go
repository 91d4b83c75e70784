package main

// tags.go: an entry without a tag, and with thirty-two.

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tiermemo/tiermemo/memo"
)

// tagged is how many entries are read in turn.
const tagged = 1000

func tags(ctx context.Context, s *setting) (_ []Figure, err error) {
	srv, err := start()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.close()) }()
	near, err := process(1 << 15) // it invalidates without a round trip, which would be most of what is measured
	if err != nil {
		return nil, err
	}
	defer near.Close(ctx)
	far, err := srv.cache("tags")
	if err != nil {
		return nil, err
	}
	defer far.Close(ctx)
	var hits, calls []*cell
	for _, x := range s.upTo(0, 1, 2, 4, 8, 16, 24, 32) {
		some, err := tagsHits(near.With(ctx), near, int(x))
		if err != nil {
			return nil, err
		}
		others, err := tagsCalls(far.With(ctx), far, srv, int(x))
		if err != nil {
			return nil, err
		}
		hits, calls = append(hits, some...), append(calls, others...)
	}
	if err := s.play(ctx, slices.Concat(hits, calls)); err != nil {
		return nil, err
	}
	hit := Figure{Name: "tags", Title: "L2 hits by the tags of an entry", X: "tags of an entry", Y: "ns per hit, of processor time", LinearX: true}
	call := Figure{Name: "tags-shared", Title: "Calls that ask memcached, by the tags of an entry", X: "tags of an entry", Y: "µs per call", LinearX: true, LinearY: true}
	hit.byCPU(hits)
	call.byClock(calls)
	return []Figure{hit, call}, nil
}

func loadUser(_ context.Context, id int) (user, error) { return user{id, ada}, nil }

// does is the prepare of one f.Do after the other, of the argument that of says.
func does(ctx context.Context, f *memo.Func[int, user], of func(i int) int) func(n int) func() error {
	return again(func(i int) error { _, err := f.Do(ctx, of(i)); return err })
}

// tagsHits are the hits of entries with n tags in L2.
func tagsHits(ctx context.Context, c *memo.Cache, n int) ([]*cell, error) {
	x, names, kind := float64(n), keysOf(fmt.Sprintf("tag-%d-", n), n), fmt.Sprint("tagged-", n)
	named := memo.NewFunc(c, kind, loadUser, memo.Tags(names...))
	made := memo.NewFunc(c, kind+"-made", loadUser, memo.TagsFunc(func(int) []string { return names }))
	for id := range tagged {
		for _, f := range []*memo.Func[int, user]{named, made} {
			if _, err := f.Do(ctx, id); err != nil {
				return nil, err
			}
		}
	}
	turn := func(i int) int { return i % tagged }
	return []*cell{
		{line: "Tags", x: x, cache: c, answered: byL2, prepare: does(ctx, named, turn)},
		{line: "TagsFunc", x: x, cache: c, answered: byL2, prepare: does(ctx, made, turn)},
		{line: "the first hit after another tag was invalidated", x: x, cache: c, answered: byL2, step: tagged, prepare: afterAnother(ctx, named)},
	}, nil
}

// tagsCalls are the calls about entries with n tags that L2 does not have.
func tagsCalls(ctx context.Context, c *memo.Cache, srv *server, n int) ([]*cell, error) {
	x, names, kind := float64(n), keysOf(fmt.Sprintf("tag-%d-", n), n), fmt.Sprint("tagged-", n)
	named := memo.NewFunc(c, kind, loadUser, memo.Tags(names...), memo.SharedOnly())
	made := memo.NewFunc(c, kind+"-made", loadUser, memo.TagsFunc(func(int) []string { return names }), memo.SharedOnly())
	missed := memo.NewFunc(c, kind+"-missed", loadUser, memo.Tags(names...))
	for _, f := range []*memo.Func[int, user]{named, made, missed} { // the markers are there then
		if _, err := f.Do(ctx, 0); err != nil {
			return nil, err
		}
	}
	keys := keysOf(kind+":raw", n+3) // of one look: the tags' markers, that of the name, the counter and the value
	for _, key := range keys {
		if err := srv.raw.Set(&memcache.Item{Key: key, Value: make([]byte, 100)}); err != nil {
			return nil, err
		}
	}
	key, fresh := named.Key(0), 0
	return []*cell{
		{line: "L3 hit, Tags", x: x, cache: c, answered: byL3, prepare: does(ctx, named, func(int) int { return 0 })},
		{line: "L3 hit, TagsFunc", x: x, cache: c, answered: byL3, prepare: does(ctx, made, func(int) int { return 0 })},
		{line: "L3 hit, the reader names no tags", x: x, cache: c, answered: byL3, prepare: again(func(int) error {
			_, err := memo.Do(ctx, key, func(context.Context) (user, error) { return user{}, nil }, memo.SharedOnly())
			return err
		})},
		{line: "miss, Tags, without the loader", x: x, cache: c, answered: byLoads, prepare: does(ctx, missed, func(int) int { fresh++; return fresh })},
		{line: "the raw client, as many keys", base: true, x: x, prepare: again(func(int) error { _, err := srv.raw.GetMulti(keys); return err })},
	}, nil
}

// afterAnother invalidates a tag that nothing has, and reads all entries of f once, which
// compares each with what was invalidated. The invalidation is a thousandth of it.
func afterAnother(ctx context.Context, f *memo.Func[int, user]) func(n int) func() error {
	return func(n int) func() error {
		return func() error {
			for range n / tagged {
				if err := memo.InvalidateTags(ctx, "nobody-has-it"); err != nil {
					return err
				}
				for id := range tagged {
					if _, err := f.Do(ctx, id); err != nil {
						return err
					}
				}
			}
			return nil
		}
	}
}
