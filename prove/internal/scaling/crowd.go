package scaling

// crowd.go is many processes that do nothing but poll, as their server sees them: so many
// connections, each of which polls by itself. A machine that has no room for so many
// processes has room for that, and a busy server needs less for a command than one that
// wakes up for each. Crowds that ask for few numbers and for many tell what a key costs.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
)

// Crowd lets so many connections poll at the default interval, for so many numbers each
// time, and reads the counters of the server for window.
func Crowd(ctx context.Context, connections, numbers int, window time.Duration) (row Row, err error) {
	server, err := mcserver.Start("-c", "8192")
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	gauge, err := NewGauge(server.Addr())
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, gauge.Close()) }()

	var group sync.WaitGroup
	defer group.Wait()
	ctx, enough := context.WithCancel(ctx)
	defer enough()
	f, polls, failed := Default(), atomic.Int64{}, make(chan error, connections)
	f.Processes, f.Sizes = connections, sizes()
	request := pollText(numbers)
	for range connections {
		group.Go(func() { failed <- press(ctx, server.Addr(), request, f.PollInterval, &polls) })
	}
	if err := wait(ctx, window/2); err != nil {
		return row, err
	}
	before, did, err := read(gauge, &polls)
	if err != nil {
		return row, err
	}
	if err := wait(ctx, window); err != nil {
		return row, err
	}
	after, has, err := read(gauge, &polls)
	if err != nil {
		return row, err
	}
	enough()
	group.Wait()
	close(failed)
	for one := range failed {
		err = errors.Join(err, one)
	}
	seconds := after.At.Sub(before.At).Seconds()
	f.PollInterval = time.Duration(float64(connections) * seconds / float64(has-did) * float64(time.Second)) // as the machine could
	row = Row{
		Doing: fmt.Sprintf("nothing (connections that poll for %d numbers, without processes)", numbers), Processes: connections, Servers: 1, Poll: f.PollInterval,
		Got:  after.Traffic.Plus(before.Traffic.Times(-1)).Times(1 / seconds),
		Want: f.Sizes.poll(numbers).Times(float64(connections) / f.PollInterval.Seconds()), Connections: after.Connections - ours, CPU: time.Duration(float64(after.CPU-before.CPU) / seconds),
	}
	row.Got.Commands = float64(has-did) / seconds
	row.Want.Out = row.Want.Commands * float64(len("END\r\n")) // there is no counter
	return row, err
}

func read(gauge *Gauge, polls *atomic.Int64) (Counters, int64, error) {
	c, err := gauge.Read()
	return c, polls.Load(), err
}

// pollText is a poll that has room for so many numbers, and finds none.
func pollText(numbers int) string {
	words := []string{"gets", prefix + ":seq"}
	for n := range numbers {
		words = append(words, fmt.Sprintf("%s:g:1y2p0ij32e8%02x", prefix, n))
	}
	return strings.Join(words, " ") + "\r\n"
}

// press sends request each interval until ctx ends.
func press(ctx context.Context, address, request string, interval time.Duration, polls *atomic.Int64) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("scaling: %w", err)
	}
	defer conn.Close()
	replies := bufio.NewReaderSize(conn, 64)
	if wait(ctx, rand.N(interval)) != nil {
		return nil
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if _, err := conn.Write([]byte(request)); err != nil {
			return fmt.Errorf("scaling: poll: %w", err)
		}
		if line, err := replies.ReadString('\n'); err != nil || line != "END\r\n" {
			return fmt.Errorf("scaling: poll: %q, %w", line, err)
		}
		polls.Add(1)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
