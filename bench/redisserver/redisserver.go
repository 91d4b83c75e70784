// Package redisserver runs a real redis-server for the peers that keep their values in
// one: on a free loopback port, without persistence, and gone when the process is gone.
// It is what internal/mcserver is for memcached, without the faults.
package redisserver

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// ErrNotInstalled says that there is no redis-server on PATH, and what to do.
var ErrNotInstalled = errors.New("redisserver: redis-server is not installed: run `apt-get install redis-server`, or `make test`, which installs it")

const (
	attempts     = 8                // ports to try before giving up
	startTimeout = 10 * time.Second // for the server to answer, on a loaded machine
)

var errPortTaken = errors.New("redisserver: the port is taken")

// Server is a redis-server process.
type Server struct {
	addr   string
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process was waited for
}

// Start returns a server that answers.
func Start() (*Server, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, ErrNotInstalled
	}
	for range attempts {
		var s *Server
		if s, err = start(path); err == nil {
			return s, nil
		}
		if !errors.Is(err, errPortTaken) {
			break
		}
	}
	return nil, err
}

// Addr is "127.0.0.1:port".
func (s *Server) Addr() string { return s.addr }

// Close ends the server.
func (s *Server) Close() error {
	err := s.cmd.Process.Kill()
	<-s.exited
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

func start(path string) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return nil, err
	}
	s := &Server{addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), exited: make(chan struct{})}
	s.cmd = exec.Command(path, "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--save", "", "--appendonly", "no", "--daemonize", "no")
	s.cmd.SysProcAttr = dieWithParent()
	started := make(chan error, 1)
	go func() {
		defer close(s.exited)
		// The parent-death signal is sent when the *thread* that started the child ends, so
		// this goroutine keeps it until then.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := s.cmd.Start()
		started <- err
		if err == nil {
			_ = s.cmd.Wait() // its status says only that it was killed
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	if err := s.waitReady(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// waitReady returns when this process answers at the port, and not another one that was
// faster to bind it: the pid in its INFO decides.
func (s *Server) waitReady() error {
	deadline := time.After(startTimeout)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		pid, err := askPid(s.addr)
		switch {
		case err == nil && pid == s.cmd.Process.Pid:
			return nil
		case err == nil:
			return errPortTaken
		}
		select {
		case <-s.exited:
			return errPortTaken
		case <-deadline:
			return fmt.Errorf("redisserver: no answer at %s after %v (last error: %w)", s.addr, startTimeout, err)
		case <-tick.C:
		}
	}
}

func askPid(addr string) (int, error) {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := fmt.Fprint(c, "INFO server\r\n"); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		if pid, ok := strings.CutPrefix(lines.Text(), "process_id:"); ok {
			return strconv.Atoi(pid)
		}
	}
	return 0, errors.Join(errors.New("redisserver: an answer without a process_id"), lines.Err())
}
