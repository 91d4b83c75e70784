package mcserver

// ask.go is how a Server itself speaks to its memcached: whether it is up, and to
// empty it.

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// ask sends a request over a connection of its own and reads up to a reply that
// ends with end.
func (s *Server) ask(request, end string) (string, error) {
	c, err := s.dial()
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return "", err
	}
	if token := s.options.Login; token != "" {
		if _, err := exchange(c, fmt.Sprintf("set login 0 0 %d\r\n%s\r\n", len(token), token), "STORED\r\n"); err != nil {
			return "", err
		}
	}
	return exchange(c, request, end)
}

func (s *Server) dial() (net.Conn, error) {
	network := "tcp"
	if s.options.Socket != "" {
		network = "unix"
	}
	dialer := &net.Dialer{Timeout: time.Second}
	if s.options.TLS != nil {
		return tls.DialWithDialer(dialer, network, s.Addr(), s.options.TLS)
	}
	return dialer.Dial(network, s.Addr())
}

func exchange(c net.Conn, request, end string) (string, error) {
	if _, err := c.Write([]byte(request)); err != nil {
		return "", err
	}
	var reply []byte
	buf := make([]byte, 4096)
	for !bytes.HasSuffix(reply, []byte(end)) {
		n, err := c.Read(buf)
		reply = append(reply, buf[:n]...)
		if err != nil {
			return "", err
		}
	}
	return string(reply), nil
}
