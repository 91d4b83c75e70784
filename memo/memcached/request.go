package memcached

// request.go is one small request as pipeline.go writes it, and what the server answers.

import (
	"strconv"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// request is one that may go with others.
type request struct {
	verb   string
	key    string   // of what is not a gets
	keys   []string // of a gets
	value  []byte
	expiry int32
	cas    uint64

	deadline time.Time
	alone    bool          // in the end; what follows is its train's then
	arrived  chan struct{} // holds one, when the rest is written
	said     string        // an error line
	items    []tier.Item
	err      error // an answer, or errUnanswered
}

// small reports whether r may be written with others: the replies to a large one would
// keep theirs waiting.
func (r *request) small() bool { return len(r.value) <= mostRequest/2 && len(r.keys) <= fewKeys }

// append appends r as the server reads it. The key was checked.
func (r *request) append(dst []byte) []byte {
	dst = append(dst, r.verb...)
	for _, key := range r.keys {
		dst = append(append(dst, ' '), key...)
	}
	if r.keys == nil {
		dst = append(append(dst, ' '), r.key...)
	}
	switch r.verb {
	case "add", "cas":
		dst = strconv.AppendInt(append(dst, " 0 "...), int64(r.expiry), 10)
		dst = strconv.AppendInt(append(dst, ' '), int64(len(r.value)), 10)
		if r.verb == "cas" {
			dst = strconv.AppendUint(append(dst, ' '), r.cas, 10)
		}
		dst = append(append(dst, "\r\n"...), r.value...)
	case "touch":
		dst = strconv.AppendInt(append(dst, ' '), int64(r.expiry), 10)
	}
	return append(dst, "\r\n"...)
}

// of reads the answer to r.
func (a *answer) of(r *request) error {
	if r.keys != nil {
		a.next = 0
		r.items = make([]tier.Item, len(r.keys))
		r.err = a.read(r.keys, r.items)
		return r.err
	}
	line, err := a.line()
	switch {
	case err != nil:
		return err
	case a.at < a.end && !a.further:
		return errSurplus
	}
	if r.err = r.meaning(string(line)); r.err == errUnanswered {
		if isErrorLine(line) {
			a.reply.said = string(line)
		}
		return errMalformed
	}
	return nil
}

// meaning is what the server has said by line.
func (r *request) meaning(line string) error {
	stores := r.verb == "add" || r.verb == "cas"
	switch {
	case stores && line == "STORED", r.verb == "touch" && line == "TOUCHED", r.verb == "delete" && line == "DELETED":
		return nil
	case r.verb == "add" && line == "NOT_STORED":
		return tier.ErrExists
	case r.verb == "cas" && line == "EXISTS":
		return tier.ErrConflict
	case r.verb != "add" && line == "NOT_FOUND", r.verb == "cas" && line == "NOT_STORED":
		return tier.ErrNotFound
	case stores && noRoom(line):
		r.said = line
		return tier.ErrRefused
	}
	return errUnanswered
}
