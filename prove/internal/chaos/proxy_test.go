package chaos_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/prove/internal/chaos"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// far is longer than anything takes that happens at all.
const far = 10 * time.Second

// server answers every line with "<line>!", and tells which lines it read.
type server struct {
	net.Listener
	lines chan string
}

func newServer(t *testing.T) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &server{l, make(chan string, 100)}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return s
}

func (s *server) serve(c net.Conn) {
	defer c.Close()
	for lines := bufio.NewScanner(c); lines.Scan(); {
		s.lines <- lines.Text()
		if _, err := io.WriteString(c, lines.Text()+"!\n"); err != nil {
			return
		}
	}
}

// reads fails unless the server reads line next.
func (s *server) reads(t *testing.T, line string) {
	t.Helper()
	select {
	case got := <-s.lines:
		if got != line {
			t.Errorf("the server read %q, want %q", got, line)
		}
	case <-time.After(far):
		t.Fatalf("the server never read %q", line)
	}
}

// newProxy returns a Proxy before a server, and a client of it. The proxy is
// closed first, and the connections of the server end with it.
func newProxy(t *testing.T, f chaos.Faults) (*chaos.Proxy, *server, *net.TCPConn) {
	t.Helper()
	s := newServer(t)
	p, err := chaos.Listen(s.Addr().String())
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	p.Set(f)
	return p, s, dial(t, p)
}

func dial(t *testing.T, p *chaos.Proxy) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	must(t, c.SetDeadline(time.Now().Add(far)))
	return c.(*net.TCPConn)
}

func send(t *testing.T, c net.Conn, line string) {
	t.Helper()
	_, err := io.WriteString(c, line+"\n")
	must(t, err)
}

func expect(t *testing.T, c net.Conn, reply string) {
	t.Helper()
	buf := make([]byte, len(reply))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != reply {
		t.Errorf("reply %q, %v, want %q", buf, err, reply)
	}
}

// ends returns what c reads until it is closed, and whether that was by a reset.
func ends(t *testing.T, c net.Conn) (rest string, reset bool) {
	t.Helper()
	b, err := io.ReadAll(c)
	reset = errors.Is(err, syscall.ECONNRESET)
	if err != nil && !reset {
		t.Errorf("the connection was not closed: %v", err)
	}
	return string(b), reset
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAGoodNetwork(t *testing.T) {
	t.Parallel()
	p, _, c := newProxy(t, chaos.Faults{})
	for _, line := range []string{"one", "two", strings.Repeat("x", 60_000)} {
		send(t, c, line)
		expect(t, c, line+"!\n")
	}
	if n := p.Counts(); n.Sum() != 0 || n.Connections != 1 {
		t.Errorf("counted %+v, want one connection and no fault", n)
	}
}

func TestDelaysAddUp(t *testing.T) {
	t.Parallel()
	way := chaos.Way{Delay: 20 * time.Millisecond, Jitter: time.Millisecond}
	_, _, c := newProxy(t, chaos.Faults{Requests: way, Replies: way})
	began := time.Now()
	send(t, c, "a")
	expect(t, c, "a!\n")
	if took := time.Since(began); took < 40*time.Millisecond {
		t.Errorf("there and back took %v, want 40ms or more", took)
	}
}

func TestARequestIsCutOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults chaos.Faults
		reset  bool
	}{
		"closed": {chaos.Faults{Cut: 1}, false},
		"reset":  {chaos.Faults{Reset: 1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, s, conn := newProxy(t, c.faults)
			send(t, conn, "a")
			if rest, reset := ends(t, conn); rest != "" || reset != c.reset {
				t.Errorf("read %q, reset %t, want nothing, and %t", rest, reset, c.reset)
			}
			p.Set(chaos.Faults{})
			send(t, dial(t, p), "b") // the server sees this first
			s.reads(t, "b")
		})
	}
}

func TestOnlyAPartOfAReplyArrives(t *testing.T) {
	t.Parallel()
	_, s, c := newProxy(t, chaos.Faults{Truncate: 1})
	send(t, c, "a")
	s.reads(t, "a") // executed all the same
	if rest, _ := ends(t, c); !strings.HasPrefix("a!\n", rest) || rest == "a!\n" {
		t.Errorf("read %q, want a part of it", rest)
	}
}

