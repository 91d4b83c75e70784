// Command program is what is rolled out: a process that answers questions about
// its values, until its input ends. The build tag next makes the newer release.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tiermemo/tiermemo/internal/rollout"
	"github.com/tiermemo/tiermemo/internal/rollout/program/shop"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/memcached"
)

func main() {
	if err := run(json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in *json.Decoder, out *json.Encoder) error {
	var s rollout.Setup
	if err := in.Decode(&s); err != nil {
		return err
	}
	client, err := memcached.NewFromConfig(memcached.Config{Servers: []string{s.Memcached}, Timeout: s.Patience})
	if err != nil {
		return err
	}
	cache, err := memo.New(memo.Config{
		Name: s.Name, Prefix: rollout.Prefix, Shared: client,
		StaleBound: s.Bound, ReadTimeout: s.Patience, WriteTimeout: s.Patience,
	})
	if err != nil {
		return errors.Join(err, client.Close())
	}
	err = serve(cache, in, out)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, cache.Close(ctx))
}

// serve answers one question after the other, each in a request of its own.
func serve(cache *memo.Cache, in *json.Decoder, out *json.Encoder) error {
	values := shop.Values()
	for {
		var q rollout.Question
		if err := in.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		a, err := answer(cache, values, q)
		if err != nil {
			a.Err = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

func answer(cache *memo.Cache, values map[string]shop.Read, q rollout.Question) (rollout.Answer, error) {
	ctx, end := cache.Begin(context.Background())
	defer end()
	if q.Invalidate {
		return rollout.Answer{}, memo.Invalidate(ctx, q.Key)
	}
	read, ok := values[q.Read]
	if !ok {
		return rollout.Answer{}, fmt.Errorf("program: no value %q", q.Read)
	}
	return read(ctx, q)
}
