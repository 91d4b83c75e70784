package sqltx_test

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/adapters/sqltx"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// How a transaction may end, and what becomes of its invalidations.

func newCache(t *testing.T, cfg memo.Config) *memo.Cache {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	c, err := memo.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil && !errors.Is(err, memo.ErrDeferred) {
			t.Error(err)
		}
	})
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// look reads the row through the cache of ctx.
func look(t *testing.T, ctx context.Context, d *toy) int {
	t.Helper()
	v, err := memo.Do(ctx, "row", func(context.Context) (int, error) { return d.read(), nil })
	must(t, err)
	return v
}

// write writes 7, and tells of it.
func write(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, "write", 7); err != nil {
		return err
	}
	return memo.Invalidate(ctx, "row")
}

var errBoom = errors.New("boom")

func TestWhatBecomesOfTheInvalidations(t *testing.T) {
	t.Parallel()
	type end = func(cancel func(), tx *sql.Tx) error
	for name, c := range map[string]struct {
		toy       *toy // nil: one that does not fail
		end       end
		want      error // errors.Is
		committed bool
		told      bool
	}{
		"fn returns nil":     {end: func(func(), *sql.Tx) error { return nil }, committed: true, told: true},
		"fn fails":           {end: func(func(), *sql.Tx) error { return errBoom }, want: errBoom},
		"fn panics":          {end: func(func(), *sql.Tx) error { panic(errBoom) }},
		"fn calls Goexit":    {end: func(func(), *sql.Tx) error { runtime.Goexit(); return nil }},
		"the commit fails":   {toy: &toy{commit: errBoom}, end: func(func(), *sql.Tx) error { return nil }, want: errBoom, told: true},
		"the commit is lost": {toy: &toy{commit: driver.ErrBadConn, lost: true}, end: func(func(), *sql.Tx) error { return nil }, want: driver.ErrBadConn, committed: true, told: true},
		"fn commits":         {end: func(_ func(), tx *sql.Tx) error { return tx.Commit() }, want: sql.ErrTxDone, committed: true, told: true},
		"fn commits, and fails": {end: func(_ func(), tx *sql.Tx) error { return errors.Join(tx.Commit(), errBoom) }, want: errBoom,
			committed: true, told: true},
		"fn commits, and panics": {end: func(_ func(), tx *sql.Tx) error { panic(tx.Commit()) }, committed: true, told: true},
		"fn rolls back":          {end: func(_ func(), tx *sql.Tx) error { return tx.Rollback() }, want: sql.ErrTxDone, told: true},
		"ctx ends":               {end: func(cancel func(), _ *sql.Tx) error { cancel(); return nil }, want: context.Canceled, told: true},
		"the begin fails":        {toy: &toy{begin: errBoom}, want: errBoom},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := cmp.Or(c.toy, &toy{})
			db, cache := d.opened(t), newCache(t, memo.Config{})
			outer := cache.With(context.Background())
			look(t, outer, d)
			ctx, cancel := context.WithCancel(outer)
			defer cancel()
			var err error
			ended := make(chan struct{})
			go func() { // which Goexit ends
				defer close(ended)
				defer func() { _ = recover() }()
				err = sqltx.RunTx(ctx, db, nil, func(ctx context.Context, tx *sql.Tx) error {
					must(t, write(ctx, tx))
					return c.end(cancel, tx)
				})
			}()
			<-ended
			if c.want == nil && err != nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("RunTx: %v, want %v", err, c.want)
			}
			want := 0
			if c.committed {
				want = 7
			}
			if v := d.read(); v != want {
				t.Errorf("the row is %d, want %d", v, want)
			}
			if n := cache.Snapshot().Total.Invalidations.Keys; n == 1 != c.told {
				t.Errorf("%d keys were invalidated, want that they are: %t", n, c.told)
			}
			if v := look(t, outer, d); v != want {
				t.Errorf("others read %d, want %d", v, want)
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			if ends := d.committed + d.undone; d.commit == nil && ends != d.begun {
				t.Errorf("%d transactions were begun, and %d ended", d.begun, ends)
			}
			if n := db.Stats().InUse; n != 0 {
				t.Errorf("%d connections are in use", n)
			}
		})
	}
}

// The Tx ends after the transaction, or who reads in between keeps the wrong row:
//
//  1. others are told, read the old row again, and the transaction commits
//  2. nothing is hidden any more, a goroutine of fn keeps what is uncommitted for all, and the
//     transaction is rolled back
func TestTransactionEndsBeforeItsTx(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]error{"commit": nil, "rollback": errBoom} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, cache := &toy{}, newCache(t, memo.Config{})
			outer := cache.With(context.Background())
			var inside context.Context
			d.ending = func() {
				if v := look(t, outer, d); v != 0 {
					t.Errorf("others read %d", v)
				}
				v, err := memo.Do(inside, "another", func(context.Context) (int, error) { return 7, nil })
				if v != 7 || err != nil {
					t.Errorf("a goroutine of fn reads %d, %v", v, err)
				}
			}
			err := sqltx.RunTx(outer, d.opened(t), nil, func(ctx context.Context, tx *sql.Tx) error {
				inside = ctx
				return errors.Join(write(ctx, tx), end)
			})
			if !errors.Is(err, end) {
				t.Errorf("RunTx: %v, want %v", err, end)
			}
			if v, want := look(t, outer, d), d.read(); v != want {
				t.Errorf("others read %d, want %d", v, want)
			}
			if v, err := memo.Get[int](outer, "another"); !errors.Is(err, memo.ErrMiss) {
				t.Errorf("others read %d, %v of what was uncommitted", v, err)
			}
			if memo.InTx(inside) {
				t.Error("the ctx of fn is in a Tx still")
			}
		})
	}
}

