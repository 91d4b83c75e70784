package memcached

// reply.go follows a reply of the server on its way from the connection to
// gomemcache. It sees what gomemcache does not look at: that a reply ends where
// the data ends, that a length is sane, what an error line said.

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

const (
	maxLine = 4096     // what fits gomemcache's buffer
	maxBody = 64 << 20 // gomemcache allocates what a reply announces, up to 4 GiB, before it has read any of it
)

var (
	errSurplus   = errors.New("the server sent more than one reply to a request")
	errMalformed = errors.New("the server sent a malformed reply")
)

// reply is the state of one reply. The zero value waits for the first byte.
type reply struct {
	values int    // VALUE blocks that began
	said   string // the last line, if it is an error line, without its line end

	line []byte // an unfinished line
	body int    // bytes of a block still to come
	done bool   // the last line is complete
}

func (r *reply) reset() { *r = reply{line: r.line[:0]} }

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
		if err != nil {
			return err
		}
		r.values++
		r.body = size + len("\r\n")
		return nil
	}
	r.done = true
	if isErrorLine(text) {
		r.said = string(text)
	}
	return nil
}

// blockSize reads the third field of `key flags bytes [cas]`, as gomemcache does.
func blockSize(head []byte) (int, error) {
	_, rest, _ := bytes.Cut(head, []byte(" "))
	_, rest, _ = bytes.Cut(rest, []byte(" "))
	field, _, _ := bytes.Cut(rest, []byte(" "))
	size, err := strconv.ParseUint(string(field), 10, 32)
	if err != nil {
		return 0, errMalformed
	}
	if size > maxBody {
		return 0, fmt.Errorf("the server announced a value of %d bytes", size)
	}
	return int(size), nil
}

func isErrorLine(text []byte) bool {
	return bytes.HasPrefix(text, []byte("ERROR")) ||
		bytes.HasPrefix(text, []byte("CLIENT_ERROR")) ||
		bytes.HasPrefix(text, []byte("SERVER_ERROR"))
}
