package memcached

// login.go is memcached's ASCII authentication (its option -Y): what a lane says
// first on a connection, and how often it asks again after a refusal.

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// loginPause is how long a refusal is taken for the answer to everybody. Without
// it a wrong password would turn each operation into a connection.
const loginPause = time.Second

// maxLoginReply is more than any answer to a login.
const maxLoginReply = 512

// login is shared by the lanes of a pool. A nil login lets everybody through and
// says nothing.
type login struct {
	command []byte

	mu      sync.Mutex
	refusal error     // nil: the server did not refuse, as far as is known
	retry   time.Time // when the next one may ask, after a refusal
}

// newLogin returns nil if there is nothing to say.
func newLogin(username, password string) (*login, error) {
	if username == "" && password == "" {
		return nil, nil
	}
	for name, field := range map[string]string{"Username": username, "Password": password} {
		if flaw := wordFlaw(field); flaw != "" {
			return nil, fmt.Errorf("memcached: Config.%s %s", name, flaw)
		}
	}
	token := username + " " + password
	// A server without -Y takes the command for what it says, and would keep the
	// password for everyone to read. So the item is one that has expired already;
	// a server with -Y looks at neither the key nor the expiration.
	command := fmt.Appendf(nil, "set tiermemo.login 0 %d %d\r\n%s\r\n", expired, len(token), token)
	return &login{command: command}, nil
}

// another is the same login for another server, which answers for itself.
func (g *login) another() *login {
	if g == nil {
		return nil
	}
	return &login{command: g.command}
}

// ask reports whether a connection may be opened now. After a refusal one
// operation in each loginPause finds out whether the server has changed its mind;
// the others are told what it said.
func (g *login) ask(now time.Time) error {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refusal == nil {
		return nil
	}
	if now.Before(g.retry) {
		return g.refusal
	}
	g.retry = now.Add(loginPause)
	return nil
}

// present logs in on a new connection.
func (g *login) present(rw io.ReadWriter) error {
	if g == nil {
		return nil
	}
	line, err := g.exchange(rw)
	if err != nil {
		return fmt.Errorf("login: %w", err)
	}
	if string(line) == "STORED" {
		g.learn(nil)
		return nil
	}
	if !isErrorLine(line) {
		return fmt.Errorf("login: %w", errMalformed)
	}
	refusal := fmt.Errorf("login refused: the server answered %q", shown(string(line)))
	g.learn(refusal)
	return refusal
}

func (g *login) learn(refusal error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusal, g.retry = refusal, time.Now().Add(loginPause)
}

// exchange returns the one line that answers the command.
func (g *login) exchange(rw io.ReadWriter) ([]byte, error) {
	if _, err := rw.Write(g.command); err != nil {
		return nil, err
	}
	var (
		buf [maxLoginReply]byte
		had int
	)
	for {
		n, err := rw.Read(buf[had:])
		had += n
		if end := bytes.IndexByte(buf[:had], '\n') + 1; end > 0 {
			return oneLine(buf[:had], end)
		}
		if had == len(buf) {
			return nil, errMalformed
		}
		if err != nil {
			return nil, err
		}
	}
}

func oneLine(got []byte, end int) ([]byte, error) {
	if end < len(got) {
		return nil, errSurplus
	}
	line, ok := bytes.CutSuffix(got, []byte("\r\n"))
	if !ok {
		return nil, errMalformed
	}
	return line, nil
}
