package memo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The look that a single read takes in the shared tier before it is a load.

// atLook has happens run when the next look for a key that contains match has its answer,
// and who looks does not know it yet.
func atLook(wire *tiertest.Faulty, match string, happens func()) {
	wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: match, Times: 1, After: func(context.Context, tiertest.Op, []string) { happens() }})
}

// 1. a caller finds version 0 in the shared tier
// 2. the key is written, and its invalidation returns
// 3. the caller keeps version 0
func TestG06_ReadThatLooksKeepsNothingThatWasInvalidatedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, invalidate := range map[string]func(ctx context.Context) error{
		"of the key": func(ctx context.Context) error { return memo.Invalidate(ctx, "a") },
		"of all":     func(ctx context.Context) error { return memo.InvalidateAll(ctx) },
		"of its tag": func(ctx context.Context) error { return memo.InvalidateTags(ctx, "tag") },
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			there, _ := f.process(t)
			here, wire := f.process(t, slowPoll)
			ctx := here.With(context.Background())
			f.db.tagged(t, there.With(context.Background()), "a", "tag")
			atLook(wire, "t:v:a", func() {
				f.db.write("a")
				must(t, invalidate(ctx))
			})
			f.db.tagged(t, ctx, "a", "tag")
			if v := f.db.tagged(t, ctx, "a", "tag"); v != 1 {
				t.Errorf("version %d after the invalidation %s", v, name)
			}
			if here.Busy("a") {
				t.Error("the key is watched for ever")
			}
		})
	}
}

// 1. a caller finds version 0 in the shared tier, which is past its time, and may be served once more
// 2. the key is written, and its invalidation returns
// 3. the caller's load takes along what was seen, and keeps version 0
func TestG06_LoadTakesNothingAlongThatItsCallerSawBeforeAnInvalidation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		there, _ := f.process(t)
		here, wire := f.process(t, slowPoll)
		ctx, opts := here.With(context.Background()), []memo.Option{memo.TTL(time.Second), memo.Stale(time.Hour)}
		f.db.do(t, there.With(context.Background()), "a", opts...)
		time.Sleep(2 * time.Second)
		atLook(wire, "t:v:a", func() {
			f.db.write("a")
			must(t, here.Invalidate(context.Background(), "a"))
		})
		_, err := memo.Do(ctx, "a", f.db.slow("a", time.Second), opts...) // else a refresh would be there before the next read
		must(t, err)
		if v := f.db.do(t, ctx, "a", opts...); v != 1 {
			t.Errorf("version %d after the invalidation of version 0", v)
		}
	})
}

// 1. a caller looks, and has his answer, which he does not know yet
// 2. another one comes, misses L2, and there is no load that he could join
// 3. he leads one, which looks again: two questions for two who ask for the same at once
func TestG02_WhoComesWhileAnotherLooksSharesHisLook(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]memo.Option{"kept": nil, "not kept": {memo.SharedOnly()}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			there, _ := f.process(t)
			here, wire := f.process(t, slowPoll)
			f.db.do(t, there.With(context.Background()), "k")
			between()
			var beside func() int
			before := wire.Calls(tiertest.OpGetMulti)
			atLook(wire, "t:v:k", func() {
				beside = later(t, func() (int, error) {
					return f.db.do(t, here.With(context.Background()), "k", opts...), nil
				})
				synctest.Wait()
			})
			f.db.do(t, here.With(context.Background()), "k", opts...)
			if v := beside(); v != 0 {
				t.Errorf("%s: version %d", name, v)
			}
			if n := wire.Calls(tiertest.OpGetMulti) - before; n != 1 {
				t.Errorf("%s: %d looks for two who met, want one", name, n)
			}
			if n := f.db.queries("k"); n != 1 {
				t.Errorf("%s: %d loads, want one", name, n)
			}
		})
	}
}

// Of a thousand who miss L2 at once one looks, and all others wait for him, and for nobody else.
func TestG02_CrowdLooksOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		there, _ := f.process(t)
		for name, opts := range map[string][]memo.Option{"kept": nil, "not kept": {memo.SharedOnly()}} {
			here, wire := f.process(t, slowPoll)
			f.db.do(t, there.With(context.Background()), "k")
			between()
			wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:k", Delay: trip})
			before, begin := wire.Calls(tiertest.OpGetMulti), time.Now()
			var crowd sync.WaitGroup
			for range 1000 {
				crowd.Go(func() { f.db.do(t, here.With(context.Background()), "k", opts...) })
			}
			crowd.Wait()
			if n := wire.Calls(tiertest.OpGetMulti) - before; n != 1 {
				t.Errorf("%s: %d looks, want one", name, n)
			}
			if took := time.Since(begin); took != trip {
				t.Errorf("%s: the last one had its answer after %v, want one round trip", name, took)
			}
		}
		if n := f.db.queries("k"); n != 1 {
			t.Errorf("%d loads, want one", n)
		}
	})
}

