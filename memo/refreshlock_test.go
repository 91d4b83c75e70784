package memo_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// One refresh in the fleet: the lock beside the old value, who has it, who loses it,
// and what becomes of it when its holder dies.

// Four processes read for 20 expiries. The TTL is shorter than the life of a lock, so
// that one of the last version must not be in the way.
func TestOneLoadPerExpiryInAFleet(t *testing.T) {
	const ttl, expiries = 500 * time.Millisecond, 20
	for name, test := range map[string]struct {
		change []func(*memo.Config)
		opts   []memo.Option
	}{
		"without Stale":                     {nil, nil},
		"with Stale":                        {nil, []memo.Option{memo.Stale(time.Minute)}},
		"with Stale, without copies in L2":  {[]func(*memo.Config){withoutL2}, []memo.Option{memo.Stale(time.Minute)}},
		"without Stale, and copies in L2":   {[]func(*memo.Config){withoutL2}, nil},
		"with StaleIfError":                 {nil, []memo.Option{memo.StaleIfError(time.Minute)}},
		"with StaleIfError, without copies": {[]func(*memo.Config){withoutL2}, []memo.Option{memo.StaleIfError(time.Minute)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f, o := newFleet(), &origin{takes: 70 * time.Millisecond}
				opts := append([]memo.Option{memo.TTL(ttl)}, test.opts...)
				var all sync.WaitGroup
				for i := range 4 {
					c, _ := f.process(t, test.change...)
					all.Go(func() {
						for last := 0; last <= expiries; time.Sleep(time.Duration(7+i) * time.Millisecond) {
							v, err := memo.Do(c.With(context.Background()), "k", o.load, opts...)
							if err != nil || v < last {
								t.Errorf("version %d after %d, %v", v, last, err)
							}
							last = v
						}
					})
				}
				all.Wait()
				if o.most != 1 {
					t.Errorf("%d loads at once", o.most)
				}
				for i, asked := range o.asked[1:] {
					if pause := asked.Sub(o.answered[i]); pause < ttl-time.Millisecond || pause > ttl+50*time.Millisecond {
						t.Errorf("load %d began %v after the one before had ended, want the TTL of %v", i+2, pause, ttl)
					}
				}
			})
		})
	}
}

// The refresh begins before the end of the old value, and ends after it. Nobody has
// the old value then, and nobody loads beside.
func TestRefreshThatOutlastsTheOldValueIsTheOnlyLoad(t *testing.T) {
	for name, opts := range map[string][]memo.Option{
		"of Stale":        {memo.Stale(time.Second)},
		"of EarlyRefresh": {memo.Stale(0), memo.EarlyRefresh(100)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, o := newFleet(), &origin{takes: 2 * time.Second}
				a, _ := f.process(t)
				b, _ := f.process(t)
				ctxs := readers(a, b)
				_, err := o.get(ctxs[0], opts...)
				must(t, err)
				end := ttl
				if name == "of Stale" {
					end += time.Second
				}
				time.Sleep(end - 500*time.Millisecond) // of EarlyRefresh, the chance that it does not begin is 1 of 400
				for range 20 {
					o.gives(t, ctxs[0], 1, opts...)
				}
				time.Sleep(550 * time.Millisecond)
				begin := time.Now()
				v, err := o.get(ctxs[1], append(opts, memo.EarlyRefresh(0.001))...) // which would not refresh what is new
				if took := time.Since(begin); v != 2 || err != nil || took > 1500*time.Millisecond {
					t.Errorf("the other process got %d, %v after %v, want what the refresh brings", v, err, took)
				}
				for _, ctx := range ctxs {
					o.gives(t, ctx, 2, memo.EarlyRefresh(0))
				}
				synctest.Wait()
				o.ran(t, 2)
			})
		})
	}
}

