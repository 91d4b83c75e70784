package tiertest_test

import (
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// list_test.go: processes whose lists differ, and change.

func members(s tier.Shared) (all []string) {
	for _, n := range s.Nodes() {
		all = append(all, n.Name())
	}
	return all
}

func TestListsShareTheServersTheyHaveBoth(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory("a", "b", "c")
	one, other := m.List("a", "b"), m.List("c", "b", "c")
	if got := members(one); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("one has %q", got)
	}
	if got := members(other); !slices.Equal(got, []string{"c", "b"}) {
		t.Errorf("the other has %q", got)
	}
	add(t, one.Nodes()[1], "k", "of one", time.Minute)
	if got := get(t, other.Nodes()[1], "k"); string(got.Value) != "of one" {
		t.Errorf("the other reads %q", got.Value)
	}
	if keys := m.Only("b").Keys(); !slices.Equal(keys, []string{"k"}) {
		t.Errorf("b holds %q", keys)
	}
	if empty := m.List(); len(empty.Nodes()) != 0 {
		t.Errorf("a List of no names has %q", members(empty))
	}
}

func TestANodeThatComesBackHasItsOldContent(t *testing.T) {
	t.Parallel()
	l := tiertest.NewMemory("a", "b").List("a", "b")
	a, b := l.Nodes()[0], l.Nodes()[1]
	was := add(t, b, "k", "before", time.Minute)

	before := l.Nodes()
	l.Change("b", "a")
	l.Change("a")
	if got := members(l); !slices.Equal(got, []string{"a"}) || l.Nodes()[0] != a {
		t.Errorf("after b left there are %q", got)
	}
	if len(before) != 2 || before[0] != a || before[1] != b {
		t.Error("the slice from before was modified")
	}
	if got := get(t, b, "k"); got.CAS != was.CAS {
		t.Error("a Node that has left does not work")
	}
	l.Change("b", "a")
	if l.Nodes()[0] != b {
		t.Error("b came back as another Node, and was not closed")
	}
	l.Change("a")
	ok(t, b.(io.Closer).Close())
	l.Change("a", "b")
	if l.Nodes()[1] == b || b.Ping(t.Context()) == nil {
		t.Error("b was closed, and is a member")
	}
	if got := get(t, l.Nodes()[1], "k"); got.CAS != was.CAS || string(got.Value) != "before" {
		t.Errorf("the new b reads %q", got.Value)
	}
}

func TestWhatIsOpenOfAList(t *testing.T) {
	t.Parallel()
	l := tiertest.NewMemory("a", "b", "c").List("a", "b")
	b := l.Nodes()[1]
	open := func(want ...string) {
		t.Helper()
		if got := l.Open(); !slices.Equal(got, want) {
			t.Errorf("open are %q, want %q", got, want)
		}
	}
	l.Change("c", "a")
	open("a", "b", "c")
	ok(t, b.(io.Closer).Close())
	open("a", "c")
	last := l.Nodes()
	ok(t, last[0].(io.Closer).Close()) // a member: as its name came back meanwhile
	open("a", "c")
	if last[0] == l.Nodes()[0] || l.Nodes()[0].Ping(t.Context()) != nil || last[0].Ping(t.Context()) == nil {
		t.Error("a member was closed, and is not replaced")
	}
	ok(t, l.Close())
	ok(t, l.Close())
	ok(t, l.Nodes()[0].(io.Closer).Close())
	l.Change("b")
	open()
	for _, n := range l.Nodes() {
		for method, call := range methods {
			if err := call(t.Context(), n, "k"); tier.IsAnswer(err) {
				t.Errorf("%s after Close: %v", method, err)
			}
		}
	}
}

func TestListsConform(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory("a:11211", "b:11211", "c:11211")
	tiertest.TestShared(t, func(*testing.T) tier.Shared { return m.List("a:11211", "b:11211", "c:11211") })
}

func TestAListIsSafeToShare(t *testing.T) {
	t.Parallel()
	l := tiertest.NewMemory("a", "b", "c").List("a")
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for i := range 200 {
				switch (w + i) % 4 {
				case 0:
					l.Change("a", "b")
				case 1:
					l.Change("c")
				case 2:
					l.Open()
					if n := l.Nodes(); i%8 == 2 {
						_ = n[0].(io.Closer).Close()
					}
				default:
					for _, n := range l.Nodes() {
						_ = n.Ping(t.Context())
					}
				}
			}
		})
	}
	group.Wait()
	ok(t, l.Close())
}
