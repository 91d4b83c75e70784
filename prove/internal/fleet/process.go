package fleet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/tiermemo/tiermemo/memo"
)

// Process is one worker, as the test sees it. Its methods may be called
// concurrently, Kill and Close apart.
type Process struct {
	ID    int
	Wires Wires // before each memcached; none without Setup.Wire

	cmd    *exec.Cmd
	worker *rpc.Client
	stderr bytes.Buffer  // read only after exited
	exited chan struct{} // closed when the process was waited for
	gone   bool          // killed or closed
}

// start runs the test binary as a worker, or the program that s names.
func start(s Setup, wires Wires) (*Process, error) {
	program := s.Program
	if program == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("fleet: %w", err)
		}
		program = self
	}
	env, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	p := &Process{ID: s.Process, Wires: wires, cmd: exec.Command(program), exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), Env+"="+string(env))
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = dieWithParent()
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	if err := p.run(); err != nil {
		return nil, err
	}
	p.worker = rpc.NewClient(pipes{stdout, stdin})
	return p, nil
}

// run starts the process and waits for it in the background. The parent-death
// signal comes when the thread ends that started the child, so it is kept.
func (p *Process) run() error {
	started := make(chan error, 1)
	go func() {
		defer close(p.exited)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // its state tells
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("fleet: start a worker: %w", err)
	}
	return nil
}

// Do reads k in a request of its own, and returns its version.
func (p *Process) Do(k Key) (version uint64, err error) {
	err = p.call("Do", k, &version)
	return version, err
}

// DoAll reads the rows below n, each in a request of its own, several at once.
func (p *Process) DoAll(n int) error { return p.call("DoAll", n, &None{}) }

// Commit writes the next version of k to the database, and tells no cache.
func (p *Process) Commit(k Key) (version uint64, err error) {
	err = p.call("Commit", k, &version)
	return version, err
}

// Invalidate invalidates keys in one call, and tells whether that was deferred.
func (p *Process) Invalidate(keys ...Key) (deferred bool, err error) {
	err = p.call("Invalidate", keys, &deferred)
	return deferred, err
}

// Tell tells the process that the servers are now these, which it asks for every
// ListEvery. It needs Setup.Told.
func (p *Process) Tell(servers []string) error { return p.call("Tell", servers, &None{}) }

// Sample returns what the process needs at this moment.
func (p *Process) Sample(collected bool) (s Sample, err error) {
	err = p.call("Sample", collected, &s)
	return s, err
}

// Snapshot returns the statistics of the process's cache.
func (p *Process) Snapshot() (s memo.Stats, err error) {
	err = p.call("Snapshot", None{}, &s)
	return s, err
}

// Begin starts traffic, Calm ends its writing, and End its reading.
func (p *Process) Begin(tr Traffic) error { return p.call("Begin", tr, &None{}) }

// Calm returns when no write is under way any more.
func (p *Process) Calm() error { return p.call("Calm", None{}, &None{}) }

// End returns when everything is reported, with what the cache counted. A read
// that failed is an error.
func (p *Process) End() (counts memo.Counts, err error) {
	err = p.call("End", None{}, &counts)
	return counts, err
}

func (p *Process) call(command string, args, result any) error {
	if err := p.worker.Call("Worker."+command, args, result); err != nil {
		return fmt.Errorf("fleet: process %d: %s: %w", p.ID, command, err)
	}
	return nil
}

func (p *Process) signal(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil {
		return fmt.Errorf("fleet: send process %d %v: %w", p.ID, sig, err)
	}
	return nil
}

// Kill ends the process with SIGKILL, and returns when it is gone.
func (p *Process) Kill() error {
	p.gone = true
	if err := p.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("fleet: kill process %d: %w", p.ID, err)
	}
	<-p.exited
	_ = p.worker.Close() // both ends are gone
	return nil
}

// Close lets the process close its cache and end. What it says on the way out,
// a data race too, is an error.
func (p *Process) Close() error {
	if p.gone {
		return nil
	}
	p.gone = true
	err := p.worker.Close()
	<-p.exited
	if !p.cmd.ProcessState.Success() {
		return errors.Join(err, fmt.Errorf("fleet: process %d: %v:\n%s", p.ID, p.cmd.ProcessState, p.stderr.String()))
	}
	return err
}

// pipes is the connection to a worker.
type pipes struct {
	io.ReadCloser
	stdin io.WriteCloser
}

func (p pipes) Write(b []byte) (int, error) { return p.stdin.Write(b) }

// Close tells the worker to end. Its stdout is closed after that.
func (p pipes) Close() error { return p.stdin.Close() }
