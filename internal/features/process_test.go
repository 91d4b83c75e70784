package features_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/memcached"
)

// Another process of the fleet: this test binary, started again, with a cache of its
// own on the same memcached and loaders that read the same rows. It does what it is
// asked on its standard input, one JSON line a request, each on a goroutine of its own.

const processEnv = "TIERMEMO_FEATURES_PROCESS"

// setup is what a process is started with.
type setup struct {
	Server, Prefix, Rows string
}

// ask is a request: what to do with which keys.
type ask struct {
	ID   int
	Op   string // see answer
	Keys []string
	Opts options
}

// options are the memo.Options that a request can carry.
type options struct {
	TTL, Stale time.Duration
	Tags       []string
}

func (o options) list() (opts []memo.Option) {
	if o.TTL > 0 {
		opts = append(opts, memo.TTL(o.TTL))
	}
	if o.Stale > 0 {
		opts = append(opts, memo.Stale(o.Stale))
	}
	if len(o.Tags) > 0 {
		opts = append(opts, memo.Tags(o.Tags...))
	}
	return opts
}

// told is the answer to an ask.
type told struct {
	ID    int
	Value string
	Err   string
}

// process is the test's end of another process. Its methods may be called by several
// goroutines at once.
type process struct {
	tb    testing.TB
	mu    sync.Mutex
	in    *json.Encoder
	asked map[int]chan told
	last  int
}

// start starts n other processes on s with the prefix "t". They end with the test, and
// trust their own memory when start returns.
func start(tb testing.TB, s *mcserver.Server, db rows, n int) (all []*process) {
	tb.Helper()
	for range n {
		all = append(all, startWith(tb, setup{Server: s.Addr(), Prefix: "t", Rows: db.dir}))
	}
	var waits []func() (string, error)
	for _, p := range all {
		waits = append(waits, p.send("catchUp", options{}))
	}
	for _, wait := range waits {
		if _, err := wait(); err != nil {
			tb.Fatal(err)
		}
	}
	return all
}

func startWith(tb testing.TB, with setup) *process {
	tb.Helper()
	env, err := json.Marshal(with)
	must(tb, err)
	self, err := os.Executable()
	must(tb, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), processEnv+"="+string(env))
	cmd.Stderr = tb.Output()
	in, err := cmd.StdinPipe()
	must(tb, err)
	out, err := cmd.StdoutPipe()
	must(tb, err)
	must(tb, cmd.Start())
	p := &process{tb: tb, in: json.NewEncoder(in), asked: map[int]chan told{}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.listen(out)
	}()
	tb.Cleanup(func() {
		must(tb, in.Close()) // it ends when it has nobody to listen to
		<-ended
		must(tb, cmd.Wait())
	})
	return p
}

func (p *process) listen(out io.Reader) {
	answers := json.NewDecoder(out)
	for {
		var a told
		if answers.Decode(&a) != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			for id, c := range p.asked {
				c <- told{ID: id, Err: "the process has ended"}
			}
			return
		}
		p.mu.Lock()
		c := p.asked[a.ID]
		delete(p.asked, a.ID)
		p.mu.Unlock()
		c <- a
	}
}

