package memo_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// joins_test.go is about callers who find a load of their key at work, and bring nothing
// along but that.

// five has five callers ask, of which the first leads, and returns what became of all of
// them and how often the loader ran. The load ends when all wait.
func five[T any](t *testing.T, ctx context.Context, load func() (T, error), opts ...memo.Option) (errs []error, runs int) {
	t.Helper()
	const callers = 5
	land, heard := make(chan struct{}), make(chan error, callers)
	for range callers {
		go func() {
			defer func() {
				if p := recover(); p != nil {
					heard <- fmt.Errorf("panicked: %v", p)
				}
			}()
			_, err := memo.Do(ctx, "key", func(context.Context) (T, error) {
				runs++ // one at a time
				<-land
				return load()
			}, opts...)
			heard <- err
		}()
		synctest.Wait()
	}
	close(land)
	for range callers {
		errs = append(errs, <-heard)
	}
	return errs, runs
}

func TestWhatALoadEndsWithIsForAllWhoJoinedIt(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		load func() (any, error)
		opts []memo.Option
		want func(error) bool
	}{
		"an error":                        {load: func() (any, error) { return nil, broken }, want: func(err error) bool { return errors.Is(err, broken) }},
		"that there is none":              {load: func() (any, error) { return nil, memo.ErrNotFound }, want: func(err error) bool { return errors.Is(err, memo.ErrNotFound) }},
		"the same, kept":                  {load: func() (any, error) { return nil, memo.ErrNotFound }, opts: []memo.Option{memo.NegativeTTL(time.Minute)}, want: func(err error) bool { return errors.Is(err, memo.ErrNotFound) }},
		"a nil that is not kept":          {load: func() (any, error) { return nil, nil }, opts: []memo.Option{memo.SkipNil()}, want: func(err error) bool { return err == nil }},
		"a value that no tier is to keep": {load: func() (any, error) { return 7, nil }, opts: []memo.Option{memo.NoStore()}, want: func(err error) bool { return err == nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCache(t, memo.Config{})
				errs, runs := five(t, c.With(t.Context()), test.load, test.opts...)
				for i, err := range errs {
					if !test.want(err) {
						t.Errorf("caller %d got %v", i, err)
					}
				}
				if runs != 1 {
					t.Errorf("%d runs, want 1", runs)
				}
			})
		})
	}
}

func TestWhoJoinsALoadThatPanicsGetsAPanicError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		errs, runs := five(t, c.With(t.Context()), func() (int, error) { panic("oh") })
		panicked := 0
		for _, err := range errs {
			if p := (*memo.PanicError)(nil); !errors.As(err, &p) {
				panicked++
			}
		}
		if panicked != 1 || runs != 1 {
			t.Errorf("%d callers panicked in %d runs, want 1 in 1", panicked, runs)
		}
	})
}

func TestWhoJoinsALoadOfAnotherTypeIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx := c.With(t.Context())
		land, heard := make(chan struct{}), make(chan error, 1)
		go func() {
			_, _ = memo.Do(ctx, "key", func(context.Context) (string, error) { <-land; return "text", nil }, memo.NoStore())
		}()
		synctest.Wait()
		go func() {
			_, err := memo.Do(ctx, "key", func(context.Context) (int, error) { t.Error("it ran"); return 7, nil })
			heard <- err
		}()
		synctest.Wait()
		close(land)
		if wrong := (*memo.TypeError)(nil); !errors.As(<-heard, &wrong) || wrong.Key != "key" {
			t.Errorf("got %v", wrong)
		}
		if s := c.Snapshot().Total; s.Errors != 1 || s.Joined != 0 {
			t.Errorf("counted %d errors and %d joined, want 1 and 0", s.Errors, s.Joined)
		}
	})
}

func TestWhoJoinsALoadLeavesByItsOwnCtx(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx := c.With(t.Context())
		load := func(context.Context) (int, error) { time.Sleep(time.Minute); return 7, nil }
		led := make(chan int, 1)
		go func() {
			v, _ := memo.Do(ctx, "key", load, memo.LoadTimeout(time.Hour))
			led <- v
		}()
		synctest.Wait()
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := memo.Do(short, "key", load); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
			t.Errorf("got %v after %v, want the end of its ctx after a second", err, time.Since(begin))
		}
		if v := <-led; v != 7 {
			t.Errorf("the leader got %d", v)
		}
	})
}

