package mcserver_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/internal/mcserver"
)

func TestAServerAtASocketThatAsksForALogin(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "mc") // t.TempDir is too long a name for a socket
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	users := filepath.Join(dir, "users")
	must(t, os.WriteFile(users, []byte("anna:secret\n"), 0o600))
	socket := filepath.Join(dir, "s")
	s := mcserver.Options{Socket: socket, Args: []string{"-Y", users}, Login: "anna secret"}.ForTest(t)
	if s.Addr() != socket {
		t.Errorf("the address is %s", s.Addr())
	}
	must(t, s.Flush())
	must(t, s.Restart())

	for token, want := range map[string]string{"anna secret": "STORED", "anna guess": "CLIENT_ERROR"} {
		c, err := net.Dial("unix", socket)
		must(t, err)
		_, err = fmt.Fprintf(c, "set any 0 0 %d\r\n%s\r\n", len(token), token)
		must(t, err)
		line, err := bufio.NewReader(c).ReadString('\n')
		must(t, err)
		must(t, c.Close())
		if !strings.HasPrefix(line, want) {
			t.Errorf("%s: %q", token, line)
		}
	}
	if s, err := (mcserver.Options{Socket: socket, Args: []string{"--no-such-option"}}).Start(); err == nil {
		_ = s.Close()
		t.Error("an option that memcached refuses was not reported")
	}
}
