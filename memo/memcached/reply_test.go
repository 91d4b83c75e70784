package memcached

import (
	"errors"
	"strings"
	"testing"
)

// However the network cuts a reply into reads, the verdict is the same, and no
// line can make it remember more than a line.
func FuzzReplyIsTheSameHoweverItIsCut(f *testing.F) {
	for _, whole := range []string{
		"STORED\r\n", "END\r\n", "7\r\n", "\n", "\r\n", "ERROR\r\nERROR\r\n",
		"VALUE k 0 5 9\r\nhello\r\nEND\r\n", "VALUE k 0 0 9\r\n\r\nVALUE m 1 2 8\r\n\r\n\r\nEND\r\n",
		"VALUE k 0 5 9\r\nhello\r\nEND\r\nEND\r\n", "VALUE k 0 4294967295\r\n", "VALUE  \r\n", "SERVER_ERROR out of memory\r\n",
		strings.Repeat("x", 5000), strings.Repeat("VALUE k 0 1 9\r\nx\r\n", 4) + "END\r\n",
	} {
		f.Add([]byte(whole), 1)
		f.Add([]byte(whole), 7)
	}
	f.Fuzz(func(t *testing.T, whole []byte, size int) {
		once, cut := reply{asked: 3, largest: 1 << 20}, reply{asked: 3, largest: 1 << 20}
		want := once.follow(whole)
		var got error
		for rest := whole; got == nil && len(rest) > 0; {
			n := min(max(1, size), len(rest))
			got = cut.follow(rest[:n])
			rest = rest[n:]
		}
		for _, r := range []reply{once, cut} {
			if r.values > r.asked || r.body > r.largest+len("\r\n") {
				t.Errorf("more than was asked for: %+v", r)
			}
		}
		if cap(cut.line) > 4*maxLine {
			t.Errorf("%d bytes are held for a line", cap(cut.line))
		}
		if want == nil && len(once.line) == 0 && got != nil {
			t.Errorf("in one piece fine, in pieces of %d: %v", size, got)
		}
		if got == nil && !errors.Is(want, errMalformed) && (want != nil || cut.done != once.done || cut.values != once.values || cut.said != once.said || cut.body != once.body) {
			t.Errorf("in one piece %v %+v, in pieces of %d %+v", want, once, size, cut)
		}
	})
}
