package memo_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// Everything was loaded again, and the operator wants to know why: what the log
// and the figures say of new epochs, and of an L2 that was emptied.

const (
	beganAnew = "the shared tier began anew"
	afterward = "new epoch after an outage"
)

// witness is a process with its log.
type witness struct {
	*memo.Cache
	store *tiertest.Faulty
	log   *listener
}

func (f *fleet) witness(t *testing.T) witness {
	t.Helper()
	w := witness{log: &listener{}}
	w.Cache, w.store = f.process(t, func(cfg *memo.Config) { cfg.Logger = w.log.logger() })
	return w
}

// tells fails unless w has met so many epochs, emptied L2 as often for other
// reasons, and logged so many lines of the two kinds.
func (w witness) tells(t *testing.T, who string, epochs, purges uint64, anew, after int) {
	t.Helper()
	synctest.Wait()
	n := w.Snapshot().Nodes[0]
	if n.Epochs != epochs || n.Purges != purges {
		t.Errorf("%s: %d epochs and %d purges, want %d and %d", who, n.Epochs, n.Purges, epochs, purges)
	}
	if a, b := len(w.log.about(beganAnew)), len(w.log.about(afterward)); a != anew || b != after {
		t.Errorf("%s: %d lines that it began anew, and %d of an epoch after an outage, want %d and %d", who, a, b, anew, after)
	}
}

func TestRestartBetweenTwoPollsIsTold(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*tiertest.Memory){
		"a restart": (*tiertest.Memory).Restart, "a flush": (*tiertest.Memory).Flush,
		"the counter is evicted": func(m *tiertest.Memory) { m.Evict("t:seq") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				a, b := f.witness(t), f.witness(t)
				time.Sleep(5 * time.Second)
				a.tells(t, "at the begin", 0, 0, 0, 0)
				b.tells(t, "at the begin", 0, 0, 0, 0)
				lose(f.memory())
				time.Sleep(aPoll)
				a.tells(t, "one", 1, 0, 1, 0)
				b.tells(t, "the other", 1, 0, 1, 0)
				if n := a.Snapshot().Nodes[0]; !n.Up || n.Errors != 0 {
					t.Errorf("%+v, want that nothing else was seen of it", n)
				}
			})
		})
	}
}

// An InvalidateAll is news to the others, and not to who has called it: neither if
// the poller meets it in the midst of it, nor if its answer is lost.
func TestInvalidateAllIsToldByTheOthers(t *testing.T) {
	t.Parallel()
	wait := func(context.Context, tiertest.Op, []string) { time.Sleep(3 * aPoll) }
	for name, test := range map[string]struct {
		fault  tiertest.Fault
		epochs uint64
	}{
		"at once":             {tiertest.Fault{Times: 1}, 1},
		"slowly":              {tiertest.Fault{Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: ":seq", Times: 1, After: wait}, 1},
		"its answer was lost": {tiertest.Fault{Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: ":seq", Times: 1, Lost: errDown}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				a, b := f.witness(t), f.witness(t)
				a.store.Inject(test.fault)
				_ = a.InvalidateAll(context.Background())
				time.Sleep(5 * aPoll)
				a.tells(t, "who called it", test.epochs, 0, 0, 0)
				seen := b.Snapshot().Nodes[0].Epochs // of two within one poll it sees the last
				if seen < 1 || seen > test.epochs {
					t.Errorf("the other has met %d epochs, want 1 to %d", seen, test.epochs)
				}
				b.tells(t, "the other", seen, 0, int(seen), 0)
			})
		})
	}
}

func TestEpochAfterAnOutageIsToldOnce(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]bool{"its answer came": false, "its answer was lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				a := f.witness(t)
				repair := a.store.Inject(tiertest.Fault{Err: errDown})
				time.Sleep(5 * time.Second)
				repair()
				if lost {
					a.store.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpCompareAndSwap}, Match: ":seq", Times: 1, Lost: errDown})
				}
				time.Sleep(time.Second)
				if lost { // it has begun, as far as the next poll can tell
					a.tells(t, "who began it", 1, 0, 1, 0)
				} else {
					a.tells(t, "who began it", 1, 0, 0, 1)
				}
			})
		})
	}
}

func TestPurgesAreCounted(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(t *testing.T, n tier.Node){
		"a record that never comes": func(t *testing.T, n tier.Node) {
			_, err := n.Incr(context.Background(), "t:seq", 1)
			must(t, err)
		},
		"too many of them": func(t *testing.T, n tier.Node) {
			_, err := n.Incr(context.Background(), "t:seq", 5000)
			must(t, err)
		},
		"a damaged one": func(t *testing.T, n tier.Node) {
			seq, err := n.Incr(context.Background(), "t:seq", 1)
			must(t, err)
			space, err := keys.NewSpace("t")
			must(t, err)
			must(t, n.Add(context.Background(), space.Record(seq), []byte("?"), time.Minute))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				a := f.witness(t)
				lose(t, f.memory().Nodes()[0])
				time.Sleep(5 * time.Second)
				a.tells(t, "who reads", 0, 1, 0, 0)
				later := f.witness(t) // begins in the midst of an epoch: that is no news
				time.Sleep(5 * time.Second)
				later.tells(t, "who came later", 0, 0, 0, 0)
			})
		})
	}
}

// A fleet in which somebody empties everything each second has a log all the same.
func TestManyEpochsAreFewLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		a := f.witness(t)
		for range 90 {
			f.memory().Flush()
			time.Sleep(time.Second)
		}
		a.tells(t, "who reads", 90, 0, 4, 0)
		told := 0
		for _, line := range a.log.about(beganAnew) {
			told += 1 + int(line.leftOut)
		}
		if told < 60 || told > 90 {
			t.Errorf("the lines account for %d of 90", told)
		}
	})
}
