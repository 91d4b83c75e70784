package memo_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/tiermemo/tiermemo/memo"
)

// Every value is kept, nil and zero too, and no error is: the tests of G10.

func TestG10_ErrorsAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, _ := f.process(t)
		ctx, end := c.Begin(context.Background())
		defer end()
		runs, broken := 0, errors.New("db down")
		for range 2 {
			_, err := memo.Do(ctx, "k", func(context.Context) (int, error) { runs++; return 7, broken })
			if !errors.Is(err, broken) {
				t.Fatal(err)
			}
		}
		if runs != 2 {
			t.Errorf("fn ran %d times for two failing calls, want 2", runs)
		}
		if v := f.db.do(t, ctx, "k"); v != 0 || f.db.queries("k") != 1 {
			t.Errorf("then version %d with %d queries", v, f.db.queries("k"))
		}
	})
}

func TestG10_NilZeroAndEmptyAreValues(t *testing.T) {
	type row struct{ N int }
	synctest.Test(t, func(t *testing.T) {
		keepsValue(t, "zero", 0, func(v int) bool { return v == 0 })
		keepsValue(t, "empty string", "", func(v string) bool { return v == "" })
		keepsValue(t, "false", false, func(v bool) bool { return !v })
		keepsValue(t, "nil pointer", (*row)(nil), func(v *row) bool { return v == nil })
		keepsValue(t, "nil slice", []int(nil), func(v []int) bool { return v == nil })
		keepsValue(t, "empty slice", []int{}, func(v []int) bool { return v != nil && len(v) == 0 })
		keepsValue(t, "nil bytes", []byte(nil), func(v []byte) bool { return v == nil })
		keepsValue(t, "empty bytes", []byte{}, func(v []byte) bool { return v != nil && len(v) == 0 })
		keepsValue(t, "nil map", map[string]int(nil), func(v map[string]int) bool { return v == nil })
		keepsValue(t, "zero struct", row{}, func(v row) bool { return v == row{} })
		keepsValue(t, "star", "*", func(v string) bool { return v == "*" })
	})
}

// keepsValue loads v once, and finds it in each tier.
func keepsValue[T any](t *testing.T, name string, v T, same func(T) bool) {
	t.Helper()
	f := newFleet()
	a, _ := f.process(t)
	b, _ := f.process(t)
	runs := 0
	for _, c := range []*memo.Cache{a, a, b, b} {
		ctx, end := c.Begin(context.Background())
		for range 2 {
			got, err := memo.Do(ctx, "k", func(context.Context) (T, error) { runs++; return v, nil })
			if err != nil || !same(got) {
				t.Errorf("%s: got %#v, %v", name, got, err)
			}
		}
		end()
	}
	if runs != 1 {
		t.Errorf("%s: fn ran %d times, want 1", name, runs)
	}
	if l3 := b.Snapshot().Total.L3; l3 != 1 {
		t.Errorf("%s: %d hits in the shared tier, want 1", name, l3)
	}
}

func TestG10_NilInterfaceIsAValue(t *testing.T) {
	c := newCache(t, memo.Config{})
	ctx, end := c.Begin(context.Background())
	defer end()
	runs := 0
	for range 3 {
		v, err := memo.Do(ctx, "k", func(context.Context) (error, error) { runs++; return nil, nil })
		if v != nil || err != nil {
			t.Fatal(v, err)
		}
	}
	if runs != 1 {
		t.Errorf("fn ran %d times, want 1", runs)
	}
}
