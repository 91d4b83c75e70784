package memo_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/memo"
)

// Calls that find no cache in their ctx: reads work, writes say so, and the log
// has it once. There is no cache, so no Config.Logger: the tests listen to
// slog.Default, and are not parallel.

// listen returns what slog.Default is told until the test ends, in a process
// that has not logged anything yet.
func listen(t *testing.T) *diary {
	t.Helper()
	logger, out, flags, d := slog.Default(), log.Writer(), log.Flags(), &diary{}
	memo.ForgetUncached()
	slog.SetDefault(d.logger())
	t.Cleanup(func() {
		slog.SetDefault(logger) // which leaves package log with d
		log.SetOutput(out)
		log.SetFlags(flags)
		memo.ForgetUncached()
	})
	return d
}

func TestCallsWithoutACache(t *testing.T) {
	type own struct{}
	said, runs := listen(t), 0
	ctx := context.WithValue(context.Background(), own{}, "request")
	for range 2 {
		v, err := memo.Do(ctx, "user:0a1b2c3d", func(got context.Context) (int, error) {
			if got != ctx {
				t.Error("fn did not get its caller's ctx")
			}
			runs++
			return runs, nil
		})
		if v != runs || err != nil {
			t.Errorf("run %d: got %d, %v", runs, v, err)
		}
	}
	if runs != 2 {
		t.Errorf("fn ran %d times for two calls, want 2", runs)
	}
	if log := said.String(); strings.Count(log, "\n") != 1 || !strings.Contains(log, "install the middleware or call Begin") ||
		!strings.Contains(log, "name=user") || strings.Contains(log, "0a1b2c3d") {
		t.Errorf("the log says\n%s\nwant one line with the key's name and not the key", log)
	}
	for verb, want := range map[string]error{"Get": memo.ErrMiss, "Set": memo.ErrNoCache, "Invalidate": memo.ErrNoCache} {
		if err := verbs[verb](ctx, "k"); !errors.Is(err, want) {
			t.Errorf("%s without a cache: %v, want %v", verb, err, want)
		}
	}
	if err := memo.InvalidateAll(ctx); !errors.Is(err, memo.ErrNoCache) {
		t.Errorf("InvalidateAll without a cache: %v, want ErrNoCache", err)
	}
}

func TestLogOfCallsWithoutACacheIsBounded(t *testing.T) {
	const names, most = 1000, 200
	said := listen(t)
	for range 2 {
		for i := range names {
			must(t, verbs["Do"](context.Background(), memo.Key(fmt.Sprint("n", i), "k")))
		}
	}
	if n := strings.Count(said.String(), "\n"); n != most {
		t.Errorf("%d lines for %d names, want %d", n, names, most)
	}
}