// database/sql rolls back when ctx ends, and says of the commit only that there is no
// transaction any more.
func TestEndOfTheContextIsTheError(t *testing.T) {
	t.Parallel()
	undone := make(chan struct{})
	d := &toy{ending: func() { close(undone) }}
	ctx, cancel := context.WithCancel(newCache(t, memo.Config{}).With(context.Background()))
	defer cancel()
	err := sqltx.RunTx(ctx, d.opened(t), nil, func(context.Context, *sql.Tx) error {
		cancel()
		<-undone
		return nil
	})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, sql.ErrTxDone) {
		t.Errorf("RunTx: %v, want that ctx has ended", err)
	}
}

func TestTransactionReadsItsOwn(t *testing.T) {
	t.Parallel()
	d, cache := &toy{}, newCache(t, memo.Config{})
	outer := cache.With(context.Background())
	look(t, outer, d)
	must(t, sqltx.RunTx(outer, d.opened(t), nil, func(ctx context.Context, tx *sql.Tx) error {
		must(t, write(ctx, tx))
		v, err := memo.Do(ctx, "row", func(ctx context.Context) (v int, err error) {
			err = tx.QueryRowContext(ctx, "read").Scan(&v)
			return v, err
		})
		if v != 7 || err != nil {
			t.Errorf("the transaction reads %d, %v; want its own", v, err)
		}
		if v := look(t, outer, d); v != 0 {
			t.Errorf("others read %d", v)
		}
		return nil
	}))
	if v := look(t, outer, d); v != 7 {
		t.Errorf("after the commit %d", v)
	}
}

// An ErrDeferred says that the write is committed, and only then.
func TestDeferredMeansCommitted(t *testing.T) {
	t.Parallel()
	down := tiertest.Fault{Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		toy      *toy // nil: one that does not fail
		fn       func(outer, ctx context.Context) error
		deferred bool
	}{
		"the shared tier is away":                     {deferred: true},
		"and the commit fails":                        {toy: &toy{commit: errBoom}},
		"and the commit fails with another one's":     {toy: &toy{commit: fmt.Errorf("elsewhere: %w", memo.ErrDeferred)}},
		"fn invalidates by the ctx from outside":      {fn: func(outer, _ context.Context) error { return memo.Invalidate(outer, "row") }},
		"fn says that it is deferred, in other words": {fn: func(context.Context, context.Context) error { return errors.Join(errBoom, memo.ErrDeferred) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := cmp.Or(c.toy, &toy{})
			store := tiertest.NewFaulty(tiertest.NewMemory())
			outer := newCache(t, memo.Config{Prefix: "t", Shared: store}).With(context.Background())
			look(t, outer, d)
			defer store.Inject(down)()
			err := sqltx.RunTx(outer, d.opened(t), nil, func(ctx context.Context, tx *sql.Tx) error {
				must(t, write(ctx, tx))
				if c.fn != nil {
					return c.fn(outer, ctx)
				}
				return nil
			})
			if err == nil || errors.Is(err, memo.ErrDeferred) != c.deferred || d.read() == 7 != c.deferred {
				t.Errorf("%v, and the row is %d; want ErrDeferred: %t", err, d.read(), c.deferred)
			}
			if !c.deferred && errors.Is(err, errBoom) && !strings.HasPrefix(err.Error(), "sqltx: commit: ") {
				t.Errorf("the error of the commit reads %q", err)
			}
		})
	}
}

func TestRunTxInsideOfATransactionIsRefused(t *testing.T) {
	t.Parallel()
	d, cache := &toy{}, newCache(t, memo.Config{})
	db, outer := d.opened(t), cache.With(context.Background())
	none := func(context.Context, *sql.Tx) error { t.Error("fn is called"); return nil }
	must(t, sqltx.RunTx(outer, db, nil, func(ctx context.Context, tx *sql.Tx) error {
		if err := sqltx.RunTx(ctx, db, nil, none); !errors.Is(err, sqltx.ErrNested) {
			t.Errorf("inside of a RunTx: %v, want ErrNested", err)
		}
		return sqltx.RunTx(outer, db, nil, write) // one of its own
	}))
	ctx, tx := memo.BeginTx(outer)
	if err := sqltx.RunTx(ctx, db, nil, none); !errors.Is(err, sqltx.ErrNested) {
		t.Errorf("inside of a Tx: %v, want ErrNested", err)
	}
	tx.Discard()
	must(t, sqltx.RunTx(ctx, db, nil, write))
}

func TestWrongCallsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	db := (&toy{}).opened(t)
	var none context.Context
	for what, err := range map[string]error{
		"ctx is nil": sqltx.RunTx(none, db, nil, write),
		"db is nil":  sqltx.RunTx(context.Background(), nil, nil, write),
		"fn is nil":  sqltx.RunTx(context.Background(), db, nil, nil),
	} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want that %s", err, what)
		}
	}
	if err := sqltx.RunTx(context.Background(), db, nil, write); !errors.Is(err, memo.ErrNoCache) {
		t.Errorf("without a cache: %v, want ErrNoCache", err)
	}
}
