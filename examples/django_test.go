package examples_test

// django_test.go is the code of docs/from-django.md about django-memoize and
// django-cache-utils.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memotest"
)

// accounts stands for the rows of the two programs.
type accounts struct {
	queries int
	broken  bool
}

type membership struct{ Group, User string }

// groups is the program of django-memoize.
type groups struct {
	rows      *accounts
	hasMember *memo.Func[membership, bool]
}

func newGroups(c *memo.Cache, rows *accounts) *groups {
	g := &groups{rows: rows}
	g.hasMember = memo.NewFunc(c, "group.has_member", g.query, memo.TTL(time.Minute))
	return g
}

func (g *groups) query(_ context.Context, m membership) (bool, error) {
	g.rows.queries++
	return m.User != "nobody", nil
}

func (g *groups) Page(ctx context.Context, user string) (bool, error) {
	return g.hasMember.Do(ctx, membership{"demo", user})
}

func (g *groups) Leave(ctx context.Context, user string) error {
	return told(g.hasMember.Invalidate(ctx, membership{"demo", user})) // one call's value
}

func (g *groups) Close(ctx context.Context) error {
	return told(memo.InvalidateTree(ctx, memo.Key("group.has_member", "demo"))) // one owner's, by name alone
}

func (g *groups) Import(ctx context.Context) error {
	return told(g.hasMember.InvalidateAll(ctx)) // all of the function
}

func TestFromDjangoMemoize(t *testing.T) {
	t.Parallel()
	c, rows := memotest.New(t), &accounts{}
	g := newGroups(c.Cache, rows)
	ctx, end := c.Begin(context.Background())
	defer end()
	for i, forget := range []func() error{
		func() error { return nil },
		func() error { return g.Leave(ctx, "ann") },
		func() error { return g.Close(ctx) },
		func() error { return g.Import(ctx) },
	} {
		if err := forget(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if is, err := g.Page(ctx, "ann"); !is || err != nil {
				t.Fatal(is, err)
			}
		}
		if rows.queries != i+1 {
			t.Errorf("%d queries after %d deletions, want one more each", rows.queries, i)
		}
	}
}

// newReport declares the function of django-cache-utils.
func newReport(c *memo.Cache, rows *accounts) *memo.Func[int, []string] {
	return memo.NewFunc(c, "report", func(_ context.Context, year int) ([]string, error) {
		if rows.queries++; rows.broken {
			return nil, errors.New("the database is away")
		}
		return []string{fmt.Sprint("year ", year)}, nil
	}, memo.TTL(time.Hour), memo.Stale(30*time.Second), memo.Tags("reports"))
}

func refreshReport(ctx context.Context, report *memo.Func[int, []string], year int) ([]string, error) {
	return report.Refresh(ctx, year) // force_recalc
}

func cachedReport(ctx context.Context, report *memo.Func[int, []string], year int) ([]string, bool, error) {
	lines, err := report.Get(ctx, year) // require_cache
	if errors.Is(err, memo.ErrMiss) {
		return nil, false, nil
	}
	return lines, err == nil, err
}

func afterBooking(ctx context.Context, report *memo.Func[int, []string], year int) error {
	return told(report.Invalidate(ctx, year)) // invalidate
}

func afterClosing(ctx context.Context) error {
	return told(memo.InvalidateTags(ctx, "reports")) // invalidate_group
}

func TestFromDjangoCacheUtils(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, rows := memotest.New(t), &accounts{}
		report := newReport(c.Cache, rows)
		ctx := c.With(context.Background())
		if _, found, err := cachedReport(ctx, report, 2026); found || err != nil {
			t.Errorf("before: found %t, %v", found, err)
		}
		read := func(queries int) {
			t.Helper()
			if lines, err := report.Do(ctx, 2026); !slices.Equal(lines, []string{"year 2026"}) || err != nil || rows.queries != queries {
				t.Errorf("%q, %v after %d queries, want %d", lines, err, rows.queries, queries)
			}
		}
		read(1)
		read(1)
		if _, found, err := cachedReport(ctx, report, 2026); !found || err != nil {
			t.Errorf("then: found %t, %v", found, err)
		}
		if _, err := refreshReport(ctx, report, 2026); err != nil || rows.queries != 2 {
			t.Errorf("after a refresh: %d queries, %v", rows.queries, err)
		}
		for i, forget := range []func() error{
			func() error { return afterBooking(ctx, report, 2026) },
			func() error { return afterClosing(ctx) },
		} {
			if err := forget(); err != nil {
				t.Fatal(err)
			}
			read(3 + i)
		}
		time.Sleep(time.Hour + time.Second)
		rows.broken = true
		if lines, err := report.Do(ctx, 2026); len(lines) != 1 || err != nil {
			t.Errorf("past its time, with a database that is away: %q, %v", lines, err)
		}
		synctest.Wait()
	})
}
