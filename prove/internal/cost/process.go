package cost

// process.go is a cache as a program has it. Two of them are two processes to each
// other: all that they share is memcached.

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/memcached"
)

// process is memo's defaults on the memcached at one address, or several.
type process struct{ *memo.Cache }

func open(address string, change func(*memo.Config), more ...string) (*process, error) {
	client, err := memcached.New(append([]string{address}, more...)...)
	if err != nil {
		return nil, err
	}
	return openWith(client, change)
}

// openBy is open by way of another address. The server keeps its name, which is the same
// in all processes.
func openBy(way, address string, change func(*memo.Config)) (*process, error) {
	client, err := memcached.NewFromConfig(memcached.Config{
		Servers: []string{address},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, way)
		},
	})
	if err != nil {
		return nil, err
	}
	return openWith(client, change)
}

func openWith(client *memcached.Client, change func(*memo.Config)) (*process, error) {
	cfg := memo.Config{Prefix: "cost", Shared: client, Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&cfg)
	}
	cache, err := memo.New(cfg, memo.TTL(time.Minute))
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &process{cache}, nil
}

func (p *process) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return p.Close(ctx)
}

// read reads key outside of any request, with a loader that takes took.
func (p *process) read(key string, took time.Duration, opts ...memo.Option) error {
	_, err := memo.Do(p.With(context.Background()), key, query(took), opts...)
	return err
}

// query is a loader that takes took.
func query(took time.Duration) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		if !wait(ctx, took) {
			return 0, ctx.Err()
		}
		return 1, nil
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// quantile returns the q-quantile of all; of none 0.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func millis(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}
