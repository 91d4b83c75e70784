package main

// report.go turns counters into lines, and compares each line with what it
// should be. A line is what was done, what was seen, and, in parentheses at its
// end, what differs from run to run.

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

const allHappened = "All of this happened."

type report struct {
	out   io.Writer
	fleet *fleet
	began time.Time
	label string // number, for the first line that has it
}

func newReport(out io.Writer, f *fleet) *report {
	return &report{out: out, fleet: f, began: time.Now()}
}

func (r *report) title(shared *sharedTier) {
	at := ""
	if shared.address != "" {
		at = "  (" + shared.address + ")"
	}
	fmt.Fprintf(r.out, "A bookshop in two instances, A and B  (%s, %s)\n", r.fleet.a.address, r.fleet.b.address)
	fmt.Fprintln(r.out, "L1: the memory of one request.  L2: a cache in each instance.  loader: queries the database.")
	fmt.Fprintf(r.out, "L3: shared by A and B, %s%s\n\n", shared.name, at)
}

// begin opens a chapter; its first line gets the number.
func (r *report) begin(number int) {
	r.label = fmt.Sprint(number)
}

// say prints a line. It is an error if what was seen is not what was wanted.
func (r *report) say(done, seen, want string, took time.Duration) error {
	fmt.Fprintf(r.out, "%-3s%-45s%-43s(%s)\n", r.label, done, seen, brief(took))
	r.label = ""
	if seen != want {
		return fmt.Errorf("%s: seen %q, wanted %q", done, seen, want)
	}
	return nil
}

func (r *report) skip(why string) { fmt.Fprintf(r.out, "%-3s%s\n", r.label, why) }

func (r *report) end() {
	fmt.Fprintf(r.out, "\n%s  (%s)\n", allHappened, brief(time.Since(r.began)))
}

// mark is the counters at one moment.
type mark struct {
	at    time.Time
	asked int // queries of the database
	a, b  memo.Counts
}

func (r *report) mark() mark {
	f := r.fleet
	return mark{time.Now(), f.db.queries(), f.a.cache.Snapshot().Total, f.b.cache.Snapshot().Total}
}

func (m mark) age() time.Duration { return time.Since(m.at) }

// since says what was counted since m: how often the database was asked, and for
// each instance which tier answered how often.
func (r *report) since(m mark) string {
	now := r.mark()
	seen := []string{queries(now.asked - m.asked)}
	for _, i := range []struct {
		name     string
		from, to memo.Counts
	}{{"A", m.a, now.a}, {"B", m.b, now.b}} {
		if counted := between(i.from, i.to); counted != "" {
			seen = append(seen, i.name+": "+counted)
		}
	}
	return strings.Join(seen, "  ")
}

// sinceTogether is since for a crowd: which of the instances loads, and how many
// of its requests come in time to wait for the load, is chance.
func (r *report) sinceTogether(m mark) string {
	now := r.mark()
	count := func(of func(memo.Counts) uint64) uint64 {
		return of(now.a) - of(m.a) + of(now.b) - of(m.b)
	}
	return fmt.Sprintf("%s  loader %d, joined or cached %d", queries(now.asked-m.asked),
		count(func(c memo.Counts) uint64 { return c.Loads }),
		count(func(c memo.Counts) uint64 { return c.Joined + c.L1 + c.L2 + c.L3 }))
}

func queries(n int) string {
	if n == 1 {
		return "1 query  "
	}
	return fmt.Sprintf("%d queries", n)
}

// between lists what was counted from one snapshot to another.
func between(from, to memo.Counts) string {
	var list []string
	add := func(name string, from, to uint64) {
		if to != from {
			list = append(list, fmt.Sprintf("%s %d", name, to-from))
		}
	}
	add("loader", from.Loads, to.Loads)
	add("joined", from.Joined, to.Joined)
	add("L1", from.L1, to.L1)
	add("L2", from.L2, to.L2)
	add("L3", from.L3, to.L3)
	add("uncached", from.Bypass, to.Bypass)
	add("error", from.Errors, to.Errors)
	add("ErrDeferred", from.Invalidations.Deferred, to.Invalidations.Deferred)
	if from.Invalidations.Deferred == to.Invalidations.Deferred {
		add("invalidated", from.Invalidations.Keys, to.Invalidations.Keys)
	}
	return strings.Join(list, ", ")
}

func newOrOld(b Book, price int) string {
	if b.Price == price {
		return "new price"
	}
	return "old price"
}

// brief is d with as many digits as mean something.
func brief(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
