package memcached

// gets.go is the one request that a lane writes and reads itself: every read of the
// engine. What gomemcache makes of it is a goroutine, a map, and three allocations for
// each value, and its reply is gone through twice, there and in reply.go: a GetMulti of
// five keys takes three quarters of its time so, and one of a hundred two thirds
// (node_bench_test.go).
//
// What holds for a reply is what reply.go says. A connection that has answered
// anything else is closed, and both readers leave nothing behind in a buffer of theirs,
// so that they can take turns on one connection.

import (
	"bytes"
	"fmt"
	"io"
	"strconv"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// bufferSize is what is read at once. gomemcache's 4 KB are 25 reads for a hundred values
// of 1 KB.
const bufferSize = 32 << 10

// get asks for keys with one `gets`.
func (l *lane) get(keys []string, items []tier.Item) error {
	return l.ask(len(keys), func(*memcache.Client) error {
		if err := l.gets(keys, items); err != nil {
			return l.distrust(err)
		}
		return nil
	})
}

func (l *lane) gets(keys []string, items []tier.Item) error {
	clear(items) // a reply that was cut off
	c := l.connection()
	request := append(l.request[:0], "gets"...)
	for _, key := range keys {
		request = append(append(request, ' '), key...)
	}
	request = append(request, "\r\n"...)
	if l.request = request; cap(request) > mostRequest {
		l.request = nil
	}
	if _, err := c.Write(request); err != nil {
		return err
	}
	r := answer{from: c.Conn, reply: &l.reply}
	if ctx, ok := l.ctx.(interface{ Room(least int) []byte }); ok { // the engine's
		if r.buf = ctx.Room(bufferSize); r.buf != nil {
			r.lends = ctx.Room
			return r.read(keys, items)
		}
	}
	buf, _ := l.pool.buffers.Get().(*[bufferSize]byte)
	if buf == nil {
		buf = new([bufferSize]byte)
	}
	defer l.pool.buffers.Put(buf)
	r.buf = buf[:]
	return r.read(keys, items)
}

// answer is the reply to a gets as it is read. Of reply the bounds are used, and what
// the server said if that is an error.
type answer struct {
	from  io.Reader
	reply *reply
	buf   []byte
	at    int                    // the first byte of buf that is not taken yet
	end   int                    // behind the last byte that was read
	next  int                    // of the keys, which are answered in their order
	room  []byte                 // for values: one allocation for all that were read at once
	lends func(least int) []byte // gave buf, and gives more: values stay where they were read; nil: it does not

	further bool // the answers to other requests follow
}

func (a *answer) read(keys []string, items []tier.Item) error {
	for {
		line, err := a.line()
		if err != nil {
			return err
		}
		head, ok := bytes.CutPrefix(line, []byte("VALUE "))
		switch {
		case ok:
			err = a.value(head, keys, items)
		case string(line) != "END":
			if isErrorLine(line) {
				a.reply.said = string(line)
			}
			err = errMalformed
		case a.at < a.end && !a.further:
			err = errSurplus
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// value takes the block that head begins, which is `key flags bytes cas`.
func (a *answer) value(head []byte, keys []string, items []tier.Item) error {
	key, rest, _ := bytes.Cut(head, []byte(" "))
	size, err := blockSize(head)
	switch {
	case err != nil:
		return err
	case size > uint64(a.reply.largest):
		return tooLarge(size, a.reply.largest)
	}
	_, rest, _ = bytes.Cut(rest, []byte(" "))
	_, field, _ := bytes.Cut(rest, []byte(" "))
	if len(field) == 0 { // something in between that does not know `gets`
		return errNoCAS
	}
	cas, err := strconv.ParseUint(string(field), 10, 64) // which does not allocate
	if err != nil {
		return errMalformed
	}
	item := a.item(key, keys, items)
	switch {
	case item == nil:
		return errForeignKey
	case cas == 0:
		return errNoCAS
	}
	value, err := a.block(int(size))
	if err != nil {
		return err
	}
	*item = tier.Item{Value: value, CAS: cas}
	line, err := a.line() // of the block's end
	if err == nil && len(line) > 0 {
		err = errMalformed
	}
	return err
}

// item is where the answer for key goes; nil: nobody has asked, or it was answered
// before.
func (a *answer) item(key []byte, keys []string, items []tier.Item) *tier.Item {
	for i := a.next; i < len(keys); i++ {
		if keys[i] == string(key) {
			a.next = i + 1
			return &items[i]
		}
	}
	for i := range keys { // something in between has changed the order
		if keys[i] == string(key) && !items[i].Found() {
			return &items[i]
		}
	}
	return nil
}

// block takes the next size bytes, which stay as they are: where they were read, in a
// buffer that is lent, else in room of their own. It is never nil.
func (a *answer) block(size int) ([]byte, error) {
	if a.lends == nil {
		value := a.space(size)
		return value, a.fill(value)
	}
	for a.end-a.at < size {
		if err := a.extend(size); err != nil {
			return nil, err
		}
	}
	value := a.buf[a.at : a.at+size : a.at+size]
	a.at += size
	return value, nil
}

// space is room for a value, which is never nil.
func (a *answer) space(size int) []byte {
	if a.room == nil || cap(a.room)-len(a.room) < size {
		a.room = make([]byte, 0, max(size, a.end-a.at))
	}
	n := len(a.room)
	a.room = a.room[:n+size]
	return a.room[n : n+size : n+size]
}

// line takes the next line, without its end. It is good until the next one.
func (a *answer) line() ([]byte, error) {
	for seen := 0; ; {
		if n := bytes.IndexByte(a.buf[a.at+seen:a.end], '\n'); n >= 0 {
			line, ok := bytes.CutSuffix(a.buf[a.at:a.at+seen+n+1], []byte("\r\n"))
			a.at += seen + n + 1
			if !ok || len(line) > maxLine {
				return nil, errMalformed
			}
			return line, nil
		}
		if seen = a.end - a.at; seen > maxLine {
			return nil, errMalformed
		}
		if err := a.extend(maxLine + len("\r\n")); err != nil {
			return nil, err
		}
	}
}

// fill takes as many bytes as value has. A large rest that is not in the buffer yet does
// not go through it. A small one does: what follows it is read at once with it, where each
// read would be a system call for a part of a value, and one for what follows.
func (a *answer) fill(value []byte) error {
	n := copy(value, a.buf[a.at:a.end])
	for a.at += n; n < len(value); {
		if len(value)-n < len(a.buf)/2 {
			if err := a.extend(0); err != nil {
				return err
			}
			m := copy(value[n:], a.buf[a.at:a.end])
			a.at += m
			n += m
			continue
		}
		m, err := a.more(value[n:])
		if err != nil {
			return err
		}
		n += m
	}
	return nil
}

// extend reads more behind what is in the buffer and not taken yet, of which there are
// to be size bytes in one piece. In a buffer that is lent values lie before that, and are
// not written over: where size does not fit behind them, what there is goes to the next
// one.
func (a *answer) extend(size int) error {
	switch rest := a.buf[a.at:a.end]; {
	case a.lends == nil:
		a.end, a.at = copy(a.buf, rest), 0
	case len(a.buf)-a.at < size:
		a.buf = a.lends(max(size, bufferSize))
		a.end, a.at = copy(a.buf, rest), 0
	}
	n, err := a.more(a.buf[a.end:])
	a.end += n
	return err
}

// more reads at least a byte. crypto/tls reports the end of a connection together with
// the last bytes; it does so again.
func (a *answer) more(p []byte) (int, error) {
	for range 100 {
		if n, err := a.from.Read(p); n > 0 || err != nil {
			if n > 0 {
				err = nil
			}
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

func tooLarge(size uint64, largest int) error {
	return fmt.Errorf("the server announced a value of %d bytes, more than Config.MaxItemSize (%d)", size, largest)
}
