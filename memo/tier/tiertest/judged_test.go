package tiertest_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// judged_test.go: the suites can fail. Each tier of brokenshared_test.go and
// brokenlocal_test.go breaks one rule, and fails in the subtest of that rule and
// in no other; in that of two processes as well where one is wrong already.

const twoProcesses = "two processes have one store"

// clients are for each run of a rule the Shareds of one new store.
func clients(open func(m *tiertest.Memory) tier.Shared) func() func() tier.Shared {
	return func() func() tier.Shared {
		m := tiertest.NewMemory("a", "b", "c")
		return func() tier.Shared { return open(m) }
	}
}

// client is a process's own Shared on the store s, as TestShared has it.
func client(s tier.Shared) tier.Shared { return &struct{ tier.Shared }{s} }

// recorder is a testing.TB that keeps what it is told.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// A judged rule is one of either suite.
type judged[S any] interface {
	Name() string
	Says() []string
	Harm() string
	Judge(tb testing.TB, open S)
}

// verdicts runs each rule in a bubble and returns what those that failed said.
func verdicts[S any, R judged[S]](t *testing.T, rules []R, open func() S) map[string]string {
	t.Helper()
	failed := map[string]string{}
	for _, rule := range rules {
		synctest.Test(t, func(t *testing.T) {
			r := &recorder{TB: t}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				rule.Judge(r, open())
			}()
			<-ended
			if r.said != "" {
				failed[rule.Name()] = r.said
			}
		})
	}
	return failed
}

// only expects that one rule failed, and said why, what the rule is, and what it
// is good for.
func only[S any, R judged[S]](t *testing.T, rules []R, breaks, saying string, failed map[string]string) {
	t.Helper()
	if names := slices.Sorted(maps.Keys(failed)); !slices.Equal(names, []string{breaks}) {
		t.Fatalf("failed in %q, want %q alone: %v", names, breaks, failed)
	}
	i := slices.IndexFunc(rules, func(r R) bool { return r.Name() == breaks })
	said := failed[breaks]
	for _, want := range append([]string{saying, rules[i].Harm()}, rules[i].Says()...) {
		if !strings.Contains(said, want) {
			t.Errorf("the failure does not say %q:\n%s", want, said)
		}
	}
	seen, _, _ := strings.Cut(said, "\n")
	if strings.ContainsAny(seen, "\t") || len(seen) > 300 {
		t.Errorf("what was seen is not told in one or two sentences: %s", seen)
	}
	t.Log(said)
}

func TestABrokenSharedFailsInItsRuleAlone(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	for _, b := range brokenShareds() {
		tried[b.breaks] = true
		t.Run(b.breaks+"/"+b.how, func(t *testing.T) {
			t.Parallel()
			failed := verdicts(t, tiertest.SharedRules(), clients(b.open))
			if b.breaks != twoProcesses {
				delete(failed, twoProcesses) // a lock that one process lacks, two lack as well
			}
			only(t, tiertest.SharedRules(), b.breaks, b.saying, failed)
		})
	}
	for _, rule := range tiertest.SharedRules() {
		if !tried[rule.Name()] {
			t.Errorf("no broken Shared shows that the rule %q can fail", rule.Name())
		}
	}
}

func TestABrokenLocalFailsInItsRuleAlone(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	for _, b := range brokenLocals() {
		tried[b.breaks] = true
		t.Run(b.breaks+"/"+b.how, func(t *testing.T) {
			t.Parallel()
			failed := verdicts(t, tiertest.LocalRules(), func() func(int) tier.Local {
				return func(capacity int) tier.Local { return b.open(lru.New(capacity)) }
			})
			only(t, tiertest.LocalRules(), b.breaks, b.saying, failed)
		})
	}
	for _, rule := range tiertest.LocalRules() {
		if !tried[rule.Name()] {
			t.Errorf("no broken Local shows that the rule %q can fail", rule.Name())
		}
	}
}

func TestGoodTiersBreakNoRule(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{nil, {"a", "b", "c"}} {
		failed := verdicts(t, tiertest.SharedRules(), func() func() tier.Shared {
			m := tiertest.NewMemory(names...)
			return func() tier.Shared { return client(m) }
		})
		if len(failed) > 0 {
			t.Errorf("a Memory of %d names: %v", len(names), failed)
		}
	}
}

