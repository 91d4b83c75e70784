package mcserver

// death_linux.go ties the life of memcached to that of the test process, and
// sees when a stop has taken effect.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// dieWithParent makes the kernel kill memcached when the test process ends in
// any way, kill -9 and a test time-out included, where no Cleanup runs.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// waitStopped returns when every thread has stopped. kill(2) only queues the
// signal, and a worker thread could answer one more request after it returned.
func (p *process) waitStopped() error {
	deadline := time.After(startTimeout)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		stopped, err := allThreadsStopped(p.cmd.Process.Pid)
		if stopped || err != nil {
			return err
		}
		select {
		case <-p.exited:
			return errors.New("mcserver: memcached ended while it was being stopped")
		case <-deadline:
			return fmt.Errorf("mcserver: memcached did not stop within %v", startTimeout)
		case <-tick.C:
		}
	}
}

func allThreadsStopped(pid int) (bool, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil || len(threads) == 0 {
		return false, err
	}
	for _, file := range threads {
		stat, err := os.ReadFile(file)
		if err != nil {
			return false, fmt.Errorf("mcserver: state of memcached: %w", err)
		}
		// The state follows the name, which is in parentheses and may hold anything.
		_, state, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
		if !bytes.HasPrefix(state, []byte("T")) {
			return false, nil
		}
	}
	return true, nil
}