// send asks the process for op without waiting for the answer.
func (p *process) send(op string, opts options, keys ...string) (wait func() (string, error)) {
	c := make(chan told, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	p.asked[p.last] = c
	if err := p.in.Encode(ask{ID: p.last, Op: op, Keys: keys, Opts: opts}); err != nil {
		p.tb.Error(err)
		c <- told{Err: err.Error()}
	}
	return func() (string, error) {
		a := <-c
		if a.Err != "" {
			return a.Value, errors.New(a.Err)
		}
		return a.Value, nil
	}
}

// call asks the process for op and waits; an error ends the test.
func (p *process) call(op string, keys ...string) string {
	p.tb.Helper()
	return p.with(op, options{}, keys...)
}

// with is call with options.
func (p *process) with(op string, opts options, keys ...string) string {
	p.tb.Helper()
	v, err := p.send(op, opts, keys...)()
	if err != nil {
		p.tb.Fatalf("%s %q in the other process: %v", op, keys, err)
	}
	return v
}

// worker is the other process's side.
type worker struct {
	cache *memo.Cache
	ctx   context.Context
	db    rows
	funcs *typed

	mu    sync.Mutex
	gates map[string]gate // where the next load of a key waits
}

// serve is main of the other process.
func serve(in io.Reader, out io.Writer) {
	var with setup
	if err := json.Unmarshal([]byte(os.Getenv(processEnv)), &with); err != nil {
		panic(err)
	}
	shared, err := memcached.NewFromConfig(memcached.Config{Servers: []string{with.Server}, Timeout: patience})
	if err != nil {
		panic(err)
	}
	c, err := memo.New(memo.Config{Prefix: with.Prefix, Shared: shared, Logger: quiet, StaleBound: patience, ReadTimeout: patience, WriteTimeout: writeTime})
	if err != nil {
		panic(err)
	}
	w := &worker{cache: c, ctx: c.With(background), db: rows{with.Rows}, gates: map[string]gate{}}
	w.funcs = newTyped(w)
	var mu sync.Mutex // guards answers
	answers := json.NewEncoder(out)
	var all sync.WaitGroup
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var a ask
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			panic(err)
		}
		if a.Op == "hold" { // before the next request, which may be the load
			w.hold(a.Keys[0])
		}
		all.Go(func() {
			t := told{ID: a.ID}
			v, err := w.answer(a)
			if t.Value = v; err != nil {
				t.Err = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			if err := answers.Encode(t); err != nil {
				panic(err)
			}
		})
	}
	all.Wait()
	if err := c.Close(background); err != nil {
		panic(err)
	}
}

// answer does what a asks for. hold makes the next load of a key wait when it has read
// its row; begun waits until it does, and release lets it go on.
func (w *worker) answer(a ask) (string, error) {
	var key string
	if len(a.Keys) > 0 {
		key = a.Keys[0]
	}
	switch a.Op {
	case "do":
		return memo.Do(w.ctx, key, w.load(key), a.Opts.list()...)
	case "fresh":
		return memo.Do(memo.Fresh(w.ctx), key, w.load(key), a.Opts.list()...)
	case "refresh":
		return memo.Refresh(w.ctx, key, w.load(key), a.Opts.list()...)
	case "get":
		return memo.Get[string](w.ctx, key)
	case "set": // key, value
		return "", memo.Set(w.ctx, key, a.Keys[1], a.Opts.list()...)
	case "invalidate":
		return "", memo.Invalidate(w.ctx, a.Keys...)
	case "invalidateTags":
		return "", memo.InvalidateTags(w.ctx, a.Keys...)
	case "invalidateTree":
		return "", memo.InvalidateTree(w.ctx, key)
	case "invalidateAll":
		return "", memo.InvalidateAll(w.ctx)
	case "expire":
		return "", memo.Expire(w.ctx, a.Keys...)
	case "catchUp":
		for begin := time.Now(); !heard(w.cache, begin); {
			<-time.After(time.Millisecond)
		}
		return "", nil
	case "hold":
		return "", nil
	case "begun":
		g := w.gate(key)
		select {
		case <-g.begun:
		case <-g.release: // the load was another process's
		}
		return "", nil
	case "release":
		close(w.gate(key).release)
		return "", nil
	}
	return w.funcs.answer(a)
}

func (w *worker) hold(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gates[key] = newGate()
}

func (w *worker) gate(key string) gate {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gates[key]
}

// load is the loader of key.
func (w *worker) load(key string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		v, err := w.db.read(key)
		w.mu.Lock()
		g, held := w.gates[key]
		select {
		case <-g.begun: // the gate was for an earlier load
			held = false
		default:
		}
		if held {
			close(g.begun)
		}
		w.mu.Unlock()
		if held {
			<-g.release
		}
		return v, err
	}
}