// 1. a caller who has a second looks; the server hangs
// 2. another one, who has a minute, waits for that look
// 3. the first one leaves: his look is over, and with it what the second one waits for
func TestG08_WhoSharesALookIsNotBoundByTheCtxOfWhoLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		there, _ := f.process(t)
		here, wire := f.process(t, slowPoll, func(cfg *memo.Config) { cfg.ReadTimeout = time.Minute })
		f.db.do(t, there.With(context.Background()), "k")
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:k", Times: 1, Hang: true})
		leaves := func(after time.Duration) func() int {
			return later(t, func() (int, error) {
				ctx, cancel := context.WithTimeout(here.With(context.Background()), after)
				defer cancel()
				begin := time.Now()
				_, err := memo.Do(ctx, "k", func(context.Context) (int, error) { return 9, nil })
				if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took != after {
					return 0, fmt.Errorf("left after %v with %w, want after %v with the end of its ctx", took, err, after)
				}
				return 0, nil
			})
		}
		looks := leaves(time.Second)
		synctest.Wait()
		joins := leaves(time.Second / 2)
		begin := time.Now()
		if v := f.db.do(t, here.With(context.Background()), "k"); v != 0 || time.Since(begin) != time.Second {
			t.Errorf("version %d after %v, want what is stored when the one who looks has left", v, time.Since(begin))
		}
		looks()
		joins()
	})
}

// 1. the shared tier takes 20 ms to answer, and the callers of a key have 10 ms each
// 2. each of them looks, leaves, and nothing is loaded
// 3. no caller ever gets a value
func TestCallersWhoHaveNoTimeToLookGetAValueAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, wire := f.process(t, slowPoll)
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:k", Delay: 20 * time.Millisecond})
		for turn := range 20 {
			begin := time.Now()
			ctx, cancel := context.WithTimeout(c.With(context.Background()), 10*time.Millisecond)
			_, err := memo.Do(ctx, "k", func(context.Context) (int, error) { return f.db.read("k"), nil })
			cancel()
			if took := time.Since(begin); took > 10*time.Millisecond {
				t.Errorf("caller %d left after %v", turn, took)
			}
			if err == nil {
				return
			}
		}
		t.Error("20 callers left, and nobody loads what they asked for")
	})
}

// The load that follows a look without patience does not do without the shared tier: others
// may wait for it.
func TestLoadDoesNotTakeAlongThatItsCallerHadNoPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, wire := f.process(t, slowPoll)
		_, _ = memo.Do(hurried(c, wire), "a", func(context.Context) (int, error) { return f.db.read("a"), nil })
		synctest.Wait()
		if !f.item(t, "t:v:a").Found() {
			t.Error("what was loaded is not in the shared tier")
		}
		if n := c.Snapshot().Nodes[0]; !n.Up || n.Errors != 0 {
			t.Errorf("up is %t after a caller without patience, with %d errors", n.Up, n.Errors)
		}
	})
}

// A server takes longer than a load may: the time of a load is not that of its look, and a
// value that has come is not thrown away for it.
func TestG07_LookThatTakesLongerThanALoadMayIsNoError(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fault tiertest.Fault
		took  time.Duration
		loads int
	}{
		"it hangs":   {tiertest.Fault{Hang: true}, 100 * time.Millisecond, 2},
		"it is slow": {tiertest.Fault{Delay: 90 * time.Millisecond}, 90 * time.Millisecond, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			there, _ := f.process(t)
			f.db.do(t, there.With(context.Background()), "k")
			c, wire := f.process(t, slowPoll)
			test.fault.Ops, test.fault.Match = []tiertest.Op{tiertest.OpGetMulti}, "t:v:k"
			wire.Inject(test.fault)
			begin := time.Now()
			if f.db.do(t, c.With(context.Background()), "k", memo.LoadTimeout(20*time.Millisecond)); time.Since(begin) != test.took {
				t.Errorf("%s: it took %v, want %v", name, time.Since(begin), test.took)
			}
			if n := f.db.queries("k"); n != test.loads {
				t.Errorf("%s: %d loads, want %d", name, n, test.loads)
			}
		})
	}
}

