package main

// quickstart_test.go runs the command as a newcomer does, and as one who mistypes.

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/mcserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The README shows the story in memory. The others differ from it in what these
// lines say, and in nothing else.
const (
	sharedInMemory = "L3: shared by A and B, in memory"
	sharedAuto     = "L3: shared by A and B, a memcached of its own"
	sharedOthers   = "L3: shared by A and B, a memcached"
	outageLeftOut  = "6  L3 hangs: left out, as this memcached is not ours to stop"
)

func TestReadmeShowsTheStoryInMemory(t *testing.T) {
	t.Parallel()
	tells(t, shown(t))
}

func TestStoryWithAMemcachedOfItsOwn(t *testing.T) {
	t.Parallel()
	mcserver.ForTest(t) // decides what it means that none is installed
	out := tells(t, strings.Replace(shown(t), sharedInMemory, sharedAuto, 1), "-memcached", "auto")
	address := regexp.MustCompile(sharedAuto + `  \((.*)\)`).FindStringSubmatch(out)
	if address == nil {
		t.Fatalf("the story does not say where its memcached is:\n%s", out)
	}
	if conn, err := net.Dial("tcp", address[1]); err == nil {
		conn.Close()
		t.Errorf("its memcached still answers at %s", address[1])
	}
}

func TestStoryWithSomebodysMemcached(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	want := strings.Replace(shown(t), sharedInMemory, sharedOthers, 1)
	before, outage, _ := strings.Cut(want, "\n6  ")
	_, after, found := strings.Cut(outage, "\n\n")
	if !found {
		t.Fatalf("the README's story has no line 6 with more after it:\n%s", want)
	}
	tells(t, before+"\n"+outageLeftOut+"\n\n"+after, "-memcached", server.Addr())
}

func TestWhatCannotBeToldSaysWhy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"-h"}, 0, "HOST:PORT of a memcached; auto starts one"},
		{[]string{"-memcache", "auto"}, 2, "not defined: -memcache"},
		{[]string{"-memcached"}, 2, "needs an argument"},
		{[]string{"127.0.0.1:11211"}, 2, "a memcached is given as -memcached HOST:PORT"},
		{[]string{"-memcached", "localhost"}, 1, `want "host:port"`},
		{[]string{"-memcached", closedPort(t)}, 1, "no memcached answers there"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Parallel()
			status, out, errs := quickstart(t.Context(), newShop, c.args...)
			if status != c.status || out != "" || !strings.Contains(errs, c.says) {
				t.Errorf("status %d, want %d; printed %q; said %q, want %q in it", status, c.status, out, errs, c.says)
			}
		})
	}
}

func TestNoMemcachedOnPath(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	status, out, errs := quickstart(t.Context(), newShop, "-memcached", "auto")
	if status != 1 || out != "" || !strings.Contains(errs, "install memcached") || !strings.Contains(errs, "run quickstart without -memcached") {
		t.Errorf("status %d, printed %q, said %q", status, out, errs)
	}
}

func TestInterruptEndsTheStory(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"6", "4", "1"} {
		t.Run("in line "+line, func(t *testing.T) {
			t.Parallel()
			ctx, interrupt := context.WithCancelCause(t.Context())
			defer interrupt(nil)
			out, errs := interrupter{at: "\n" + line + "  ", interrupt: func() { interrupt(errors.New("Ctrl-C")) }}, new(bytes.Buffer)
			status := run(ctx, newShop, nil, &out, errs)
			if want := "quickstart: stopped at line " + line + ": Ctrl-C\n"; status != 1 || errs.String() != want {
				t.Errorf("status %d, said %q, want 1 and %q", status, errs, want)
			}
			if told := out.String(); strings.Contains(told, allHappened) {
				t.Errorf("it went on:\n%s", told)
			}
		})
	}
}

// interrupter interrupts when at has been written.
type interrupter struct {
	bytes.Buffer
	at        string
	interrupt func()
}

func (i *interrupter) Write(b []byte) (int, error) {
	n, err := i.Buffer.Write(b)
	if bytes.Contains(i.Bytes(), []byte(i.at)) {
		i.interrupt()
	}
	return n, err
}

// tells runs quickstart and compares the stable part of what it prints.
func tells(t *testing.T, want string, args ...string) (out string) {
	t.Helper()
	status, out, errs := quickstart(t.Context(), newShop, args...)
	if status != 0 || errs != "" || stable(out) != want {
		t.Errorf("status %d, said %q, printed\n%s\nwant 0, nothing, and (without what is in parentheses at the end of a line)\n%s", status, errs, out, want)
	}
	return out
}

func quickstart(ctx context.Context, shop newHandler, args ...string) (status int, out, errs string) {
	var o, e bytes.Buffer
	status = run(ctx, shop, args, &o, &e)
	return status, o.String(), e.String()
}

// shown is the stable part of the story in the README.
func shown(t *testing.T) string {
	t.Helper()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begins := strings.Cut(string(readme), "```text\n")
	story, _, ends := strings.Cut(rest, "```")
	if !begins || !ends {
		t.Fatal("README.md has no block of text")
	}
	for line := range strings.Lines(story) {
		if width := len([]rune(strings.TrimSuffix(line, "\n"))); width > 100 {
			t.Errorf("a line of the story in README.md is %d columns wide: %s", width, line)
		}
	}
	return stable(story)
}

var unstable = regexp.MustCompile(`(?m) +\([^()]*\)$`)

// stable is a story without the parentheses at the end of its lines: times and
// ports.
func stable(story string) string { return unstable.ReplaceAllString(story, "") }

// closedPort is the address of a server that has gone.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}
