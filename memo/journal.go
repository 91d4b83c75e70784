package memo

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/internal/clock"
)

// Beside every path: how the messages of log.go are written. Who has one leaves it
// here and goes on; a goroutine that ends with the last line writes it, because a
// slog.Handler may be slow, and may even use the cache:
//
//  1. the poller finds the shared tier down, and its Handler sends a line over the network
//  2. the network is what is down: the Handler waits
//  3. nobody polls, and soon no entry of L2 may be used
//
// And it is written a limited number of times: a server that flaps must not fill
// the disk.

// journal is the log of one cache.
type journal struct {
	name   string
	logger *slog.Logger
	clock  *clock.Clock

	mu       sync.Mutex // a leaf: the logger is never called under it
	subjects [subjects]subject
	queue    []line
	writing  bool          // a goroutine writes the queue
	idle     chan struct{} // closed when it has ended
	closed   bool
}

// line is one message before it is written.
type line struct {
	about int
	level slog.Level
	text  string
	attrs []slog.Attr
	err   error // asked for its text by who writes: it is code of a tier
}

// subject bounds the lines about one thing. What is too much is left out and
// counted, and the last of it is written when the minute allows: a log that ends
// with "does not answer" would be believed.
type subject struct {
	times   []int64 // a ring: when the last lines were let in, 0 for never
	next    int
	waiting int // lines in the queue: a Handler that hangs must not fill the memory
	left    int // lines left out since the last one
	last    line
}

func newJournal(cfg Config, clock *clock.Clock) *journal {
	j := &journal{name: cfg.Name, logger: cfg.Logger, clock: clock}
	for about, most := range mostLines() {
		j.subjects[about].times = make([]int64, most)
	}
	return j
}

// say has l written, unless there were too many about the same.
func (j *journal) say(l line) {
	now := j.clock.Exact()
	j.mu.Lock()
	defer j.mu.Unlock()
	s := &j.subjects[l.about]
	switch {
	case j.closed:
	case s.admits(now):
		j.put(l, now)
	default:
		s.left++
		s.last = l
	}
}

// writeLeftOut has lines written that were left out, where a minute has room again.
// The poller calls it.
func (j *journal) writeLeftOut() {
	now := j.clock.Exact()
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range j.subjects {
		if s := &j.subjects[i]; s.left > 0 && s.admits(now) {
			j.putLast(s, now)
		}
	}
}

func (s *subject) admits(now int64) bool {
	oldest := s.times[s.next]
	return s.waiting < len(s.times) && (oldest == 0 || now-oldest >= int64(time.Minute))
}

func (j *journal) putLast(s *subject, now int64) {
	s.left-- // it is written itself
	j.put(s.last, now)
}

// put queues l. j.mu is held.
func (j *journal) put(l line, now int64) {
	s := &j.subjects[l.about]
	if s.left > 0 {
		l.attrs = append(l.attrs, slog.Int("left_out", s.left))
	}
	s.left, s.last = 0, line{}
	s.times[s.next] = now
	s.next = (s.next + 1) % len(s.times)
	s.waiting++
	j.queue = append(j.queue, l)
	if !j.writing {
		j.writing, j.idle = true, make(chan struct{})
		go j.write()
	}
}

func (j *journal) write() {
	defer j.written()
	for l, ok := j.take(); ok; l, ok = j.take() {
		attrs := append([]slog.Attr{slog.String("cache", j.name)}, l.attrs...)
		if l.err != nil {
			attrs = append(attrs, slog.String("error", short(l.err.Error())))
		}
		j.logger.LogAttrs(context.Background(), l.level, l.text, attrs...)
	}
}

func (j *journal) take() (l line, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.queue) == 0 {
		return l, false
	}
	l, j.queue = j.queue[0], j.queue[1:]
	j.subjects[l.about].waiting--
	return l, true
}

// written ends the goroutine that writes, or begins another one: a Handler that
// panics or calls Goexit costs its line, and neither the process nor the log.
func (j *journal) written() {
	_ = recover()
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.queue) > 0 {
		go j.write()
		return
	}
	j.writing = false
	close(j.idle)
}

// close has written what was left out, and returns when all is, or ctx has ended.
// Afterwards nothing is, but a line under way.
func (j *journal) close(ctx context.Context) {
	now := j.clock.Exact()
	j.mu.Lock()
	j.closed = true
	for i := range j.subjects {
		if s := &j.subjects[i]; s.left > 0 {
			j.putLast(s, now)
		}
	}
	writing, idle := j.writing, j.idle
	j.mu.Unlock()
	if !writing {
		return
	}
	select {
	case <-idle:
	case <-ctx.Done():
		j.mu.Lock()
		defer j.mu.Unlock()
		j.queue = nil
	}
}
