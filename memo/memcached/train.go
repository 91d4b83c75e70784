package memcached

// train.go is what pipeline.go sends: several requests as one text, and their answers.

// train is requests that wait to be sent together. What they say is copied when they
// board: whose time is up leaves, and owns it again.
type train struct {
	text     []byte
	requests []*request
}

// unanswered says that no request of t has an answer.
func (t *train) unanswered() {
	for _, r := range t.requests {
		r.err = errUnanswered
	}
}

// arrives tells each request of t that this is all, and empties t.
func (t *train) arrives() {
	for _, r := range t.requests {
		r.arrived <- struct{}{}
	}
	clear(t.requests)
	t.text, t.requests = t.text[:0], t.requests[:0]
}

// exchange writes t, and reads the answers to its requests, in their order. What the
// server has said is no answer to anybody if it goes on with what nobody has asked for:
//
//  1. something in between answers the request of A twice
//  2. B is given the second answer of A's, and C that of B
//  3. one is left over
func (l *lane) exchange(t *train) error {
	c := l.connection()
	if _, err := c.Write(t.text); err != nil {
		return l.distrust(err)
	}
	buf, _ := l.pool.buffers.Get().(*[bufferSize]byte)
	if buf == nil {
		buf = new([bufferSize]byte)
	}
	defer l.pool.buffers.Put(buf)
	a := answer{from: c.Conn, reply: &l.reply, buf: buf[:]}
	for i, r := range t.requests {
		a.further = i < len(t.requests)-1
		if err := a.of(r); err != nil {
			r.err = errUnanswered
			if l.reply.said == "" && (err == errSurplus || err == errMalformed || err == errForeignKey) {
				t.unanswered()
			}
			return l.distrust(err)
		}
	}
	return nil
}