// 1. a process takes the lock, and dies: nothing of it reaches the shared tier any more
// 2. the others read
// 3. the lock lapses, 2 s after it was taken or last renewed
func TestRefreshOfAProcessThatDiesIsDoneByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, o := newFleet(), &origin{takes: 300 * time.Millisecond}
		dead, store := f.process(t)
		b, _ := f.process(t)
		c, _ := f.process(t)
		ctxs := readers(dead, b, c)
		for _, ctx := range ctxs[:2] { // c has no copy
			_, err := o.get(ctx)
			must(t, err)
		}
		time.Sleep(over)
		died, hang := make(chan struct{}), make(chan struct{})
		v, err := memo.Do(ctxs[0], "k", func(context.Context) (int, error) {
			store.Inject(tiertest.Fault{Err: errDown})
			close(died)
			<-hang
			return -1, nil
		}, memo.TTL(ttl))
		hit(t, 1)(v, err)
		<-died
		begin := time.Now()
		for o.loads() == 1 {
			o.gives(t, ctxs[1], 1)
			o.gives(t, ctxs[2], 1)
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(begin); took < 1900*time.Millisecond || took > 2100*time.Millisecond {
			t.Errorf("the next refresh began %v after the holder's death, want 2s", took)
		}
		time.Sleep(400 * time.Millisecond)
		o.gives(t, ctxs[1], 2)
		o.gives(t, ctxs[2], 2)
		close(hang)
		time.Sleep(3 * time.Second)
		o.gives(t, ctxs[1], 2)
		o.gives(t, ctxs[2], 2)
		o.ran(t, 2)
	})
}

func TestSlowRefreshKeepsItsLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, o := newFleet(), &origin{takes: 10 * time.Second}
		a, _ := f.process(t)
		b, _ := f.process(t)
		c, _ := f.process(t)
		ctxs := readers(a, b, c)
		_, err := o.get(ctxs[0])
		must(t, err)
		time.Sleep(over)
		for begin := time.Now(); time.Since(begin) < 9900*time.Millisecond; time.Sleep(50 * time.Millisecond) {
			for _, ctx := range ctxs {
				o.gives(t, ctx, 1)
			}
		}
		time.Sleep(200 * time.Millisecond)
		for _, ctx := range ctxs {
			o.gives(t, ctx, 2)
		}
		o.ran(t, 2)
	})
}

// 1. one process has refreshed the value, and its lock stands for a while still
// 2. the next version ends, and another process reads it
// 3. by one lock for all versions, that one would wait
func TestLockOfOneVersionIsNotThatOfTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl = 500 * time.Millisecond
		f, o := newFleet(), &origin{}
		first, _ := f.process(t)
		second, _ := f.process(t)
		get := func(c *memo.Cache) {
			_, err := memo.Do(c.With(context.Background()), "k", o.load, memo.TTL(ttl), memo.Stale(time.Minute))
			must(t, err)
			synctest.Wait()
		}
		get(first)
		time.Sleep(ttl + 20*time.Millisecond)
		get(first)
		time.Sleep(ttl + 20*time.Millisecond)
		get(second)
		time.Sleep(100 * time.Millisecond)
		if n := o.loads(); n != 3 {
			t.Errorf("%d loads, want one, and one for each of two expiries", n)
		}
	})
}

// 1. a process looks, and finds the old value
// 2. another one refreshes it, from begin to end
// 3. the first one goes on: takes the lock, it thinks, and loads
func TestLateProcessDoesNotRefreshWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, o := newFleet(), &origin{}
		a, _ := f.process(t)
		late, store := f.process(t)
		ctxs := readers(a, late)
		o.gives(t, ctxs[0], 1)
		o.gives(t, ctxs[1], 1)
		time.Sleep(over)
		refreshed := make(chan struct{})
		defer store.Inject(tiertest.Fault{
			Ops: []tiertest.Op{tiertest.OpGetMulti}, Match: ":v:k", Times: 1,
			After: func(context.Context, tiertest.Op, []string) { <-refreshed },
		})()
		o.gives(t, ctxs[1], 1)
		synctest.Wait()
		o.gives(t, ctxs[0], 1)
		synctest.Wait()
		o.gives(t, ctxs[0], 2)
		close(refreshed)
		time.Sleep(100 * time.Millisecond)
		o.gives(t, ctxs[1], 2)
		o.ran(t, 2)
	})
}