// A machine that is busy for longer than an item's ttl is no mistake of the tier.
func TestASlowMachineBreaksNoRule(t *testing.T) {
	t.Parallel()
	failed := verdicts(t, tiertest.SharedRules(), func() func() tier.Shared {
		f := tiertest.NewFaulty(tiertest.NewMemory())
		for _, op := range []tiertest.Op{tiertest.OpGetMulti, tiertest.OpIncr, tiertest.OpTouch} {
			f.Inject(tiertest.Fault{Ops: []tiertest.Op{op}, Delay: 1500 * time.Millisecond, Times: 3})
		}
		return func() tier.Shared { return client(f) }
	})
	for rule, said := range failed {
		t.Errorf("%s: %s", rule, said)
	}
}

// The empty key is everybody's: a backend that holds it may have another run's.
func TestAnEmptyKeyThatIsThereAlreadyBreaksNoRule(t *testing.T) {
	t.Parallel()
	failed := verdicts(t, tiertest.SharedRules(), func() func() tier.Shared {
		b := &bentNode{Node: memory()}
		b.add = func(ctx context.Context, key string, value []byte, ttl time.Duration) error {
			if key == "" {
				return tier.ErrExists
			}
			return b.Node.Add(ctx, key, value, ttl)
		}
		b.forget = func(ctx context.Context, keys ...string) error {
			return b.Node.Delete(ctx, slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return key == "" })...)
		}
		return func() tier.Shared { return client(tier.Single(b)) }
	})
	for rule, said := range failed {
		t.Errorf("%s: %s", rule, said)
	}
}

func TestAListThatIsFilledLaterBreaksNoRule(t *testing.T) {
	t.Parallel()
	failed := verdicts(t, tiertest.SharedRules(), func() func() tier.Shared {
		m := tiertest.NewMemory("a", "b")
		return func() tier.Shared {
			l := m.List()
			time.AfterFunc(3*time.Second, func() { l.Change("a", "b") })
			return l
		}
	})
	for rule, said := range failed {
		t.Errorf("%s: %s", rule, said)
	}
}

// A rule that found nobody to ask is not one that holds.
func TestAListThatStaysEmptyPassesNoRule(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory("a")
	failed := verdicts(t, tiertest.SharedRules(), func() func() tier.Shared {
		return func() tier.Shared { return m.List() }
	})
	for _, rule := range tiertest.SharedRules() {
		if !strings.Contains(failed[rule.Name()], "Nodes returned no member within 10s") {
			t.Errorf("%s: %q", rule.Name(), failed[rule.Name()])
		}
	}
}

func TestTheSuiteDeletesWhatItStored(t *testing.T) {
	t.Parallel()
	m := tiertest.NewMemory("a", "b")
	verdicts(t, tiertest.SharedRules(), func() func() tier.Shared {
		return func() tier.Shared { return tiertest.NewFaulty(m) } // an io.Closer
	})
	if left := tiertest.Held(m); left > 0 {
		t.Errorf("%d items are left", left)
	}
}

// judgeABrokenTier is set for the child of the test below.
const judgeABrokenTier = "TIERTEST_JUDGE_A_BROKEN_TIER"

// What go test prints, in a process of its own, since such a test fails.
func TestAuthorsReadWhatIsBroken(t *testing.T) {
	t.Parallel()
	if os.Getenv(judgeABrokenTier) != "" {
		s, l, m := brokenShareds()[0], brokenLocals()[0], tiertest.NewMemory()
		tiertest.TestShared(t, func(*testing.T) tier.Shared { return s.open(m) })
		tiertest.TestLocal(t, func(_ *testing.T, capacity int) tier.Local { return l.open(lru.New(capacity)) })
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.parallel=64")
	child.Env = append(os.Environ(), judgeABrokenTier+"=1")
	out, err := child.CombinedOutput()
	if err == nil {
		t.Fatalf("two broken tiers pass:\n%s", out)
	}
	var failed []string
	for _, m := range regexp.MustCompile(`--- FAIL: \w+/(\w+/\S+)`).FindAllStringSubmatch(string(out), -1) {
		failed = append(failed, m[1])
	}
	slices.Sort(failed)
	shared, local := brokenShareds()[0], brokenLocals()[0]
	want := []string{"Local/" + strings.ReplaceAll(local.breaks, " ", "_"), "Shared/" + strings.ReplaceAll(shared.breaks, " ", "_")}
	if !slices.Equal(failed, want) {
		t.Errorf("failed in %q, want %q:\n%s", failed, want, out)
	}
	for _, reason := range []string{shared.saying, local.saying, "rule: ", "else: "} {
		if !strings.Contains(string(out), reason) {
			t.Errorf("go test does not print %q:\n%s", reason, out)
		}
	}
}
