package scaling

// server.go asks a memcached for its counters, over one connection for all of the
// measurement, and takes off what the questions themselves cost.

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Counters are a server's, since its start and without what they cost to read.
type Counters struct {
	Traffic     Traffic // without Commands, which memcached does not count
	Connections int     // curr_connections, that of the Gauge included
	CPU         time.Duration
	At          time.Time
}

// A Gauge reads the counters of one server. It is not safe for concurrent use.
type Gauge struct {
	conn    net.Conn
	replies *bufio.Reader
	in, out float64 // that it has cost so far
}

const question = "stats\r\n"

// NewGauge connects to the memcached at address.
func NewGauge(address string) (*Gauge, error) {
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("scaling: %w", err)
	}
	return &Gauge{conn: conn, replies: bufio.NewReader(conn)}, nil
}

// Close ends its connection.
func (g *Gauge) Close() error { return g.conn.Close() }

// Read returns the counters of now. This question is among them, and its reply is not.
func (g *Gauge) Read() (c Counters, err error) {
	if err := g.conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return c, fmt.Errorf("scaling: %w", err)
	}
	if _, err := g.conn.Write([]byte(question)); err != nil {
		return c, fmt.Errorf("scaling: stats: %w", err)
	}
	g.in += float64(len(question))
	stats, size := map[string]float64{}, 0
	for {
		line, err := g.replies.ReadString('\n')
		if err != nil {
			return c, fmt.Errorf("scaling: stats: %w", err)
		}
		size += len(line)
		if line == "END\r\n" {
			break
		}
		if words := strings.Fields(line); len(words) == 3 && words[0] == "STAT" {
			stats[words[1]], _ = strconv.ParseFloat(words[2], 64) // those that are no numbers are not asked for
		}
	}
	c.At = time.Now()
	c.Traffic = Traffic{
		Gets: stats["cmd_get"], Sets: stats["cmd_set"], Deletes: stats["delete_hits"] + stats["delete_misses"],
		Incrs: stats["incr_hits"] + stats["incr_misses"], Touches: stats["cmd_touch"],
		In: stats["bytes_read"] - g.in, Out: stats["bytes_written"] - g.out,
	}
	c.Connections = int(stats["curr_connections"])
	c.CPU = time.Duration(1e9 * (stats["rusage_user"] + stats["rusage_system"]))
	g.out += float64(size)
	return c, nil
}