// 1. a process with nothing in L2 finds a value that was expired, and refreshes it
// 2. it reads in the log that it was expired
func TestRefreshIsNotStoppedByWhatItHasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, o := newFleet(), &origin{takes: time.Second}
		a, _ := f.process(t)
		b, _ := f.process(t)
		ctxs := readers(a, b)
		_, err := o.get(ctxs[0])
		must(t, err)
		must(t, memo.Expire(ctxs[0], "k"))
		for range 110 {
			if v, err := o.get(ctxs[1]); v < 1 || err != nil {
				t.Errorf("%d, %v", v, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		o.gives(t, ctxs[1], 2)
		o.ran(t, 2)
	})
}

// A refresh that hangs, deaf to its ctx, has its LoadTimeout; then its lock lapses.
func TestRefreshThatHangsLosesItsLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, o := newFleet(), &origin{takes: 100 * time.Millisecond}
		a, _ := f.process(t)
		b, _ := f.process(t)
		ctxs := readers(a, b)
		for _, ctx := range ctxs {
			_, err := o.get(ctx)
			must(t, err)
		}
		time.Sleep(over)
		hang := make(chan struct{})
		hit(t, 1)(memo.Do(ctxs[0], "k", func(context.Context) (int, error) {
			<-hang
			return -1, nil
		}, memo.TTL(ttl), memo.LoadTimeout(5*time.Second)))
		synctest.Wait() // it has the lock
		begin := time.Now()
		for o.loads() == 1 {
			o.gives(t, ctxs[0], 1)
			o.gives(t, ctxs[1], 1)
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(begin); took < 6*time.Second || took > 7100*time.Millisecond {
			t.Errorf("the next refresh began after %v, want LoadTimeout and the life of a lock at most", took)
		}
		time.Sleep(200 * time.Millisecond)
		close(hang)
		synctest.Wait()
		o.gives(t, ctxs[0], 2)
		o.gives(t, ctxs[1], 2)
		o.ran(t, 2)
	})
}

// A refresh runs, and a reader comes who has no copy in L2. Whether it gets the value
// that is there is a matter of that value, and not of the reader's own options.
func TestReaderWithoutACopyDoesNotWaitForARefresh(t *testing.T) {
	for name, test := range map[string]struct {
		age  time.Duration
		opts []memo.Option
		says memo.Option
	}{
		"of a value that its loader made stale": {ttl + time.Second, nil, memo.Stale(time.Hour)},
		"that comes early":                      {ttl - 500*time.Millisecond, []memo.Option{memo.EarlyRefresh(100)}, memo.Stale(0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				c, _ := f.process(t, withoutL2)
				ctx := c.With(context.Background())
				runs := 0
				read := func() time.Duration {
					begin := time.Now()
					_, err := memo.Do(ctx, "k", func(ctx context.Context) (int, error) {
						runs++
						memo.Amend(ctx, test.says)
						time.Sleep(2 * time.Second)
						return runs, nil
					}, append([]memo.Option{memo.TTL(ttl)}, test.opts...)...)
					must(t, err)
					return time.Since(begin)
				}
				read()
				time.Sleep(test.age)
				for range 30 { // of EarlyRefresh, the chance that none begins it is small
					if took := read(); took > 0 {
						t.Fatalf("a reader waited for %v", took)
					}
					synctest.Wait()
				}
				if runs != 2 {
					t.Errorf("%d loads, want the first and one refresh", runs)
				}
				time.Sleep(3 * time.Second)
			})
		})
	}
}
