package mcserver_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/mcserver"
)

// actAsVictim makes this test binary a process that starts a memcached, says
// where, and waits to be killed.
const actAsVictim = "MCSERVER_TEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(actAsVictim) != "" {
		victim()
	}
	goleak.VerifyTestMain(m)
}

func victim() {
	s, err := mcserver.Start()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until killed
	os.Exit(0)
}

// dial returns a connection on which every read and write fails after ten seconds.
func dial(t *testing.T, s *mcserver.Server) net.Conn {
	t.Helper()
	return dialAddr(t, s.Addr())
}

func dialAddr(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func ask(t *testing.T, c net.Conn, request string) string {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestServersOfParallelTestsAreApart(t *testing.T) {
	t.Parallel()
	a, b := mcserver.ForTest(t), mcserver.ForTest(t)
	if a.Addr() == b.Addr() {
		t.Fatalf("two servers at %s", a.Addr())
	}
	if got := ask(t, dial(t, a), "set k 0 0 1\r\nx\r\n"); got != "STORED" {
		t.Fatalf("set: %q", got)
	}
	if got := ask(t, dial(t, b), "get k\r\n"); got != "END" {
		t.Fatalf("the other server answers %q", got)
	}
}

func TestArgumentsReachTheCommandLine(t *testing.T) {
	t.Parallel()
	s := mcserver.ForTest(t, "-I", "512k", "-m", "1")
	if got := ask(t, dial(t, s), "set k 0 0 600000\r\n"+strings.Repeat("x", 600000)+"\r\n"); got != "SERVER_ERROR object too large for cache" {
		t.Fatalf("set over the item size: %q", got)
	}
	if s, err := mcserver.Start("--no-such-option"); err == nil {
		_ = s.Close()
		t.Fatal("an option that memcached refuses was not reported")
	}
}

func TestFlushEmpties(t *testing.T) {
	t.Parallel()
	s := mcserver.ForTest(t)
	c := dial(t, s)
	ask(t, c, "set k 0 0 1\r\nx\r\n")
	must(t, s.Flush())
	if got := ask(t, c, "get k\r\n"); got != "END" {
		t.Fatalf("get after Flush: %q", got)
	}
}

func TestPausedServerAnswersOnlyAfterResume(t *testing.T) {
	t.Parallel()
	s := mcserver.ForTest(t)
	c := dial(t, s)
	must(t, s.Pause())
	if _, err := io.WriteString(c, "version\r\n"); err != nil {
		t.Fatal(err)
	}
	must(t, c.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a paused server sent %d bytes (%v)", n, err)
	}
	must(t, s.Resume())
	must(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.HasPrefix(line, "VERSION") {
		t.Fatalf("after Resume: %q, %v", line, err)
	}
}

func TestRestartIsEmptyAndAtTheSameAddress(t *testing.T) {
	t.Parallel()
	s := mcserver.ForTest(t)
	addr, old := s.Addr(), dial(t, s)
	ask(t, old, "set k 0 0 1\r\nx\r\n")
	must(t, s.Kill())
	must(t, s.Kill())
	if _, err := old.Read(make([]byte, 1)); err == nil {
		t.Fatal("a connection outlived the server")
	}
	if err := s.Flush(); err == nil {
		t.Fatal("Flush of a killed server was not an error")
	}
	must(t, s.Restart())
	if s.Addr() != addr {
		t.Fatalf("moved from %s to %s", addr, s.Addr())
	}
	if got := ask(t, dial(t, s), "get k\r\n"); got != "END" {
		t.Fatalf("get after Restart: %q", got)
	}
	must(t, s.Restart()) // of a running server
	if got := ask(t, dial(t, s), "get k\r\n"); got != "END" {
		t.Fatalf("get after the second Restart: %q", got)
	}
}

func TestCloseEndsAPausedServerAndIsIdempotent(t *testing.T) {
	t.Parallel()
	s := mcserver.ForTest(t)
	must(t, s.Pause())
	must(t, s.Close())
	must(t, s.Close())
	if c, err := net.Dial("tcp", s.Addr()); err == nil {
		_ = c.Close()
		t.Fatal("the server still listens")
	}
	if err := s.Restart(); err == nil {
		t.Fatal("Restart after Close was not an error")
	}
}

// The victim is killed with SIGKILL, so that nothing of it can clean up.
func TestKilledTestProcessLeavesNoServer(t *testing.T) {
	t.Parallel()
	mcserver.ForTest(t) // skips where there is no memcached
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), actAsVictim+"=1")
	stdin, err := cmd.StdinPipe()
	must(t, err)
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	addr, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	c := dialAddr(t, strings.TrimSpace(addr))
	ask(t, c, "version\r\n")

	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	if n, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		_, _ = io.WriteString(c, "shutdown\r\n")
		t.Fatalf("memcached outlived the process that started it (%d bytes, %v)", n, err)
	}
}
