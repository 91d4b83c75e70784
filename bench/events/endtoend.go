package events

// endtoend.go has a server in a process of its own under wrk: what of a request's cost is
// the middleware's.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/bench/lab"
)

// EndToEnd is the event, and CPURequest its unit: of the server, by its own getrusage.
const (
	EndToEnd   = "a server under wrk, 32 connections"
	CPURequest = "cpu ns of the server per request"
)

func endToEnd() []lab.Event {
	e := lab.Event{Group: MiddlewareGroup, Name: EndToEnd, Columns: []string{CPURequest, lab.Rate}}
	for _, mode := range []string{Unused, "tiermemo, 1 call", "tiermemo, 10 calls", Hundred, UnusedByHand, HundredByHand, NoMiddleware} {
		c := lab.Contender{Name: mode, Floor: mode == NoMiddleware}
		if mode == HundredByHand {
			c.Against = Hundred
		}
		c.New = func(env lab.Env) (lab.Bench, error) {
			s, err := startChild(mode)
			if err != nil {
				return lab.Bench{}, err
			}
			return lab.Bench{Trial: func() (lab.Sample, error) { return s.under(env) }, Close: s.close}, nil
		}
		e.Contenders = append(e.Contenders, c)
	}
	return []lab.Event{e}
}

type child struct {
	url   string
	cmd   *exec.Cmd
	stdin io.Closer
}

func startChild(mode string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), asServer+"="+mode)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &child{cmd: cmd, stdin: stdin}
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		s.close()
		return nil, fmt.Errorf("the server %q: %w", mode, err)
	}
	s.url = "http://" + strings.TrimSpace(addr)
	return s, nil
}

func (s *child) close() {
	_ = s.stdin.Close()
	_ = s.cmd.Wait()
}

// under measures a second of wrk, which knows no shorter time.
func (s *child) under(env lab.Env) (lab.Sample, error) {
	load := s.wrk
	if env.Tiny {
		load = s.few
	}
	if _, _, err := s.few(0); err != nil {
		return nil, err
	}
	before, err := s.spent()
	if err != nil {
		return nil, err
	}
	requests, took, err := load(20 * env.Time)
	if err != nil {
		return nil, err
	}
	after, err := s.spent()
	return lab.Sample{CPURequest: float64(after-before) / requests, lab.Rate: requests / took.Seconds()}, err
}

func (s *child) spent() (time.Duration, error) {
	text, err := s.get("/spent")
	if err != nil {
		return 0, err
	}
	ns, err := strconv.ParseInt(text, 10, 64)
	return time.Duration(ns), err
}

func (s *child) get(path string) (string, error) {
	reply, err := http.Get(s.url + path)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, reply.Status)
	}
	return string(text), err
}

// wrk loads the server, from one thread: there are two cores for both.
func (s *child) wrk(length time.Duration) (requests float64, took time.Duration, err error) {
	out, err := exec.Command("wrk", "-t1", "-c32", "-d", fmt.Sprintf("%ds", max(1, int(length.Seconds()))), s.url+"/users/7").CombinedOutput()
	if err != nil {
		return 0, 0, fmt.Errorf("wrk: %w: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		switch {
		case strings.Contains(line, "Non-2xx"), strings.Contains(line, "Socket errors"):
			return 0, 0, errors.New("wrk: " + strings.TrimSpace(line))
		case len(words) > 3 && words[1] == "requests" && words[2] == "in":
			if requests, err = strconv.ParseFloat(words[0], 64); err != nil {
				return 0, 0, err
			}
			took, err = time.ParseDuration(strings.TrimSuffix(words[3], ","))
			return requests, took, err
		}
	}
	return 0, 0, fmt.Errorf("wrk: %s", out)
}

// few is what a test asks.
func (s *child) few(time.Duration) (requests float64, took time.Duration, err error) {
	start := time.Now()
	for range 5 {
		text, err := s.get("/users/7")
		if err != nil || text != "user 7\n" {
			return 0, 0, fmt.Errorf("%q, %w", text, err)
		}
	}
	return 5, time.Since(start), nil
}
