package mcserver

// server.go is the life of one memcached: start, stop and resume, kill, start
// again on the same port, end.

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// ErrNotInstalled says that there is no memcached on PATH, and what to do.
var ErrNotInstalled = errors.New("mcserver: memcached is not installed: run `apt-get install memcached`, or `make test`, which installs it")

const (
	startAttempts = 8                // ports to try before giving up
	startTimeout  = 10 * time.Second // for the server to answer after its start, on a loaded machine
)

// Options are what a test wants of its server. The zero value is a plain server
// on a port.
type Options struct {
	Args   []string    // added to the command line
	Socket string      // path of the Unix socket to listen at, in place of a port
	TLS    *tls.Config // how to reach a server that Args make speak TLS (-Z), this package's own questions included
	Login  string      // "user password", for a server that Args make ask for one (-Y)
}

// Server is a memcached process. Its methods are safe for concurrent use.
type Server struct {
	path    string
	port    int // 0: at the socket
	options Options

	mu     sync.Mutex
	proc   *process // nil when killed
	closed bool
}

// Start runs memcached on a free port of 127.0.0.1 with 1,024 connections and
// no UDP, adds args to its command line, and returns once it answers. A port
// that another process takes meanwhile is replaced by another. Without a
// memcached on PATH the error is ErrNotInstalled.
func Start(args ...string) (*Server, error) { return Options{Args: args}.Start() }

// Start is the function of that name with every choice.
func (o Options) Start() (*Server, error) {
	path, err := exec.LookPath("memcached")
	if err != nil {
		return nil, ErrNotInstalled
	}
	if o.Socket != "" {
		s := &Server{path: path, options: o}
		s.proc, err = s.launch()
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	var failed error
	for range startAttempts {
		port, err := freePort()
		if err != nil {
			return nil, fmt.Errorf("mcserver: no free port: %w", err)
		}
		s := &Server{path: path, port: port, options: o}
		if s.proc, failed = s.launch(); failed == nil {
			return s, nil
		}
		if !errors.Is(failed, errPortTaken) {
			break
		}
	}
	return nil, failed
}

// Addr is the address of the server, "127.0.0.1:port" or the path of its socket.
// It outlives Kill and Restart.
func (s *Server) Addr() string {
	if s.options.Socket != "" {
		return s.options.Socket
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
}

// Pause stops the server with SIGSTOP: connections are still accepted by the
// kernel and nothing answers. When it returns, every thread has stopped.
func (s *Server) Pause() error {
	return s.withProcess(func(p *process) error {
		if err := p.signal(syscall.SIGSTOP); err != nil {
			return err
		}
		return p.waitStopped()
	})
}

// Resume lets a stopped server continue. What it was sent meanwhile is then executed.
func (s *Server) Resume() error {
	return s.withProcess(func(p *process) error { return p.signal(syscall.SIGCONT) })
}

// Kill ends the server with SIGKILL and waits until it is gone. Killing a killed
// server is no error.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kill()
}

// Restart starts the server again on the same port, empty; one that still runs
// is killed first.
func (s *Server) Restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("mcserver: the server is closed")
	}
	if err := s.kill(); err != nil {
		return err
	}
	// The port lies in the range that outgoing connections draw from, so one of
	// them can hold it for a moment while the server is down.
	deadline := time.Now().Add(startTimeout)
	for {
		p, err := s.launch()
		if err == nil {
			s.proc = p
			return nil
		}
		if !errors.Is(err, errPortTaken) || time.Now().After(deadline) {
			return err
		}
	}
}

// Flush empties the server with flush_all over a connection of its own.
func (s *Server) Flush() error {
	return s.withProcess(func(*process) error {
		reply, err := s.ask("flush_all\r\n", "\r\n")
		if err != nil {
			return fmt.Errorf("mcserver: flush_all: %w", err)
		}
		if reply != "OK\r\n" {
			return fmt.Errorf("mcserver: flush_all: the server answered %q", reply)
		}
		return nil
	})
}

// Close ends the server, stopped or not, and waits until it is gone. The second
// call does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.kill()
}

func (s *Server) withProcess(fn func(*process) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.proc == nil {
		return errors.New("mcserver: the server is not running")
	}
	return fn(s.proc)
}

func (s *Server) kill() error {
	if s.proc == nil {
		return nil
	}
	err := s.proc.kill()
	s.proc = nil
	return err
}

func (s *Server) launch() (*process, error) {
	args := []string{"-l", "127.0.0.1", "-p", strconv.Itoa(s.port), "-U", "0", "-c", "1024"}
	if s.options.Socket != "" {
		args = []string{"-s", s.options.Socket, "-c", "1024"}
	}
	if os.Geteuid() == 0 {
		// memcached refuses to run as root unless told a user. It is root and not
		// nobody because Linux forgets the parent-death signal of a process that
		// changes its user, and a killed test would then leave memcached behind.
		args = append(args, "-u", "root")
	}
	p, err := start(s.path, append(args, s.options.Args...))
	if err != nil {
		return nil, err
	}
	if err := p.waitReady(s, startTimeout); err != nil {
		return nil, errors.Join(err, p.kill())
	}
	return p, nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
