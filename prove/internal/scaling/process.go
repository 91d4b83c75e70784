package scaling

// process.go is a worker from outside.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// process is a worker: this program, started once more. It ends when its stdin does,
// and so with whoever started it, however that ends.
type process struct {
	cmd     *exec.Cmd
	stdin   io.Closer
	orders  *json.Encoder
	answers *json.Decoder
	stderr  bytes.Buffer // read only after Wait
}

func launch(s setup) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("scaling: %w", err)
	}
	env, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("scaling: %w", err)
	}
	p := &process{cmd: exec.Command(self)}
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), Env+"="+string(env)), &p.stderr
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("scaling: %w", err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("scaling: %w", err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("scaling: start a process: %w", err)
	}
	p.stdin, p.orders, p.answers = stdin, json.NewEncoder(stdin), json.NewDecoder(stdout)
	return p, nil
}

// order gives p something to do, or, if task is nil, only asks what it has done.
func (p *process) order(task *Task) (d done, err error) {
	if err := p.orders.Encode(task); err != nil {
		return d, fmt.Errorf("scaling: %w", err)
	}
	if err := p.answers.Decode(&d); err != nil {
		return d, fmt.Errorf("scaling: %w", err)
	}
	if d.Failure != "" {
		return d, fmt.Errorf("scaling: a process failed: %s", d.Failure)
	}
	return d, nil
}

// close ends p, which closes its cache.
func (p *process) close() error {
	err := p.stdin.Close()
	if ended := p.cmd.Wait(); ended != nil {
		return errors.Join(err, fmt.Errorf("scaling: a process ended with %w: %s", ended, p.stderr.String()))
	}
	return err
}
