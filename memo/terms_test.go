package memo_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// terms_test.go is about the options of a Func, which its loads share.

func TestWhatALoaderAmendsIsOfItsOwnLoadAlone(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(t.Context())
	var runs atomic.Int64
	get := memo.NewFunc(c, "user", func(ctx context.Context, id int) (int, error) {
		runs.Add(1)
		if id == 1 {
			memo.Amend(ctx, memo.Tags("first"))
		}
		return id, nil
	}, memo.TTL(time.Hour))
	for id := range 3 {
		mustGet(t, get, ctx, id, id)
	}
	if err := memo.InvalidateTags(ctx, "first"); err != nil {
		t.Fatal(err)
	}
	for id := range 3 {
		mustGet(t, get, ctx, id, id)
	}
	if n := runs.Load(); n != 4 {
		t.Errorf("%d runs, want 4: the tag was given to one of three", n)
	}
}

func TestANilThatIsNotKeptSaysNothingAboutTheNextValue(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(t.Context())
	var runs atomic.Int64
	get := memo.NewFunc(c, "user", func(_ context.Context, id int) (*user, error) {
		if runs.Add(1); id == 0 {
			return nil, nil
		}
		return &user{ID: id}, nil
	}, memo.SkipNil())
	for range 2 {
		for id := range 2 {
			if _, err := get.Do(ctx, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := runs.Load(); n != 3 {
		t.Errorf("%d runs, want 3: the nil twice, the value once", n)
	}
}

func TestAFuncHasTheDefaultsOfTheCacheThatItIsCalledUnder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		get := memo.NewFunc(nil, "user", func(_ context.Context, id int) (int, error) { runs.Add(1); return id, nil })
		short, long := newCache(t, memo.Config{}, memo.TTL(time.Minute)).With(t.Context()), newCache(t, memo.Config{}, memo.TTL(time.Hour)).With(t.Context())
		for range 2 {
			for id := range 2 {
				mustGet(t, get, short, id, id)
				mustGet(t, get, long, id, id)
			}
			time.Sleep(10 * time.Minute)
		}
		if n := runs.Load(); n != 6 {
			t.Errorf("%d runs, want 6: twice for two keys under a minute, once under an hour", n)
		}
	})
}

// 1. a Func without a cache gets another TTL
// 2. it meets its cache, and adds up its options for the calls to come
// 3. SetTTL(0): the declared TTL is back
func TestSetTTLThatIsOlderThanTheCacheEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		get := memo.NewFunc(nil, "user", func(_ context.Context, id int) (int, error) { runs.Add(1); return id, nil }, memo.TTL(time.Hour))
		get.SetTTL(time.Minute)
		ctx := newCache(t, memo.Config{}).With(t.Context())
		mustGet(t, get, ctx, 1, 1)
		get.SetTTL(0)
		mustGet(t, get, ctx, 2, 2)
		time.Sleep(10 * time.Minute)
		for id := 1; id <= 2; id++ {
			mustGet(t, get, ctx, id, id)
		}
		if n := runs.Load(); n != 3 {
			t.Errorf("%d runs, want 3: the second key has the declared TTL, of an hour", n)
		}
	})
}

func mustGet(t *testing.T, f *memo.Func[int, int], ctx context.Context, id, want int) {
	t.Helper()
	if v, err := f.Do(ctx, id); v != want || err != nil {
		t.Errorf("%d: got %d, %v", id, v, err)
	}
}
