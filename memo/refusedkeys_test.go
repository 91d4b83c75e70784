package memo_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// One bad key among good ones: the write behind them is committed, so what can be
// invalidated is.

func TestGoodKeysAreInvalidatedBesideBadOnes(t *testing.T) {
	t.Parallel()
	bad := memo.Key("user", make(chan int))
	for name, test := range map[string]struct {
		keys []string
		says string
	}{
		"an empty one last":    {[]string{"a", "b", ""}, "memo: Invalidate: key 3 of 3: the key is empty; give it"},
		"an empty one first":   {[]string{"", "a", "b"}, "memo: Invalidate: key 1 of 3: the key is empty"},
		"a refused one":        {[]string{"a", bad, "b"}, "memo: Invalidate user: key 2 of 3: part 2 (chan int) has no value"},
		"a long one":           {[]string{"a", "user:" + strings.Repeat("x", 70<<10), "b"}, "memo: Invalidate user: key 2 of 3: the key has 71685 bytes"},
		"several, of which 1.": {[]string{"a", "", "b", bad}, "memo: Invalidate: key 2 of 4: the key is empty"},
		"none but bad ones":    {[]string{bad}, "memo: Invalidate user: part 2 (chan int)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				here, store := f.process(t)
				there, _ := f.process(t)
				request, end := here.Begin(context.Background())
				defer end()
				good := 0
				for _, key := range test.keys {
					if len(key) != 1 {
						continue
					}
					good++
					f.db.do(t, request, key)
					f.db.do(t, there.With(context.Background()), key)
					f.db.write(key)
				}
				err := memo.Invalidate(request, test.keys...)
				mistake(t, err, "Invalidate", test.says)
				if errors.Is(err, memo.ErrDeferred) {
					t.Errorf("%v: nothing was deferred", err)
				}
				time.Sleep(aPoll)
				for _, key := range []string{"a", "b"}[:good] {
					for who, ctx := range map[string]context.Context{"the request": request, "another process": there.With(context.Background())} {
						if v := f.db.do(t, ctx, key); v != 1 {
							t.Errorf("%s reads version %d of %s, want 1", who, v, key)
						}
					}
				}
				if n := here.Snapshot().Total.Invalidations.Keys; n != uint64(good) {
					t.Errorf("%d keys were invalidated, want %d", n, good)
				}

				defer store.Inject(tiertest.Fault{Err: errDown})()
				err = here.Invalidate(context.Background(), test.keys...)
				mistake(t, err, "Invalidate", test.says)
				if errors.Is(err, memo.ErrDeferred) != (good > 0) {
					t.Errorf("%v, want ErrDeferred besides: %t", err, good > 0)
				}
			})
		})
	}
	err := memo.Invalidate(context.Background(), "a", "")
	if mistake(t, err, "Invalidate", "key 2 of 2"); !errors.Is(err, memo.ErrNoCache) {
		t.Errorf("%v, want ErrNoCache besides", err)
	}
}

func TestRefusedKeysNameTheirKind(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{})
	ctx := c.With(context.Background())
	for verb, call := range verbs {
		mistake(t, call(ctx, memo.Key("rights", make(chan int))), verb, "memo: "+verb+" rights: ", "part 2 (chan int)")
		err := call(ctx, memo.Key(strings.Repeat("x", 70), make(chan int)))
		if mistake(t, err, verb, "part 2 (chan int)"); strings.Contains(err.Error(), "xxx") {
			t.Errorf("%s: %v shows what is too long for a name", verb, err)
		}
		err = call(ctx, memo.Key(make(chan int), "secret"))
		if mistake(t, err, verb, "part 1 (chan int)"); strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v shows a value", verb, err)
		}
	}
}