// Outside of a request a call has no memory to keep what it gets in; in one it has.
func TestWhoJoinsInARequestKeepsItThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		land, runs, heard := make(chan struct{}), 0, make(chan int, 1)
		load := func(context.Context) (int, error) { runs++; <-land; return runs, nil }
		go func() { _, _ = memo.Do(c.With(t.Context()), "key", load, memo.NoStore()) }()
		synctest.Wait()
		request, end := c.Begin(t.Context())
		defer end()
		go func() {
			v, _ := memo.Do(request, "key", load, memo.NoStore())
			heard <- v
		}()
		synctest.Wait()
		close(land)
		first := <-heard
		if again, err := memo.Do(request, "key", load, memo.NoStore()); again != first || err != nil || runs != 1 {
			t.Errorf("got %d, then %d, %v in %d runs, want the same of one run", first, again, err, runs)
		}
	})
}

func TestOldValueStandsInAlsoWhileALoadRunsForAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx := c.With(t.Context())
		opts := []memo.Option{memo.TTL(time.Minute), memo.StaleIfError(time.Hour)}
		if err := memo.Set(ctx, "key", 1, opts...); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		fails := func(context.Context) (int, error) { return 0, errors.New("broken") }
		if v, err := memo.Do(ctx, "key", fails, opts...); v != 1 || err != nil {
			t.Fatalf("got %d, %v", v, err)
		}
		ended := make(chan struct{})
		go func() { // wants what is new, and loads
			defer close(ended)
			_, _ = memo.Do(memo.Fresh(ctx), "key", func(context.Context) (int, error) { time.Sleep(time.Hour); return 2, nil }, opts...)
		}()
		synctest.Wait()
		begin := time.Now()
		if v, err := memo.Do(ctx, "key", fails, opts...); v != 1 || err != nil || time.Since(begin) != 0 {
			t.Errorf("got %d, %v after %v, want the old value at once", v, err, time.Since(begin))
		}
		<-ended
	})
}

func TestWhoJoinsWithACloneGetsACopy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		ctx := c.With(t.Context())
		land, heard := make(chan struct{}), make(chan *user, 2)
		load := func(context.Context) (*user, error) { <-land; return &user{ID: 7}, nil }
		for _, opts := range [][]memo.Option{nil, {memo.Clone(func(u *user) *user { copied := *u; return &copied })}} {
			go func() {
				u, _ := memo.Do(ctx, "key", load, opts...)
				heard <- u
			}()
			synctest.Wait()
		}
		close(land)
		if a, b := <-heard, <-heard; a == b || a.ID != b.ID {
			t.Errorf("got %p and %p, want a copy", a, b)
		}
	})
}

// 1. a goroutine of the request waits for a load that began before
// 2. another one invalidates the key
// 3. the load ends with the old value, which is the first one's answer, and not the request's
func TestWhoJoinsInARequestThatInvalidatesMeanwhileKeepsNothingThere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		land, heard := make(chan struct{}), make(chan int, 1)
		old := func(context.Context) (int, error) { <-land; return 1, nil }
		go func() { _, _ = memo.Do(c.With(t.Context()), "key", old) }()
		synctest.Wait()
		request, end := c.Begin(t.Context())
		defer end()
		go func() {
			v, _ := memo.Do(request, "key", func(context.Context) (int, error) { t.Error("it ran"); return 0, nil })
			heard <- v
		}()
		synctest.Wait()
		if err := memo.From(request).Invalidate(request, "key"); err != nil {
			t.Fatal(err)
		}
		close(land)
		if v := <-heard; v != 1 {
			t.Errorf("who had asked before got %d, want what it waited for", v)
		}
		if v, err := memo.Do(request, "key", func(context.Context) (int, error) { return 2, nil }); v != 2 || err != nil {
			t.Errorf("after the invalidation the request got %d, %v, want 2", v, err)
		}
	})
}

// What others load is out of date while one goroutine of a request waits for it, and another
// runs the loader: the request has one value all the same, the first.
func TestGoroutinesOfARequestHaveOneValueWhetherTheyJoinOrLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		lands, heard := []chan struct{}{make(chan struct{}), make(chan struct{})}, make(chan int, 2)
		load := func(which int) func(context.Context) (int, error) {
			return func(context.Context) (int, error) { <-lands[which]; return which, nil }
		}
		go func() { _, _ = memo.Do(c.With(t.Context()), "key", load(0)) }()
		synctest.Wait()
		request, end := c.Begin(t.Context())
		defer end()
		ask := func() {
			v, _ := memo.Do(request, "key", load(1))
			heard <- v
		}
		go ask()
		synctest.Wait()
		if err := c.Invalidate(c.With(t.Context()), "key"); err != nil {
			t.Fatal(err)
		}
		go ask()
		synctest.Wait()
		close(lands[0])
		first := <-heard
		close(lands[1])
		second := <-heard
		third, err := memo.Do(request, "key", func(context.Context) (int, error) { t.Error("it ran"); return 3, nil })
		if first != second || second != third || err != nil {
			t.Errorf("got %d, %d and %d, %v, want one value", first, second, third, err)
		}
	})
}
