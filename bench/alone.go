package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"

	"github.com/tiermemo/tiermemo/bench/events"
	"github.com/tiermemo/tiermemo/bench/lab"
)

// alone.go measures each event in a process of its own. Not every cache can be closed: the goroutine
// that evicts for sturdyc holds what its client has for as long as the process lives, and after
// twenty-four events of a million entries seven gigabytes were marked at each collection, by all that
// came after.

// asked is the environment variable by which a child knows what it is to measure.
const asked = "TIERMEMO_BENCH_EVENT"

// serviceHeap is what a service has beside its cache, here without pointers. A process of a few
// megabytes collects its garbage after each four of them, hundreds of times a second where a request
// is all that it makes: the collector would be what is measured.
const serviceHeap = 64 << 20

// question is what it says; the answer is what lab.Measure returns, on its standard output.
type question struct {
	Event  string
	Rounds int
	Env    lab.Env
}

// answerIfAsked ends the process if it is such a child.
func answerIfAsked() {
	text := os.Getenv(asked)
	if text == "" {
		return
	}
	os.Unsetenv(asked) // not for children of its own
	if err := answer(text); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func answer(text string) error {
	var q question
	if err := json.Unmarshal([]byte(text), &q); err != nil {
		return fmt.Errorf("%s: %w", asked, err)
	}
	all := events.All()
	i := slices.IndexFunc(all, func(e lab.Event) bool { return e.Name == q.Event })
	if i < 0 {
		return fmt.Errorf("there is no event %q", q.Event)
	}
	e, ballast := all[i], []byte(nil)
	if !e.Heavy {
		ballast = make([]byte, serviceHeap)
	}
	ms, err := lab.Measure(e, q.Env, q.Rounds)
	if err != nil {
		return err
	}
	runtime.KeepAlive(ballast)
	return json.NewEncoder(os.Stdout).Encode(ms)
}

// measureAlone is lab.Measure in a child of this process.
func measureAlone(e lab.Event, env lab.Env, rounds int) (ms []lab.Measured, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(question{e.Name, rounds, env})
	if err != nil {
		return nil, err
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), asked+"="+string(text))
	child.Stderr = os.Stderr
	out, err := child.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Name, err)
	}
	if err := json.Unmarshal(out, &ms); err != nil {
		return nil, fmt.Errorf("%s: what its process said: %w", e.Name, err)
	}
	return ms, nil
}