// A tier that is deaf to its ctx keeps who looks there, and nobody else: the others have their
// answer when the load has had its time, and the key is free.
func TestTierThatIsDeafKeepsOnlyWhoLooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		there, _ := f.process(t)
		f.db.do(t, there.With(context.Background()), "k")
		c, wire := f.process(t, slowPoll)
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:k", Times: 1, Before: func(context.Context, tiertest.Op, []string) { time.Sleep(time.Minute) }})
		limit := memo.LoadTimeout(time.Second)
		ends := func(after time.Duration) (int, error) {
			begin := time.Now()
			_, err := memo.Do(c.With(context.Background()), "k", loadNumber, limit)
			if took := time.Since(begin); !errors.Is(err, context.DeadlineExceeded) || took != after {
				return 0, fmt.Errorf("%v after %v, want the end of the load after %v", err, took, after)
			}
			return 0, nil
		}
		looks := later(t, func() (int, error) { return ends(time.Minute) })
		synctest.Wait()
		if n := c.Snapshot().Total.InFlight; n != 1 {
			t.Errorf("%d in flight while somebody looks, want 1", n)
		}
		_, err := ends(2*time.Second + 100*time.Millisecond) // a load's, twice, and a look's
		must(t, err)
		if f.db.do(t, c.With(context.Background()), "k", limit); f.db.queries("k") != 1 {
			t.Error("the value that is stored was loaded again")
		}
		looks()
	})
}

// A server that hangs is waited for once: the load does not ask it again.
func TestG07_ReadWaitsOnceForAServerThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, wire := f.process(t, slowPoll)
		wire.Inject(tiertest.Fault{Hang: true})
		begin := time.Now()
		if f.db.do(t, c.With(context.Background()), "k"); time.Since(begin) != 100*time.Millisecond {
			t.Errorf("it waited for %v, want one ReadTimeout", time.Since(begin))
		}
	})
}

// sluggish is a type with a method that does not return until it may.
type sluggish struct{ N int }

var stuck = make(chan chan struct{}, 1) // what a sluggish waits for

func (s *sluggish) UnmarshalJSON(data []byte) error {
	wait := <-stuck
	stuck <- wait
	<-wait
	return json.Unmarshal(data, &s.N)
}
func (s sluggish) MarshalJSON() ([]byte, error) { return json.Marshal(s.N) }

// undecided is a Codec that does the same.
type undecided struct{ codec.JSON }

func (h undecided) Unmarshal(data []byte, v any) error {
	var s sluggish
	return errors.Join(s.UnmarshalJSON([]byte("1")), h.JSON.Unmarshal(data, v))
}

// Nobody has to wait for code of the application that decodes a value, in a method of the
// type or in a Codec: it runs in a load, which every caller can leave.
func TestG08_CallerLeavesADecoderThatHangs(t *testing.T) {
	for name, test := range map[string]struct {
		codec codec.Codec
		read  func(ctx context.Context) error
	}{
		"a method": {codec.JSON{}, func(ctx context.Context) error {
			_, err := memo.Do(ctx, "k", func(context.Context) (sluggish, error) { return sluggish{7}, nil })
			return err
		}},
		"a method of a part": {codec.JSON{}, func(ctx context.Context) error {
			_, err := memo.Do(ctx, "k", func(context.Context) (map[string][]*sluggish, error) {
				return map[string][]*sluggish{"a": {{7}}}, nil
			})
			return err
		}},
		"a Codec": {undecided{}, func(ctx context.Context) error {
			_, err := memo.Do(ctx, "k", func(context.Context) (int, error) { return 7, nil })
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				there, _ := f.process(t, func(cfg *memo.Config) { cfg.Codec = test.codec })
				here, _ := f.process(t, func(cfg *memo.Config) { cfg.Codec = test.codec })
				must(t, test.read(there.With(context.Background())))
				wait := make(chan struct{})
				stuck <- wait
				defer func() { <-stuck }()
				time.AfterFunc(time.Minute, func() { close(wait) })
				ctx, cancel := context.WithTimeout(here.With(context.Background()), time.Second)
				defer cancel()
				begin := time.Now()
				if err := test.read(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
					t.Errorf("left after %v with %v, want after a second with the end of its ctx", time.Since(begin), err)
				}
				time.Sleep(2 * time.Minute)
			})
		})
	}
}