func TestAConnectionLivesForSoManyBytes(t *testing.T) {
	t.Parallel()
	_, _, c := newProxy(t, chaos.Faults{CutAfter: 5})
	send(t, c, "a")
	expect(t, c, "a!\n")
	send(t, c, "b")
	if rest, _ := ends(t, c); rest != "b!" {
		t.Errorf("then read %q, want b! and the end", rest)
	}
}

// What a client asked for is executed although it has left.
func TestARequestArrivesAfterItsClientHasLeft(t *testing.T) {
	t.Parallel()
	const late = 50 * time.Millisecond
	_, s, c := newProxy(t, chaos.Faults{Late: 1, LateBy: late})
	began := time.Now()
	send(t, c, "a")
	must(t, c.Close())
	s.reads(t, "a")
	if took := time.Since(began); took < late {
		t.Errorf("it took %v, want %v or more", took, late)
	}
}

func TestARequestArrivesTwice(t *testing.T) {
	t.Parallel()
	p, s, c := newProxy(t, chaos.Faults{Again: 1, LateBy: time.Millisecond})
	send(t, c, "a")
	expect(t, c, "a!\n")
	s.reads(t, "a")
	s.reads(t, "a")
	p.Set(chaos.Faults{})
	send(t, c, "b")
	expect(t, c, "b!\n") // nobody heard the second reply
}

func TestAReplyArrivesTwice(t *testing.T) {
	t.Parallel()
	p, s, c := newProxy(t, chaos.Faults{Surplus: 1, LateBy: time.Millisecond})
	send(t, c, "a")
	expect(t, c, "a!\na!\n")
	p.Set(chaos.Faults{})
	send(t, c, "b")
	expect(t, c, "b!\n")
	s.reads(t, "a")
	s.reads(t, "b")
}

// A partition holds what is sent, and a client that connects in it waits as well.
// What a client sent that has left is delivered.
func TestAPartitionHoldsEverythingUntilItIsHealed(t *testing.T) {
	t.Parallel()
	p, s, patient := newProxy(t, chaos.Faults{})
	send(t, patient, "a")
	expect(t, patient, "a!\n")
	s.reads(t, "a")
	p.Partition()
	p.Partition() // once more changes nothing
	send(t, patient, "b")
	hasty := dial(t, p)
	send(t, hasty, "c")
	must(t, hasty.Close())
	must(t, patient.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	if n, err := patient.Read(make([]byte, 9)); err == nil {
		t.Errorf("%d bytes came through", n)
	}
	select {
	case line := <-s.lines:
		t.Errorf("the server read %q", line)
	default:
	}
	p.Heal()
	p.Heal()
	must(t, patient.SetReadDeadline(time.Now().Add(far)))
	expect(t, patient, "b!\n")
	got := map[string]bool{}
	for range 2 {
		select {
		case line := <-s.lines:
			got[line] = true
		case <-time.After(far):
			t.Fatalf("the server read only %v", got)
		}
	}
	if !got["b"] || !got["c"] {
		t.Errorf("the server read %v, want b and c", got)
	}
}

func TestAllConnectionsAreReset(t *testing.T) {
	t.Parallel()
	p, _, c := newProxy(t, chaos.Faults{})
	send(t, c, "a")
	expect(t, c, "a!\n")
	p.ResetAll()
	if rest, reset := ends(t, c); rest != "" || !reset {
		t.Errorf("read %q, reset %t, want a reset", rest, reset)
	}
}

func TestWithoutATargetClientsAreReset(t *testing.T) {
	t.Parallel()
	p, s, _ := newProxy(t, chaos.Faults{})
	must(t, s.Close())
	c, err := net.Dial("tcp", p.Addr())
	if err == nil {
		defer c.Close()
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) { // so soon that it may be the answer to Dial
		t.Errorf("got %v, want a reset", err)
	}
}

// Close does not wait for what is late, or held.
func TestCloseDropsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	p, s, c := newProxy(t, chaos.Faults{Again: 1, LateBy: time.Hour})
	send(t, c, "a")
	expect(t, c, "a!\n")
	s.reads(t, "a")
	p.Partition()
	send(t, c, "b")
	done := make(chan error, 1)
	go func() { done <- p.Close() }()
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(far):
		t.Fatal("Close waits for the hour to end")
	}
}
