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

// ErrNotFound: an answer like another, which is kept if NegativeTTL says so.

// table is an origin that may have no row for who asks.
type table struct {
	origin
	empty bool
}

// read asks for the row, and says in its own words that there is none.
func (r *table) read(ctx context.Context) (int, error) {
	if v, err := r.load(ctx); !r.empty || err != nil {
		return v, err
	}
	return 0, fmt.Errorf("no row of table users has id 7: %w", memo.ErrNotFound)
}

func (r *table) get(ctx context.Context, opts ...memo.Option) (int, error) {
	return memo.Do(ctx, "k", r.read, append([]memo.Option{memo.TTL(ttl)}, opts...)...)
}

// absent fails the test unless a read finds that there is nothing.
func absent[T comparable](t *testing.T) func(v T, err error) {
	t.Helper()
	return func(v T, err error) {
		t.Helper()
		if v != *new(T) || !errors.Is(err, memo.ErrNotFound) {
			t.Errorf("got %v, %v, want ErrNotFound", v, err)
		}
	}
}

func TestNotFoundIsKeptForNegativeTTL(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		r := &table{empty: true}
		plain := c.With(context.Background())
		request, end := c.Begin(context.Background())
		defer end()
		other, endOther := c.Begin(context.Background())
		defer endOther()
		negative := memo.NegativeTTL(10 * time.Second)
		for _, ctx := range []context.Context{request, request, plain, other, other, plain} {
			absent[int](t)(r.get(ctx, negative))
			absent[int](t)(memo.Get[int](ctx, "k"))
			absent[string](t)(memo.Get[string](ctx, "k"))
			absent[string](t)(memo.Do(ctx, "k", loadText))
			absent[any](t)(memo.Do(ctx, "k", func(context.Context) (any, error) { return 1, nil }))
			if v, ok := memo.Peek[int](ctx, "k"); v != 0 || ok {
				t.Errorf("Peek found %d, %t", v, ok)
			}
			if v, ok := memo.Peek[any](ctx, "k"); ok {
				t.Errorf("Peek found %v, which has no type", v)
			}
		}
		r.ran(t, 1)
		if s := c.Snapshot().Total; s.Loads != 1 || s.Negative != 29 || s.Runs != 1 || s.RunErrors != 0 || s.Errors != 0 {
			t.Errorf("%d loads, %d negatives, %d runs, %d and %d errors, want 1, 29, 1, 0, 0", s.Loads, s.Negative, s.Runs, s.RunErrors, s.Errors)
		}
		time.Sleep(9990 * time.Millisecond)
		absent[int](t)(memo.Get[int](plain, "k"))
		time.Sleep(30 * time.Millisecond)
		if v, err := memo.Get[int](plain, "k"); !errors.Is(err, memo.ErrMiss) {
			t.Errorf("Get past the NegativeTTL: %d, %v, want ErrMiss", v, err)
		}
		absent[int](t)(r.get(plain, negative))
		r.ran(t, 2)
	})
}

func TestNotFoundIsKeptForTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, r := newFleet(), &table{empty: true}
		a, _ := f.process(t)
		b, _ := f.process(t)
		c, _ := f.process(t)
		ctxs := readers(a, b, c)
		absent[int](t)(r.get(ctxs[0], memo.NegativeTTL(10*time.Second)))
		absent[string](t)(memo.Do(ctxs[1], "k", loadText)) // of another type, which a value would be foreign to
		absent[int](t)(memo.Get[int](ctxs[2], "k"))
		r.ran(t, 1)
		time.Sleep(10*time.Second + 20*time.Millisecond)
		hit(t, 1<<30)(memo.Do(ctxs[1], "k", loadNumber))
	})
}

func TestNotFoundIsNotKeptWithoutNegativeTTL(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		r := &table{empty: true}
		request, end := c.Begin(context.Background())
		defer end()
		for range 2 {
			for _, ctx := range []context.Context{request, c.With(context.Background())} {
				_, err := r.get(ctx)
				if !errors.Is(err, memo.ErrNotFound) || err.Error() != "no row of table users has id 7: memo: not found" {
					t.Errorf("%v, want the loader's own error", err)
				}
			}
		}
		r.ran(t, 4)
		if s := c.Snapshot().Total; s.Loads != 4 || s.Negative != 0 || s.Entries != 0 {
			t.Errorf("%d loads, %d negatives, %d entries, want 4, 0, 0", s.Loads, s.Negative, s.Entries)
		}
	})
}

