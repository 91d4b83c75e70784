package examples_test

// cacheme_test.go is the code of docs/from-django.md about cacheme and
// django-keyedcache.

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memotest"
)

// library stands for the rows of the two programs.
type library struct {
	readers map[int][]int // by book
	queries int
	readsOf *memo.Func[int, []int]
}

// newLibrary is the program of cacheme.
func newLibrary(c *memo.Cache) *library {
	l := &library{readers: map[int][]int{1: {3, 5}}}
	l.readsOf = memo.NewFunc(c, "readers", l.query, memo.TTL(time.Minute), memo.Stale(10*time.Second),
		memo.TagsFrom(func(users []int) (tags []string) {
			for _, id := range users {
				tags = append(tags, memo.Key("user row", id))
			}
			return tags
		}))
	return l
}

func (l *library) query(_ context.Context, book int) ([]int, error) {
	l.queries++
	return slices.Clone(l.readers[book]), nil
}

func (l *library) insert(_ context.Context, book, user int) error {
	if user < 0 {
		return errors.New("no such user")
	}
	l.readers[book] = append(l.readers[book], user)
	return nil
}

func (l *library) Lend(ctx context.Context, book, user int) error {
	inside, tx := memo.BeginTx(ctx) // in place of signals: told after the commit, and not after a rollback
	defer tx.Discard()
	if err := l.insert(inside, book, user); err != nil {
		return err
	}
	if err := l.readsOf.Invalidate(inside, book); err != nil {
		return err
	}
	return told(tx.Commit(ctx)) // after the database's own
}

func renamed(ctx context.Context, user int) error {
	return told(memo.InvalidateTags(ctx, memo.Key("user row", user))) // create_invalidation(invalid_key=…)
}

func (l *library) Imported(ctx context.Context) error {
	return told(l.readsOf.InvalidateAll(ctx)) // tags["readers"].objects.invalid()
}

func TestFromCacheme(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := memotest.New(t)
		l := newLibrary(c.Cache)
		ctx := c.With(context.Background())
		read := func(queries int, want ...int) {
			t.Helper()
			users, err := l.readsOf.Do(ctx, 1)
			if err != nil || !slices.Equal(users, want) || l.queries != queries {
				t.Errorf("%v, %v after %d queries, want %v after %d", users, err, l.queries, want, queries)
			}
		}
		read(1, 3, 5)
		if err := renamed(ctx, 4); err != nil { // who reads something else
			t.Fatal(err)
		}
		read(1, 3, 5)
		if err := l.Lend(ctx, 1, 8); err != nil {
			t.Fatal(err)
		}
		read(2, 3, 5, 8)
		if err := l.Lend(ctx, 1, -1); err == nil {
			t.Error("lent to nobody")
		}
		read(2, 3, 5, 8)
		if err := renamed(ctx, 8); err != nil {
			t.Fatal(err)
		}
		read(3, 3, 5, 8)
		if err := l.Imported(ctx); err != nil {
			t.Fatal(err)
		}
		read(4, 3, 5, 8)
	})
}

// prices is the program of django-keyedcache.
type prices struct{ queries int }

func (p *prices) compute(_ context.Context, product int, currency string) (int, error) {
	p.queries++
	return product * len(currency), nil
}

func (p *prices) Price(ctx context.Context, product int, currency string) (int, error) {
	return memo.Do(ctx, memo.Key("price", product, currency), func(ctx context.Context) (int, error) {
		return p.compute(ctx, product, currency)
	}, memo.TTL(time.Minute))
}

func changed(ctx context.Context, product int) error {
	return told(memo.InvalidateTree(ctx, memo.Key("price", product))) // with its children, in every process
}

func TestFromKeyedcache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, p := memotest.New(t), &prices{}
		ctx := c.With(context.Background())
		read := func(product, queries int) {
			t.Helper()
			if v, err := p.Price(ctx, product, "EUR"); v != 3*product || err != nil || p.queries != queries {
				t.Errorf("%d, %v after %d queries, want %d after %d", v, err, p.queries, 3*product, queries)
			}
		}
		read(1, 1)
		read(10, 2)
		read(1, 2)
		if err := changed(ctx, 1); err != nil {
			t.Fatal(err)
		}
		read(1, 3)
		read(10, 3)
	})
}
