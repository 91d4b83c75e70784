package features_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/internal/mcserver"
)

// What stands in a real memcached, as another program on the same server sees it.

// item is one of its items.
type item struct {
	key     string
	forever bool // it has no end
	value   string
}

// raw sends a request to s and returns the lines of the answer up to the one that is end.
func raw(tb testing.TB, s *mcserver.Server, request, end string) (lines []string) {
	tb.Helper()
	c, err := net.Dial("tcp", s.Addr())
	must(tb, err)
	defer func() { must(tb, c.Close()) }()
	_, err = io.WriteString(c, request+"\r\n")
	must(tb, err)
	for in := bufio.NewReader(c); ; {
		line, err := in.ReadString('\n')
		must(tb, err)
		if line = strings.TrimRight(line, "\r\n"); line == end {
			return lines
		}
		lines = append(lines, line)
	}
}

// dump are all items of s.
func dump(tb testing.TB, s *mcserver.Server) (items []item) {
	tb.Helper()
	for _, line := range raw(tb, s, "lru_crawler metadump all", "END") {
		var i item
		for _, field := range strings.Fields(line) {
			name, value, _ := strings.Cut(field, "=")
			switch name {
			case "key":
				key, err := url.PathUnescape(value)
				must(tb, err)
				i.key = key
			case "exp":
				i.forever = value == "-1"
			}
		}
		if v := raw(tb, s, "get "+i.key, "END"); len(v) > 1 {
			i.value = strings.Join(v[1:], "\n")
		}
		items = append(items, i)
	}
	return items
}

// foreign puts an item of another program into s.
func foreign(tb testing.TB, s *mcserver.Server, key, value string) {
	tb.Helper()
	raw(tb, s, fmt.Sprintf("set %s 0 0 %d\r\n%s", key, len(value), value), "STORED")
}

// has reports whether s has the item of key.
func has(tb testing.TB, s *mcserver.Server, key string) bool {
	tb.Helper()
	return len(raw(tb, s, "get "+key, "END")) > 0
}
