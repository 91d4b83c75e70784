package memcached

// conn.go is the last station before the network: the connection that a lane
// gives to its gomemcache client. It obeys the lane's deadline instead of the
// client's, and shows the lane all that comes back.

import (
	"net"
	"time"
)

// conn belongs to one lane for its whole life.
type conn struct {
	net.Conn
	lane  *lane
	probe probe
}

// Read returns bytes or an error, never both. crypto/tls reports the end of a
// connection together with the last bytes; gomemcache's reader would take the
// answer and tell the next operation of the end, out of sight of the lane.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		err = c.lane.reply.follow(p[:n])
	}
	if err != nil {
		c.lane.fault = err
		return 0, err
	}
	return n, nil
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		c.lane.fault = err
	}
	return n, err
}

// SetDeadline keeps the deadline of the operation. gomemcache calls it before
// every item that it reads with `now + Timeout`, which is never earlier, and by
// which a server that drips could hold an operation for ever.
func (c *conn) SetDeadline(time.Time) error { return nil }

// Close implements net.Conn; gomemcache calls it after every failure.
func (c *conn) Close() error {
	c.lane.detach()
	return hangUp(c.Conn)
}
