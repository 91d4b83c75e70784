package mcserver

// process.go is one run of memcached as an operating system process: Server
// starts it, asks whether it answers, signals it and waits for its end.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

var errPortTaken = errors.New("mcserver: the port is taken")

type process struct {
	cmd    *exec.Cmd
	output bytes.Buffer  // what it wrote to stderr; read only after exited
	exited chan struct{} // closed when the process was waited for
}

func start(path string, args []string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), exited: make(chan struct{})}
	p.cmd.Stderr = &p.output
	p.cmd.SysProcAttr = dieWithParent()

	started := make(chan error, 1)
	go func() {
		defer close(p.exited)
		// The parent-death signal is sent when the *thread* that started the child
		// ends, not the process. Holding the thread until the child is gone makes
		// the two the same.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // its status says only that it was killed
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("mcserver: start memcached: %w", err)
	}
	return p, nil
}

// waitReady returns when this process, and not another one on the same port,
// answers at the address of s.
//
//  1. test A draws a port and gives it up for its memcached to bind
//  2. test B draws the same port and its memcached binds it first
//  3. A would find a memcached that answers `version`, and share it with B
//
// So the pid in the answer to `stats` decides.
func (p *process) waitReady(s *Server, within time.Duration) error {
	pid := fmt.Sprintf("STAT pid %d\r\n", p.cmd.Process.Pid)
	deadline := time.After(within)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		reply, err := s.ask("version\r\nstats\r\n", "END\r\n")
		if err == nil && strings.Contains(reply, pid) {
			return nil
		}
		select {
		case <-p.exited:
			return p.diedEarly()
		case <-deadline:
			return fmt.Errorf("mcserver: memcached does not answer at %s after %v (last error: %v)", s.Addr(), within, err)
		case <-tick.C:
		}
	}
}

func (p *process) diedEarly() error {
	text := strings.TrimSpace(p.output.String())
	if strings.Contains(text, "failed to listen") || strings.Contains(text, "Address already in use") {
		return fmt.Errorf("%w: %s", errPortTaken, text)
	}
	return fmt.Errorf("mcserver: memcached ended at once (%v): %s", p.cmd.ProcessState, text)
}

func (p *process) signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("mcserver: send %v: %w", sig, err)
	}
	return nil
}

// kill needs no SIGCONT first: SIGKILL ends a stopped process too.
func (p *process) kill() error {
	select {
	case <-p.exited:
		return nil
	default:
	}
	err := p.cmd.Process.Kill()
	<-p.exited
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("mcserver: kill memcached: %w", err)
	}
	return nil
}
