package tier_test

// tier_test.go is the little in package tier that is not an interface.

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// closing is a Node that can be closed.
type closing struct {
	tier.Node
	err    error
	closed int
}

func (c *closing) Close() error {
	c.closed++
	return c.err
}

func TestSingleHasOneMemberForEver(t *testing.T) {
	t.Parallel()
	n := tiertest.NewMemory().Nodes()[0]
	s := tier.Single(n)
	if nodes := s.Nodes(); len(nodes) != 1 || nodes[0] != n {
		t.Errorf("the members are %v", nodes)
	}
	if !s.Fixed() {
		t.Error("it is not Fixed")
	}
}

func TestSingleClosesANodeThatCanBeClosed(t *testing.T) {
	t.Parallel()
	broken := &closing{err: errors.New("broken")}
	if err := tier.Single(broken).(io.Closer).Close(); err != broken.err || broken.closed != 1 {
		t.Errorf("the Node was closed %d times, and the answer is %v", broken.closed, err)
	}
	if err := tier.Single(tiertest.NewMemory().Nodes()[0]).(io.Closer).Close(); err != nil {
		t.Errorf("a Node without Close: %v", err)
	}
}

func TestAnswersAndFailures(t *testing.T) {
	t.Parallel()
	for _, answer := range []error{nil, tier.ErrNotFound, tier.ErrExists, tier.ErrConflict, tier.ErrRefused} {
		if !tier.IsAnswer(answer) {
			t.Errorf("%v is no answer", answer)
		}
		if answer != nil && !tier.IsAnswer(fmt.Errorf("add on a: %w: too large", answer)) {
			t.Errorf("%v, wrapped, is no answer", answer)
		}
	}
	for _, failure := range []error{io.EOF, errors.New("tier: no such item")} {
		if tier.IsAnswer(failure) {
			t.Errorf("%v is an answer", failure)
		}
	}
}

func TestAnItemWithoutACASIdIsAbsent(t *testing.T) {
	t.Parallel()
	if (tier.Item{}).Found() || !(tier.Item{CAS: 1}).Found() {
		t.Error("an item exists if and only if it has a CAS id")
	}
}

// A backend author implements Node for one server and is done.
func ExampleSingle() {
	var node tier.Node = tiertest.NewMemory("10.0.0.2:6379").Nodes()[0]
	shared := tier.Single(node)
	fmt.Println(shared.Nodes()[0].Name(), shared.Fixed())
	// Output: 10.0.0.2:6379 true
}
