package rollout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/rollout"
)

// A release as an executable, and a process of it: what the story in
// rollout_test.go is told with.

const (
	bound    = 5 * time.Second // of every process: one that the machine keeps waiting for a second does not forget its L2
	patience = 5 * time.Second
	lifetime = 2 * time.Minute // no process is there longer, whatever happens to the test
)

// release is the executable of one release.
type release struct {
	name string
	path string
}

// build makes the executables of both releases. They are built without the race
// detector: they are what would be deployed, and the engine's own tests have it.
func build(t *testing.T) (older, newer release) {
	t.Helper()
	dir := t.TempDir()
	older, newer = release{"old", filepath.Join(dir, "old")}, release{"new", filepath.Join(dir, "new")}
	var wg sync.WaitGroup
	defer wg.Wait()
	for r, tags := range map[release]string{older: "", newer: "next"} {
		wg.Go(func() {
			if text, err := exec.Command("go", "build", "-tags="+tags, "-o", r.path, "./program").CombinedOutput(); err != nil {
				t.Errorf("build the %s release: %v\n%s", r.name, err, text)
			}
		})
	}
	return older, newer
}

// process is one run of a release. It is used by one goroutine.
type process struct {
	name   string
	cmd    *exec.Cmd
	cancel context.CancelFunc
	stdin  io.Closer
	ask    *json.Encoder
	told   *json.Decoder
	stderr bytes.Buffer
	ended  bool
}

// start runs r, with the memcached at addr, until the test or quit ends it.
func (r release) start(t *testing.T, addr string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lifetime)
	p := &process{name: "a process of the " + r.name + " release", cmd: exec.CommandContext(ctx, r.path), cancel: cancel}
	p.cmd.Stderr = &p.stderr
	stdin, err := p.cmd.StdinPipe()
	must(t, err)
	stdout, err := p.cmd.StdoutPipe()
	must(t, err)
	must(t, p.cmd.Start())
	p.stdin, p.ask, p.told = stdin, json.NewEncoder(stdin), json.NewDecoder(stdout)
	t.Cleanup(func() { p.quit(t) })
	must(t, p.ask.Encode(rollout.Setup{Name: r.name, Memcached: addr, Bound: bound, Patience: patience}))
	return p
}

// quit lets p close its cache and end. The second call does nothing.
func (p *process) quit(t *testing.T) {
	t.Helper()
	if p.ended {
		return
	}
	p.ended = true
	defer p.cancel()
	_ = p.stdin.Close() // fails if p is gone, and that is told below
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%s: %v\n%s", p.name, err, &p.stderr)
	}
}

// do has q answered, whatever the answer.
func (p *process) do(t *testing.T, q rollout.Question) rollout.Answer {
	t.Helper()
	var a rollout.Answer
	err := p.ask.Encode(q)
	if err == nil {
		err = p.told.Decode(&a)
	}
	if err == nil && a.Err != "" {
		err = fmt.Errorf("%s", a.Err)
	}
	if err != nil {
		t.Fatalf("%s: %+v: %v", p.name, q, err)
	}
	return a
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
