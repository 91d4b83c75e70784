package main

// size.go: values of ten bytes, and of two million, which memcached does not take.

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tiermemo/tiermemo/memo"
)

// largest is the item that memcached takes unless told otherwise.
const largest = 1 << 20

// blob is a value that writes itself: what it costs is the way, and no codec.
type blob struct{ bytes []byte }

func (b blob) MarshalBinary() ([]byte, error) { return b.bytes, nil }

func (b *blob) UnmarshalBinary(data []byte) error {
	b.bytes = append([]byte(nil), data...)
	return nil
}

func sizes(ctx context.Context, s *setting) (_ []Figure, err error) {
	srv, err := start()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, srv.close()) }()
	c, err := srv.cache("size")
	if err != nil {
		return nil, err
	}
	defer c.Close(ctx)
	ctx = c.With(ctx)
	var reads, writes []*cell
	for _, x := range s.upTo(10, 100, 1e3, 1e4, 1e5, 3e5, 1e6, 2e6) {
		r, w, err := sizeCells(ctx, c, srv, int(x))
		if err != nil {
			return nil, err
		}
		reads, writes = append(reads, r...), append(writes, w...)
	}
	if err := s.play(ctx, append(reads, writes...)); err != nil {
		return nil, err
	}
	limit := &Limit{At: largest, Name: "memcached's largest item"}
	read := Figure{Name: "size", Title: "Reads from memcached by the size of the value", X: "bytes of the value", Y: "µs per read", Limit: limit}
	write := Figure{Name: "size-set", Title: "Set by the size of the value", X: "bytes of the value", Y: "µs per call", Limit: limit}
	read.byClock(reads)
	write.byClock(writes)
	return []Figure{read, write}, nil
}

// sizeCells are reads and writes of a value of so many bytes. One that memcached does not
// take is loaded each time that it is asked for past L2.
func sizeCells(ctx context.Context, c *memo.Cache, srv *server, size int) (reads, writes []*cell, err error) {
	x, text := float64(size), strings.Repeat("x", size)
	value := blob{[]byte(text)}
	name, answered := fmt.Sprint("size-", size), byL3
	if size >= largest {
		answered = byLoads
	}
	plain := memo.NewFunc(c, name, func(context.Context, int) (blob, error) { return value, nil }, memo.SharedOnly())
	json := memo.NewFunc(c, name+"-json", func(context.Context, int) (string, error) { return text, nil }, memo.SharedOnly())
	if _, err := plain.Do(ctx, 0); err != nil {
		return nil, nil, err
	}
	if _, err := json.Do(ctx, 0); err != nil {
		return nil, nil, err
	}
	reads = []*cell{
		{line: "bytes that write themselves", x: x, cache: c, answered: answered, prepare: again(func(int) error { _, err := plain.Do(ctx, 0); return err })},
		{line: "a string, as JSON", x: x, cache: c, answered: answered, prepare: again(func(int) error { _, err := json.Do(ctx, 0); return err })},
	}
	writes = []*cell{
		{line: "bytes that write themselves", x: x, prepare: again(func(int) error { return plain.Set(ctx, 1, value) })},
		{line: "a string, as JSON", x: x, prepare: again(func(int) error { return json.Set(ctx, 1, text) })},
	}
	if size >= largest {
		return reads, writes, nil
	}
	raw := &memcache.Item{Key: name + "-raw", Value: value.bytes}
	if err := srv.raw.Set(raw); err != nil {
		return nil, nil, err
	}
	reads = append(reads, &cell{line: "the raw client, Get", base: true, x: x, prepare: again(func(int) error { _, err := srv.raw.Get(raw.Key); return err })})
	writes = append(writes, &cell{line: "the raw client, Set", base: true, x: x, prepare: again(func(int) error { return srv.raw.Set(raw) })})
	return reads, writes, nil
}
