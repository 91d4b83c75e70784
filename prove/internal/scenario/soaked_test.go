package scenario

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// healthy is a soak of a minute in which one thing has happened, from 20 to 30 s,
// and nothing was wrong: nine of ten reads are answered, in the fault five.
func healthy() *soak {
	at := fleet.Sample{Goroutines: 20, Descriptors: 12, Connections: 9, Heap: 1000, RSS: 5000}
	s := &soak{
		length:  2 * time.Minute,
		seconds: map[int]*second{}, quarter: map[int]fleet.Sample{0: at, 1: at}, end: map[int]fleet.Sample{0: at, 1: at, 9: at},
		happened: happened{{what: "restart", begin: 20 * time.Second, end: 30 * time.Second}},
	}
	for n := range 60 {
		s.seconds[n] = &second{hits: 90, calls: 100}
		if n >= 20 && n < 32 {
			s.seconds[n].hits = 50
		}
	}
	return s
}

func TestASoakIsJudged(t *testing.T) {
	t.Parallel()
	change := func(process int, f func(*fleet.Sample)) func(*soak) {
		return func(s *soak) {
			at := s.end[process]
			f(&at)
			s.end[process] = at
		}
	}
	for name, c := range map[string]struct {
		change func(*soak)
		want   string // a part of the failure; empty: none
	}{
		"all is well":       {func(*soak) {}, ""},
		"a tenth more heap": {change(1, func(s *fleet.Sample) { s.Heap = 1100 }), ""},
		"more heap":         {change(1, func(s *fleet.Sample) { s.Heap = 1101 }), "process 1 has 1.10 times the heap"},
		"more memory":       {change(0, func(s *fleet.Sample) { s.RSS = 5600 }), "process 0 has 1.12 times the memory"},
		"more heap after a moment": {func(s *soak) {
			s.length = 10 * time.Second
			s.end[0] = fleet.Sample{Goroutines: 20, Descriptors: 12, Heap: 2000, RSS: 9000}
		}, ""},
		"a goroutine":                       {change(0, func(s *fleet.Sample) { s.Goroutines++ }), "21 goroutines"},
		"a file":                            {change(1, func(s *fleet.Sample) { s.Descriptors++ }), "13 open files"},
		"connections that are never closed": {change(1, func(s *fleet.Sample) { s.Connections = 33 }), "33 connections"},
		"another process has more":          {change(9, func(s *fleet.Sample) { s.Heap = 9999 }), ""},
		"nobody to compare":                 {func(s *soak) { s.quarter = nil }, "no process"},
		"reads are answered late":           {slowReturn(35), `after "restart" at 20s the hit ratio was not 0.855`},
		"reads are answered in time":        {slowReturn(34), ""},
		"keys move late":                    {func(s *soak) { slowReturn(39)(s); s.happened[0].listing = true }, "the hit ratio was not 0.855 within 9s"},
		"keys move in time":                 {func(s *soak) { slowReturn(38)(s); s.happened[0].listing = true }, ""},
		"a ratio that is nearly what it was": {func(s *soak) {
			for n := 32; n < 60; n++ {
				s.seconds[n].hits = 86
			}
		}, ""},
		"nobody reads any more": {func(s *soak) {
			for n := 30; n < 60; n++ {
				delete(s.seconds, n)
			}
		}, "the hit ratio was not"},
		"nobody reads": {func(s *soak) { s.seconds = nil }, "no calm second"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := healthy()
			c.change(s)
			r := s.result()
			got := strings.Join(r.Failures, ", ")
			if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
				t.Errorf("failures %q, want %q", got, c.want)
			}
		})
	}
}

// slowReturn leaves the ratio low before a second.
func slowReturn(until int) func(*soak) {
	return func(s *soak) {
		for n := 20; n < until; n++ {
			s.seconds[n].hits = 50
		}
	}
}

// What is compared is what was answered between two readings, by all processes.
func TestASecondIsTheReadsOfAllProcesses(t *testing.T) {
	t.Parallel()
	s := &soak{}
	sample := func(c memo.Counts) fleet.Sample { return fleet.Sample{Counts: c} }
	s.add(3200*time.Millisecond, sample(memo.Counts{Calls: 10, L1: 10}), sample(memo.Counts{Calls: 20, L1: 12, L2: 1, L3: 1, Stale: 1, Negative: 1, Loads: 4}))
	s.add(3900*time.Millisecond, sample(memo.Counts{}), sample(memo.Counts{Calls: 10, Joined: 10}))
	if len(s.seconds) != 1 || *s.seconds[3] != (second{hits: 6, calls: 20}) {
		t.Errorf("%+v", s.seconds[3])
	}
}

// Whoever is measured rests, and that is no thing that happened.
func TestARestIsNoFault(t *testing.T) {
	t.Parallel()
	s := healthy()
	s.began = time.Now().Add(-time.Minute)
	s.not(time.Now().Add(-time.Second))
	if err := s.during("flush", false, func() error { return context.Canceled }); err != context.Canceled {
		t.Error(err)
	}
	if r := s.result(); r.Happened != 2 || s.happened.leave(59) {
		t.Errorf("%d things happened, want 2, and a rest is no calm", r.Happened)
	}
}