// What a tier of the user's panics with reaches the caller who looks as it reaches one who
// leads a load, and is counted; and nobody watches the key any more.
func TestTierThatPanicsWhileACallerLooks(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(){"panic": func() { panic("the tier's own") }, "Goexit": runtime.Goexit} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet()
			there, _ := f.process(t)
			f.db.do(t, there.With(context.Background()), "k")
			c, wire := f.process(t, slowPoll)
			wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:k", Times: 1, Before: func(context.Context, tiertest.Op, []string) {
				time.Sleep(time.Second)
				fail()
			}})
			before := c.Snapshot().Total
			var callers sync.WaitGroup
			callers.Add(1)
			go func() {
				defer callers.Done()
				defer func() {
					if p := recover(); name == "panic" && p != "the tier's own" {
						t.Errorf("the caller panics with %v", p)
					}
				}()
				_, _ = memo.Do(c.With(context.Background()), "k", loadNumber)
				t.Errorf("%s: the call returned", name)
			}()
			synctest.Wait()
			callers.Go(func() {
				var p *memo.PanicError
				if _, err := memo.Do(c.With(context.Background()), "k", loadNumber); !errors.As(err, &p) || (p.Value == nil) == (name == "panic") {
					t.Errorf("%s: who shares the look gets %v, want a PanicError", name, err)
				}
			})
			callers.Wait()
			if c.Busy("k") {
				t.Errorf("%s: the key is watched for ever", name)
			}
			after := c.Snapshot().Total
			if n := after.Calls - before.Calls; name == "panic" && n != 2 {
				t.Errorf("%d calls counted, want 2", n)
			}
			if after.InFlight != 0 {
				t.Errorf("%s: %d in flight for ever", name, after.InFlight)
			}
		})
	}
}

// The same of the process tier, in which the value is put.
func TestLocalThatPanicsWhenACallerHasLooked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		there, _ := f.process(t)
		f.db.do(t, there.With(context.Background()), "k")
		c, _ := f.process(t, func(cfg *memo.Config) { cfg.Local = refusing{lru.New(10)} })
		func() {
			defer func() {
				if p := recover(); p != "the tier's own" {
					t.Errorf("the caller panics with %v", p)
				}
			}()
			_, _ = memo.Do(c.With(context.Background()), "k", loadNumber)
		}()
		if c.Busy("k") {
			t.Error("the key is watched for ever")
		}
	})
}

// refusing is a process tier that panics when it is to keep k.
type refusing struct{ *lru.Cache }

func (l refusing) Set(key string, e *tier.Entry) {
	if key == "k" {
		panic("the tier's own")
	}
	l.Cache.Set(key, e)
}

// 1. each look finds a tag more than the one before
// 2. the last of them finds one that was invalidated, which nobody has looked for
// 3. the load takes along what was seen, with the tags that were found, and uses it
func TestReadUsesNothingWhoseMarkersItHasNotSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const turns = 16
		f := newFleet()
		there, _ := f.process(t)
		here, wire := f.process(t, slowPoll)
		var tags []string
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:a", Times: turns, Before: func(context.Context, tiertest.Op, []string) {
			tags = append(tags, fmt.Sprint("tag", len(tags)))
			must(t, memo.Set(there.With(context.Background()), "a", 0, memo.Tags(tags...)))
			if len(tags) == turns {
				f.db.write("a")
				must(t, there.InvalidateTags(context.Background(), tags[turns-1]))
			}
		}})
		if v := f.db.do(t, here.With(context.Background()), "a"); v != 1 {
			t.Errorf("version %d, whose tag was invalidated before it was looked at", v)
		}
	})
}

// Of 1,000 values that are near their end by half of what it takes to load them, each
// throws its dice once, as those of a batch do.
func TestReadThatLooksRefreshesEarlyAsOftenAsALoadDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, half = 1000, 693 * time.Millisecond // a second times ln 2
		f := newFleet()
		there, _ := f.process(t)
		here, _ := f.process(t)
		keys := keysOf("user", n)
		opts := []memo.Option{memo.TTL(time.Minute), memo.EarlyRefresh(1), memo.SharedOnly()}
		all := func(c *memo.Cache) {
			var calls sync.WaitGroup
			for _, key := range keys {
				calls.Go(func() {
					_, err := memo.Do(c.With(context.Background()), key, f.db.slow(key, time.Second), opts...)
					must(t, err)
				})
			}
			calls.Wait()
		}
		all(there)
		time.Sleep(time.Minute - half)
		all(here)
		time.Sleep(2 * time.Second)
		refreshed := 0
		for _, key := range keys {
			refreshed += f.db.queries(key) - 1
		}
		if refreshed < 375 || refreshed > 625 {
			t.Errorf("%d of %d values were refreshed, want half of them", refreshed, n)
		}
	})
}

