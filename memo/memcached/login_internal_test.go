package memcached

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

// answering is a connection whose other side says a text in pieces, whatever it hears.
type answering struct {
	heard bytes.Buffer
	rest  []byte
	size  int
}

func (a *answering) Write(p []byte) (int, error) { return a.heard.Write(p) }

func (a *answering) Read(p []byte) (int, error) {
	if len(a.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, a.rest[:min(max(1, a.size), len(a.rest))])
	a.rest = a.rest[n:]
	return n, nil
}

// Whatever a server answers, in whatever pieces: only the one line lets in, with
// nothing behind it in the same piece; no error repeats the password; little is
// read; and a refusal is taken for one only if the server said so.
func FuzzALoginHoweverItIsAnswered(f *testing.F) {
	for _, whole := range []string{
		"STORED\r\n", "STORED\n", "\n", "\r\n", "", "STORED", "STORED\r\nSTORED\r\n", "NOT_STORED\r\n", "ERROR\r\n", "CLIENT_ERROR\r\n",
		"CLIENT_ERROR authentication failure\r\n", "CLIENT_ERROR no anna p4ssw0rd\r\n", "SERVER_ERROR p4ssw0rd\r\n", "VALUE k 0 5 9\r\nhello\r\nEND\r\n",
		strings.Repeat("x", maxLoginReply-1) + "\n", strings.Repeat("x", maxLoginReply) + "\n",
	} {
		for _, size := range []int{1, 7, 8, 1000} {
			f.Add([]byte(whole), size)
		}
	}
	f.Fuzz(func(t *testing.T, whole []byte, size int) {
		g, err := newLogin("anna", "p4ssw0rd")
		if err != nil {
			t.Fatal(err)
		}
		server := &answering{rest: whole, size: size}
		err = g.present(server)
		read := whole[:len(whole)-len(server.rest)]
		if in := string(read) == "STORED\r\n"; in != (err == nil) {
			t.Errorf("read %q: %v", read, err)
		}
		if len(read) > maxLoginReply || bytes.Count(read, []byte("\n")) > 0 && len(read)-bytes.IndexByte(read, '\n') > max(1, size) {
			t.Errorf("%d bytes were read", len(read))
		}
		if err != nil && (strings.Contains(err.Error(), "p4ssw0rd") || strings.Contains(err.Error(), "anna")) {
			t.Errorf("the error holds the login: %v", err)
		}
		if told := g.ask(time.Now()) != nil; told != (err != nil && isErrorLine(read) && bytes.HasSuffix(read, []byte("\r\n")) && bytes.Count(read, []byte("\n")) == 1) {
			t.Errorf("read %q, and the next one is stopped: %v", read, told)
		}
		if got := server.heard.String(); got != "set tiermemo.login 0 -1 13\r\nanna p4ssw0rd\r\n" {
			t.Errorf("said %q", got)
		}
	})
}
