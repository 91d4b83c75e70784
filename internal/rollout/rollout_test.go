package rollout_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/internal/rollout"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A change is what happens to one type from a release to the next: the name of
// the value, and what each release has to read, as %+v prints it, with %d for
// the version of its row.
type change struct{ what, value, old, new string }

// Two releases of one program run side by side during a deployment. No change of
// a type makes one of them read what the other means, or spoil what it stored;
// and an invalidation is everybody's.
func TestTwoReleasesSideBySide(t *testing.T) {
	t.Parallel()
	mcserver.ForTest(t) // skips, where there is none, before anything is built
	older, newer := build(t)
	if t.Failed() {
		return
	}
	for _, c := range []change{
		{"a field is renamed", "renamed", "{ID:7 Name:v%d}", "{ID:7 Title:v%d}"},
		{"a number becomes a text", "retyped", "{ID:7 Price:%d}", "{ID:7 Price:v%d}"},
		{"a field is added", "grown", "{ID:7 Name:v%d}", "{ID:7 Name:v%d Email:ada@example.org}"},
		{"fields change places", "reordered", "{First:Ada Last:v%d}", "{Last:v%d First:Ada}"},
		{"a JSON tag is changed", "tagged", "{Name:v%d}", "{Name:v%d}"},
		{"another type takes the name", "ticket", "{Seat:v%d Row:7}", "{Bug:v%d Open:true}"},
		{"the type moves to another package", "moved", "{ID:7 Name:v%d}", "{ID:7 Name:v%d}"},
		{"nothing is changed", "alike", "{ID:7 Name:v%d}", "{ID:7 Name:v%d}"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			newStory(t, c).tell(t, older, newer)
		})
	}
}

// A story is one change on a memcached of its own.
type story struct {
	change
	apart  bool // the releases cannot read each other's values
	addr   string
	server *memcached.Client
}

// side is a process with the value that it has to read.
type side struct {
	*process
	story *story
	want  string
}

func newStory(t *testing.T, c change) *story {
	t.Helper()
	addr := mcserver.ForTest(t).Addr()
	client, err := memcached.NewFromConfig(memcached.Config{Servers: []string{addr}, Timeout: patience})
	must(t, err)
	t.Cleanup(func() { must(t, client.Close()) })
	return &story{change: c, apart: c.value != "alike", addr: addr, server: client}
}

const (
	long  = time.Minute
	short = time.Second
)

func (s *story) tell(t *testing.T, older, newer release) {
	ofOld := func() *side { return &side{older.start(t, s.addr), s, s.old} }
	ofNew := func() *side { return &side{newer.start(t, s.addr), s, s.new} }

	// The old release fills. The new one comes, and both go on with what they have.
	o, n := ofOld(), ofNew()
	o.reads(t, "k", 1, long, true)
	stored := s.item(t, "k")
	n.reads(t, "k", 1, long, s.apart)
	for range 2 {
		o.reads(t, "k", 1, long, false)
		n.reads(t, "k", 1, long, false)
	}
	s.stands(t, stored, "the new release read it")
	o2 := ofOld()
	o2.reads(t, "k", 1, long, false) // from memcached: it is still there for the old release
	s.stands(t, stored, "another process of the old release read it")

	// The new release invalidates, and fills first.
	n.forgets(t, "k")
	n.reads(t, "k", 2, long, true)
	stored = s.item(t, "k")
	o.hears(t, "k", 2, s.apart)
	o2.hears(t, "k", 2, s.apart)
	for range 2 {
		n.reads(t, "k", 2, long, false)
		o.reads(t, "k", 2, long, false)
	}
	n2 := ofNew()
	n2.reads(t, "k", 2, long, false)
	s.stands(t, stored, "the old release read it")

	// The old release invalidates, and fills first.
	o.forgets(t, "k")
	o.reads(t, "k", 3, long, true)
	stored = s.item(t, "k")
	n.hears(t, "k", 3, s.apart)
	n2.hears(t, "k", 3, s.apart)
	o2.hears(t, "k", 3, false)
	s.stands(t, stored, "everybody read it")

	// The old release goes. What it stored ends: one by an invalidation, one in time.
	o.reads(t, "short", 3, short, true)
	o.quit(t)
	o2.quit(t)
	n.forgets(t, "k")
	n.reads(t, "k", 4, long, true)
	n2.hears(t, "k", 4, false)
	s.ends(t, "short")
	n.reads(t, "short", 4, long, true)
	n2.reads(t, "short", 4, long, false)
}

// reads has p read key, and says whether it must come from a load of p's own.
func (p *side) reads(t *testing.T, key string, version int, ttl time.Duration, loaded bool) {
	t.Helper()
	a := p.do(t, rollout.Question{Read: p.story.value, Key: key, Version: version, TTL: ttl})
	p.judge(t, a, version, loaded)
}

// hears has p read key until it knows of version, which was committed and
// invalidated before the call. That p loads it shows that it is nobody else's.
func (p *side) hears(t *testing.T, key string, version int, loaded bool) {
	t.Helper()
	told := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		began := time.Now()
		a := p.do(t, rollout.Question{Read: p.story.value, Key: key, Version: version, TTL: long})
		if a.Value != fmt.Sprintf(p.want, version-1) {
			p.judge(t, a, version, loaded)
			return
		}
		if late := began.Sub(told); late > bound {
			t.Fatalf("%s reads %s %v after it was invalidated, want at most %v", p.name, a.Value, late, bound)
		}
		<-tick.C
	}
}

func (p *side) judge(t *testing.T, a rollout.Answer, version int, loaded bool) {
	t.Helper()
	if want := fmt.Sprintf(p.want, version); a.Value != want || a.Loaded != loaded {
		t.Fatalf("%s reads %s, from a load of its own: %t; want %s, %t", p.name, a.Value, a.Loaded, want, loaded)
	}
}

func (p *side) forgets(t *testing.T, key string) {
	t.Helper()
	p.do(t, rollout.Question{Invalidate: true, Key: key})
}

// item is what memcached has under key, which must be there.
func (s *story) item(t *testing.T, key string) tier.Item {
	t.Helper()
	i := s.look(t, key)
	if !i.Found() {
		t.Fatalf("nothing is stored under %q", key)
	}
	return i
}

func (s *story) look(t *testing.T, key string) tier.Item {
	t.Helper()
	items := make([]tier.Item, 1)
	must(t, s.server.Nodes()[0].GetMulti(context.Background(), []string{rollout.Prefix + ":v:" + key}, items))
	return items[0]
}

// stands says that "k" is still what it was.
func (s *story) stands(t *testing.T, was tier.Item, after string) {
	t.Helper()
	if i := s.look(t, "k"); i.CAS != was.CAS || !bytes.Equal(i.Value, was.Value) {
		t.Fatalf("what was stored is not there any more after %s", after)
	}
}

// ends waits until memcached has nothing under key.
func (s *story) ends(t *testing.T, key string) {
	t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for s.look(t, key).Found() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%q is still stored", key)
		}
	}
}