// A Close waits for who looks, as it does for loads, and the caller has his value.
func TestCloseWaitsForTheLookOfARead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		there, _ := f.process(t)
		f.db.do(t, there.With(context.Background()), "k")
		c, wire := f.process(t)
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: "t:v:k", Delay: 50 * time.Millisecond})
		got := later(t, func() (int, error) { return f.db.do(t, c.With(context.Background()), "k"), nil })
		synctest.Wait()
		begin := time.Now()
		if err := c.Close(context.Background()); err != nil || time.Since(begin) < 50*time.Millisecond {
			t.Errorf("Close: %v after %v", err, time.Since(begin))
		}
		if got(); f.db.queries("k") != 1 {
			t.Error("the caller loads what it was about to find")
		}
	})
}

// Refresh loads, also where the value that others have stored is fresh.
func TestRefreshDoesNotLookAheadOfItsLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		there, _ := f.process(t)
		here, _ := f.process(t)
		f.db.do(t, there.With(context.Background()), "k")
		want := f.db.write("k")
		if v, err := f.db.refresh(here.With(context.Background()), "k"); v != want || err != nil {
			t.Errorf("version %d, %v, want %d", v, err, want)
		}
	})
}

// Calls that travel together look together, and none of them by itself.
func TestCallsOfAWindowLookOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, fn := newFleet(), &counter{}
		there, _ := f.process(t)
		here, wire := f.process(t, slowPoll)
		fn.at(t, there.With(context.Background()), 20)
		ctx, end := here.Begin(context.Background())
		defer end()
		before := wire.Calls(tiertest.OpGetMulti)
		if calls := fn.at(t, ctx, 20, memo.BatchWindow(window)); calls != 0 {
			t.Errorf("%d calls of the loader for what others have stored", calls)
		}
		if n := wire.Calls(tiertest.OpGetMulti) - before; n > 2 { // the second is for the tags that the first has found
			t.Errorf("%d looks, want 2", n)
		}
	})
}

// What no codec can keep is never in the shared tier: to look there would be a round trip for nothing.
func TestTypeThatStaysInTheProcessIsNotLookedFor(t *testing.T) {
	t.Parallel()
	type lossy struct{ Public, private int }
	load := func(context.Context) (lossy, error) { return lossy{1, 2}, nil }
	for name, call := range map[string]func(ctx context.Context) error{
		"Do": func(ctx context.Context) error { _, err := memo.Do(ctx, "k", load); return err },
		"DoMany": func(ctx context.Context) error {
			_, err := memo.DoMany(ctx, []string{"k", "l"}, func(ctx context.Context, missing []string) (map[string]lossy, error) {
				return map[string]lossy{"k": {1, 2}, "l": {3, 4}}, nil
			})
			return err
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			here, wire := newFleet().process(t)
			between()
			wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:", Before: func(_ context.Context, _ tiertest.Op, keys []string) {
				t.Errorf("%s looks for %q", name, keys)
			}})
			must(t, call(here.With(context.Background())))
		})
	}
}

// Whose ctx has ended before does not even look, and begins no load that he leaves.
func TestCallerWhoHasLeftBeginsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		here, wire := f.process(t)
		between()
		looks := wire.Calls(tiertest.OpGetMulti)
		ctx, leave := context.WithCancel(here.With(context.Background()))
		leave()
		if _, err := memo.Do(ctx, "a", f.db.slow("a", time.Second)); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		synctest.Wait()
		if n := f.db.queries("a"); n != 0 || wire.Calls(tiertest.OpGetMulti) != looks {
			t.Errorf("%d queries and %d looks of nobody", n, wire.Calls(tiertest.OpGetMulti)-looks)
		}
	})
}

// 1. a caller looks; Close begins, and waits for him
// 2. his ctx ends, and so does his look. No load begins any more
// 3. closed, the cache is passed by: fn runs for somebody who has left
func TestCallerWhoLeavesWhileTheCacheIsClosedRunsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		wire := tiertest.NewFaulty(f.store)
		here, err := memo.New(memo.Config{Prefix: "t", Shared: wire, Logger: quiet})
		must(t, err)
		between()
		ctx, leave := context.WithCancel(here.With(context.Background()))
		var closing sync.WaitGroup
		atLook(wire, "t:v:a", func() {
			closing.Go(func() { must(t, here.Close(context.Background())) })
			time.Sleep(time.Millisecond)
			leave()
		})
		if _, err := memo.Do(ctx, "a", f.db.slow("a", time.Second)); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		closing.Wait()
		if n := f.db.queries("a"); n != 0 {
			t.Errorf("%d queries of nobody", n)
		}
	})
}
