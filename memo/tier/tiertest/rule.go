package tiertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// rule.go is the frame of the two suites: what a rule is, how it is run, and
// how a failure is told to somebody who has read package tier and nothing else.

// A rule is one promise of package tier. S is how its subject is opened.
type rule[S any] struct {
	name  string   // of its subtest
	says  []string // sentences of package tier, word by word
	harm  string   // what the engine would do wrong
	check func(j *judge, open S)
}

// run gives each rule a subtest. They run in parallel, for some wait until an
// item expires; the group around them ends when they have, so that what the
// caller does next, closing a server for example, comes after them.
func run[S any](t *testing.T, group string, rules []rule[S], open func(t *testing.T) S) {
	t.Helper()
	t.Run(group, func(t *testing.T) {
		for _, r := range rules {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				r.judge(t, open(t))
			})
		}
	})
}

func (r rule[S]) judge(t testing.TB, open S) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a tier that hangs fails, and says where
	defer cancel()
	r.check(&judge{TB: t, ctx: ctx, says: r.says, harm: r.harm, prefix: fmt.Sprintf("tiertest:%x:", rand.Uint64())}, open)
}

// judge is one run of one rule.
type judge struct {
	testing.TB
	ctx    context.Context
	says   []string
	harm   string
	prefix string // of this run's keys: the store need not be empty

	mu   sync.Mutex
	used []string // the keys that there may be, to be deleted at the end
}

// broken ends the run: what was seen, what package tier says, what comes of it.
func (j *judge) broken(format string, args ...any) {
	j.Helper()
	j.Fatalf("%s\n\trule: %s\n\telse: %s", fmt.Sprintf(format, args...), strings.Join(j.says, "\n\t      "), j.harm)
}

// stopped ends the run because of a call that this rule is not about.
func (j *judge) stopped(call string, err error) {
	j.Helper()
	if err != nil {
		j.Fatalf("%s: %v\n\tThis rule was not reached: the call before it should have worked. See the subtest of that method first.", call, err)
	}
}

// answers expects an answer of the server; nil is one too.
func (j *judge) answers(call string, err, want error) {
	j.Helper()
	if errors.Is(err, want) {
		return
	}
	j.broken("%s: got %s, want %s", call, answer(err), answer(want))
}

// answer names err as package tier does.
func answer(err error) string {
	for known, name := range map[error]string{
		tier.ErrNotFound: "tier.ErrNotFound", tier.ErrExists: "tier.ErrExists",
		tier.ErrConflict: "tier.ErrConflict", tier.ErrRefused: "tier.ErrRefused",
	} {
		if errors.Is(err, known) {
			return name
		}
	}
	if err == nil {
		return "no error"
	}
	return fmt.Sprintf("%q, which is no answer but a failure to reach the server", err)
}

// key is a key of this run.
func (j *judge) key(name string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	key := j.prefix + name
	j.used = append(j.used, key)
	return key
}

// shared opens a Shared that is emptied and closed with the subtest, and waits
// until it has members. What Close answers is the business of one rule alone.
func (j *judge) shared(open func() tier.Shared) tier.Shared {
	j.Helper()
	s := open()
	j.Cleanup(func() {
		j.leave(s.Nodes())
		if c, ok := s.(io.Closer); ok {
			_ = c.Close()
		}
	})
	j.peopled(s)
	return s
}

// peopled waits until s has members. A rule that finds none has nothing to ask,
// and must not look like one that holds.
func (j *judge) peopled(s tier.Shared) {
	j.Helper()
	if !j.watch(time.Now(), patience, func() bool { return len(s.Nodes()) > 0 }) {
		j.Fatalf("Nodes returned no member within %v, so that there is nothing to ask", patience)
	}
}

// leave deletes what this run has stored: some of it has no expiry, and the store
// may be somebody's. One key that the backend refuses may refuse the whole call.
func (j *judge) leave(nodes []tier.Node) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(j.ctx), patience)
	defer cancel()
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, n := range nodes {
		if n.Delete(ctx, j.used...) == nil {
			continue
		}
		for _, key := range j.used {
			_ = n.Delete(ctx, key)
		}
	}
}

// node opens a Shared and returns the member whose name is the first, which is
// the same in every process: any member takes any key.
func (j *judge) node(open func() tier.Shared) tier.Node {
	j.Helper()
	return first(j.shared(open))
}

func first(s tier.Shared) tier.Node {
	return slices.MinFunc(s.Nodes(), func(a, b tier.Node) int { return strings.Compare(a.Name(), b.Name()) })
}

func (j *judge) get(n tier.Node, key string) tier.Item {
	j.Helper()
	items := make([]tier.Item, 1)
	j.stopped("GetMulti of one key", n.GetMulti(j.ctx, []string{key}, items))
	return items[0]
}

// add stores an item that was not there, and returns it as it is read: as absent
// if the machine took longer than ttl.
func (j *judge) add(n tier.Node, key, value string, ttl time.Duration) tier.Item {
	j.Helper()
	begin := time.Now()
	j.stopped("Add of a new key", n.Add(j.ctx, key, []byte(value), ttl))
	item := j.get(n, key)
	if !item.Found() && time.Since(begin) < ttl {
		j.stopped("Add of a new key", errors.New("it returned no error, and the item cannot be read"))
	}
	return item
}

// watch calls look until it is content or d has passed since begin, and reports
// whether it was. The last look begins after d.
func (j *judge) watch(begin time.Time, d time.Duration, look func() bool) bool {
	const pause = 20 * time.Millisecond
	for {
		late := time.Since(begin) > d
		if look() {
			return true
		}
		if late {
			return false
		}
		select {
		case <-time.After(pause):
		case <-j.ctx.Done():
			j.Fatalf("this rule took more than a minute: %v", j.ctx.Err())
		}
	}
}

// together runs fn on several goroutines at once and returns their errors.
func together(n int, fn func(i int) error) []error {
	errs, begin, ended := make([]error, n), make(chan struct{}), make(chan int)
	for i := range n {
		go func() {
			defer func() { ended <- i }()
			<-begin
			errs[i] = fn(i)
		}()
	}
	close(begin)
	for range n {
		<-ended
	}
	return errs
}