func TestNotFoundEndsWithAWrite(t *testing.T) {
	for name, write := range map[string]func(ctx context.Context) error{
		"Set": func(ctx context.Context) error { return memo.Set(ctx, "k", 7) },
		"Add": func(ctx context.Context) error {
			if added, err := memo.Add(ctx, "k", 7); !added || err != nil {
				return fmt.Errorf("added: %t, %w", added, err)
			}
			return nil
		},
		"Invalidate": func(ctx context.Context) error { return memo.Invalidate(ctx, "k") },
		"Expire":     func(ctx context.Context) error { return memo.Expire(ctx, "k") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, r := newFleet(), &table{empty: true}
				a, _ := f.process(t)
				b, _ := f.process(t)
				for _, ctx := range readers(a, b) {
					absent[int](t)(r.get(ctx, memo.NegativeTTL(time.Hour)))
				}
				request, end := a.Begin(context.Background())
				defer end()
				absent[int](t)(r.get(request))
				must(t, write(request))
				r.empty, r.takes = false, time.Millisecond
				for _, ctx := range append([]context.Context{request}, readers(a)...) {
					if v, err := r.get(ctx); v == 0 || err != nil {
						t.Errorf("got %d, %v after the %s", v, err, name)
					}
				}
				time.Sleep(150 * time.Millisecond)
				if v, err := r.get(b.With(context.Background())); v == 0 || err != nil {
					t.Errorf("the other process got %d, %v", v, err)
				}
			})
		})
	}
}

// What is no more is no answer to anybody, and stands in for no error.
func TestRefreshThatFindsNothingRemovesTheOldValue(t *testing.T) {
	for _, negative := range []time.Duration{0, 10 * time.Second} {
		t.Run(fmt.Sprint("NegativeTTL ", negative), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, r := newFleet(), &table{}
				a, _ := f.process(t)
				b, _ := f.process(t)
				c, _ := f.process(t)
				ctxs := readers(a, b, c)
				get := func(ctx context.Context) (int, error) {
					return r.get(ctx, memo.Stale(ttl), memo.StaleIfError(time.Hour), memo.NegativeTTL(negative))
				}
				for _, ctx := range ctxs[:2] { // c has no copy
					hit(t, 1)(get(ctx))
				}
				time.Sleep(over)
				r.empty = true
				hit(t, 1)(get(ctxs[0]))
				synctest.Wait()
				r.ran(t, 2)
				absent[int](t)(get(ctxs[0]))
				absent[int](t)(get(ctxs[2]))
				if v, err := get(ctxs[1]); err == nil && v != 1 || err != nil && !errors.Is(err, memo.ErrNotFound) { // it has not heard of it
					t.Errorf("the other process got %d, %v", v, err)
				}
				synctest.Wait()
				absent[int](t)(get(ctxs[1]))
				if n := r.loads(); (n == 2) != (negative > 0) {
					t.Errorf("%d loads", n)
				}
				r.fail(errOrigin)
				time.Sleep(10*time.Second + 20*time.Millisecond)
				for _, ctx := range ctxs {
					if v, err := get(ctx); !errors.Is(err, errOrigin) {
						t.Errorf("%d, %v: in place of an error stands what was found to be no more", v, err)
					}
				}
			})
		})
	}
}

func TestAmendKeepsANotFound(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx, r := c.With(context.Background()), &table{empty: true}
		for range 3 {
			absent[int](t)(memo.Do(ctx, "k", func(ctx context.Context) (int, error) {
				memo.Amend(ctx, memo.NegativeTTL(time.Second))
				return r.read(ctx)
			}))
		}
		r.ran(t, 1)
		time.Sleep(time.Second + 20*time.Millisecond)
		absent[int](t)(r.get(ctx))
		r.ran(t, 2)
	})
}

// A query that was cut short has found nothing: that says nothing.
func TestNotFoundOfALoadThatWasCutShortIsNotKept(t *testing.T) {
	aloneAndShared(t, func(t *testing.T, c *memo.Cache) {
		ctx := c.With(context.Background())
		must(t, memo.Set(ctx, "k", 1, memo.TTL(ttl), memo.StaleIfError(time.Hour)))
		time.Sleep(over)
		cut := func(ctx context.Context) (int, error) {
			<-ctx.Done()
			time.Sleep(time.Millisecond)
			return 0, memo.ErrNotFound
		}
		v, err := memo.Do(ctx, "k", cut, memo.LoadTimeout(time.Second), memo.NegativeTTL(time.Hour))
		hit(t, 1)(v, err)
		time.Sleep(2 * time.Second)
		v, err = memo.Do(ctx, "k", func(context.Context) (int, error) { return 0, errOrigin })
		hit(t, 1)(v, err)
	})
}
