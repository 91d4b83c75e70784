package mutation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// run.go is the way of one Mutation: it is built in a copy of the repository, and
// each of its tests is run by itself, time and again.

// longest is how long one run of one test may take. They take milliseconds.
const longest = 30 * time.Second

// A Runner takes rules out of a copy of a repository.
type Runner struct {
	Root    string       // the folder of the repository, which is left alone
	Times   int          // how often each test is run
	Workers int          // how many Mutations are built and run at a time
	Ran     func(Result) // called after each Mutation, one at a time, in no order; may be nil
}

// Result is what became of one Mutation.
type Result struct {
	Mutation
	Shown []Shown // one for each of its Tests, in their order
	Err   error   // why it could not be run: nothing is shown
}

// Shown is how often a test has seen that the rule was gone.
type Shown struct {
	Test    string
	Red, Of int
	Said    string // by a test that was red
}

// Caught reports whether each test was red in each run.
func (r Result) Caught() bool {
	for _, s := range r.Shown {
		if s.Red < s.Of {
			return false
		}
	}
	return r.Err == nil && len(r.Shown) > 0
}

// Run runs the tests of all mutations with the code as it is, where they have to
// pass, and then with each of the rules taken out. Its error is that it could not
// do so; what became of each Mutation is in its Result.
func (r Runner) Run(ctx context.Context, mutations []Mutation) ([]Result, error) {
	scratch, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return nil, fmt.Errorf("mutate: %w", err)
	}
	defer os.RemoveAll(scratch)
	c := &copied{folder: filepath.Join(scratch, "copy"), scratch: scratch}
	if err := c.take(r.Root); err != nil {
		return nil, fmt.Errorf("mutate: %w", err)
	}
	passes := c.unmutated(ctx, mutations)

	results := make([]Result, len(mutations))
	next := make(chan int)
	var wg sync.WaitGroup
	var told sync.Mutex
	for range max(r.Workers, 1) {
		wg.Go(func() {
			for i := range next {
				result := Result{Mutation: mutations[i]}
				if result.Err = passes[i]; result.Err == nil {
					result.Shown, result.Err = c.mutated(ctx, strconv.Itoa(i), mutations[i], r.Times)
				}
				results[i] = result
				if ctx.Err() == nil && r.Ran != nil {
					told.Lock()
					r.Ran(result)
					told.Unlock()
				}
			}
		})
	}
	for i := range mutations {
		next <- i
	}
	close(next)
	wg.Wait()
	return results, ctx.Err()
}

// copied is the repository as it was when Run began, whatever somebody does to the
// files meanwhile.
type copied struct {
	folder  string
	scratch string
}

func (c *copied) take(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		to := filepath.Join(c.folder, name)
		switch {
		case d.Name() == ".git" && d.IsDir():
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(to, 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644)
	})
}

// unmutated says of each Mutation why its tests show nothing: they do not pass, or
// there is no such test.
func (c *copied) unmutated(ctx context.Context, mutations []Mutation) []error {
	built := map[string]error{} // by package
	errs := make([]error, len(mutations))
	for i, m := range mutations {
		binary := c.binary("unmutated", m.Package)
		err, ok := built[m.Package]
		if !ok {
			err = c.build(ctx, binary, m.Package, nil)
			built[m.Package] = err
		}
		for _, test := range m.Tests {
			if err != nil {
				break
			}
			var red bool
			var said string
			if red, said, err = c.run(ctx, binary, m.Package, test); red {
				err = fmt.Errorf("%s fails without it: %s", test, said)
			}
		}
		errs[i] = err
	}
	return errs
}

// mutated runs the tests of m with its rule taken out.
func (c *copied) mutated(ctx context.Context, name string, m Mutation, times int) ([]Shown, error) {
	file := filepath.Join(c.folder, filepath.FromSlash(m.File))
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if text, err = m.apply(text); err != nil {
		return nil, err
	}
	instead := filepath.Join(c.scratch, name+".go")
	if err := os.WriteFile(instead, text, 0o644); err != nil {
		return nil, err
	}
	binary := c.binary(name, m.Package)
	defer os.Remove(binary)
	if err := c.build(ctx, binary, m.Package, map[string]string{file: instead}); err != nil {
		return nil, fmt.Errorf("it does not compile: %w", err)
	}
	var shown []Shown
	for _, test := range m.Tests {
		s := Shown{Test: test, Of: times}
		for range times {
			red, said, err := c.run(ctx, binary, m.Package, test)
			if err != nil {
				return nil, err
			}
			if red {
				s.Red, s.Said = s.Red+1, said
			}
		}
		shown = append(shown, s)
	}
	return shown, nil
}

func (c *copied) binary(name, pkg string) string {
	return filepath.Join(c.scratch, name+"-"+strings.ReplaceAll(pkg, "/", "-")+".test")
}

// build makes the program of pkg's tests, where files are read instead of others.
// Without the paths of this copy in it, so that what is the same in every copy
// comes from the build cache.
func (c *copied) build(ctx context.Context, binary, pkg string, instead map[string]string) error {
	overlay, err := json.Marshal(map[string]any{"Replace": instead})
	if err != nil {
		return err
	}
	config := binary + ".json"
	if err := os.WriteFile(config, overlay, 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-p=1", "-vet=off", "-trimpath", "-overlay", config, "-o", binary, "./"+pkg)
	cmd.Dir = c.folder
	cmd.Env = append(os.Environ(), "GOWORK=off")
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, first(string(out)))
	}
	return nil
}

// run runs one test, and reports whether it was red, and what it said then.
func (c *copied) run(ctx context.Context, binary, pkg, test string) (red bool, said string, err error) {
	cmd := exec.CommandContext(ctx, binary, "-test.v", "-test.run=^"+test+"$", "-test.timeout="+longest.String())
	cmd.Dir = filepath.Join(c.folder, filepath.FromSlash(pkg))
	cmd.WaitDelay = time.Second
	data, err := cmd.CombinedOutput()
	out := string(data)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return false, "", ctx.Err()
	case err == nil && strings.Contains(out, "--- PASS: "+test+" ("):
		return false, "", nil
	case err == nil:
		return false, "", fmt.Errorf("there is no test %s in %s", test, pkg)
	case errors.As(err, &exit) && (strings.Contains(out, "--- FAIL: "+test+" (") || broke.MatchString(out)):
		return true, complaint(out), nil
	}
	return false, "", fmt.Errorf("%s was neither red nor green: %w: %s", test, err, first(out)) // a leak that only TestMain has seen, say
}

var (
	broke  = regexp.MustCompile(`(?m)^(panic|fatal error): .*$`)
	logged = regexp.MustCompile(`(?m)^\s+\w+_test\.go:\d+: (.*)$`)
)

// complaint is the first thing that a test said, or what ended its process.
func complaint(out string) string {
	if m := logged.FindStringSubmatch(out); m != nil {
		return m[1]
	}
	return broke.FindString(out)
}

// first is the first line of out that is not about a package.
func first(out string) string {
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "=== ") {
			return line
		}
	}
	return "it said nothing"
}
