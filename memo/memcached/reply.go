package memcached

// reply.go follows a reply of the server on its way from the connection to
// gomemcache. It sees what gomemcache does not look at: that a reply ends where
// the data ends, that a length is sane, what an error line said.

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

const maxLine = 4096 // what fits gomemcache's buffer

var (
	errSurplus   = errors.New("the server sent more than one reply to a request")
	errMalformed = errors.New("the server sent a malformed reply")
)

// reply is the state of one reply. Without asked and largest, which bound what
// gomemcache has to keep, a server could make a process hold anything: it allocates
// what a line announces, up to 4 GiB, before it has read any of it.
type reply struct {
	asked   int // most VALUE blocks
	largest int // most bytes of one

	values int    // VALUE blocks that began
	said   string // the last line, if it is an error line, without its line end

	line []byte // an unfinished line
	body int    // bytes of a block still to come
	done bool   // the last line is complete
}

func (r *reply) reset(asked int) {
	*r = reply{asked: asked, largest: r.largest, line: r.line[:0]}
}

// follow takes the next bytes. An error means that the connection must not be
// used again and that nothing of p may be believed.
//
// Why surplus bytes matter, with gomemcache alone:
//
//  1. request A is answered twice; the first answer is taken, the second stays
//     in the connection's buffer, and the connection goes back to the pool
//  2. request B, for another key, reads A's second answer: A's value, err == nil
//  3. B's own answer stays behind for C, and so on for ever
func (r *reply) follow(p []byte) error {
	for len(p) > 0 {
		if r.done {
			return errSurplus
		}
		if r.body > 0 {
			n := min(r.body, len(p))
			r.body -= n
			p = p[n:]
			continue
		}
		end := bytes.IndexByte(p, '\n') + 1
		if end == 0 {
			if len(r.line)+len(p) > maxLine {
				return errMalformed
			}
			r.line = append(r.line, p...)
			return nil
		}
		line := p[:end]
		if len(r.line) > 0 {
			r.line = append(r.line, line...)
			line, r.line = r.line, r.line[:0]
		}
		if err := r.take(line); err != nil {
			return err
		}
		p = p[end:]
	}
	return nil
}

// take reads a whole line: the head of a VALUE block, or the end of the reply.
func (r *reply) take(line []byte) error {
	// gomemcache cuts the line end off an incr's answer without looking, and
	// panics on a bare "\n".
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return errMalformed
	}
	if head, ok := bytes.CutPrefix(text, []byte("VALUE ")); ok {
		size, err := blockSize(head)
		switch {
		case err != nil:
			return err
		case size > uint64(r.largest):
			return tooLarge(size, r.largest)
		case r.values == r.asked:
			return errForeignKey
		}
		r.values++
		r.body = int(size) + len("\r\n")
		return nil
	}
	r.done = true
	if isErrorLine(text) {
		r.said = string(text)
	}
	return nil
}

// blockSize reads the third field of `key flags bytes [cas]`, as gomemcache does.
func blockSize(head []byte) (uint64, error) {
	_, rest, _ := bytes.Cut(head, []byte(" "))
	_, rest, _ = bytes.Cut(rest, []byte(" "))
	field, _, _ := bytes.Cut(rest, []byte(" "))
	size, err := strconv.ParseUint(string(field), 10, 32)
	if err != nil {
		return 0, errMalformed
	}
	return size, nil
}

func isErrorLine(text []byte) bool { return errorClass(string(text)) != "" }

// errorClass is what an error line begins with, "" if text is none.
func errorClass(text string) string {
	for _, class := range []string{"ERROR", "CLIENT_ERROR", "SERVER_ERROR"} {
		if strings.HasPrefix(text, class) {
			return class
		}
	}
	return ""
}
