package databases_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/tiermemo/tiermemo/adapters/sqltx"
	"github.com/tiermemo/tiermemo/memo"
)

// What a transaction tells others, and when.

var errBoom = errors.New("boom")

func commitInvalidates(t *testing.T, d *database) {
	for name, invalidate := range map[string]func(ctx context.Context, id int) error{
		"Invalidate":     func(ctx context.Context, id int) error { return memo.Invalidate(ctx, key(id)) },
		"InvalidateTags": func(ctx context.Context, id int) error { return memo.InvalidateTags(ctx, "numbers") },
		"InvalidateTree": func(ctx context.Context, id int) error { return memo.InvalidateTree(ctx, "number") },
		"InvalidateAll":  func(ctx context.Context, id int) error { return memo.InvalidateAll(ctx) },
		"Expire":         func(ctx context.Context, id int) error { return memo.Expire(ctx, key(id)) },
		"Set":            func(ctx context.Context, id int) error { return memo.Set(ctx, key(id), 1) },
	} {
		id, here, there := d.row(t), d.process(t), d.process(t)
		ctx := request(t, here)
		do(t, ctx, d, id)
		do(t, there.With(ctx), d, id)
		for _, fails := range []func() error{
			func() error { return errBoom },
			func() error { panic(errBoom) },
		} {
			before := here.Snapshot().Total.Invalidations
			func() {
				defer func() { _ = recover() }()
				err := sqltx.RunTx(ctx, d.DB, nil, func(ctx context.Context, tx *sql.Tx) error {
					must(t, set(ctx, tx, id, 1))
					must(t, invalidate(ctx, id))
					return fails()
				})
				if err != errBoom {
					t.Errorf("%s: %v, want fn's error", name, err)
				}
			}()
			if after := here.Snapshot().Total.Invalidations; after != before {
				t.Errorf("%s: a rollback invalidated %+v", name, after)
			}
			if n := do(t, ctx, d, id); n != 0 {
				t.Errorf("%s: %d after a rollback", name, n)
			}
		}
		must(t, sqltx.RunTx(ctx, d.DB, nil, func(ctx context.Context, tx *sql.Tx) error {
			return errors.Join(set(ctx, tx, id, 1), invalidate(ctx, id))
		}))
		for where, ctx := range map[string]context.Context{"its request": ctx, "its process": here.With(context.Background())} {
			if n := do(t, ctx, d, id); n != 1 {
				t.Errorf("%s: after the commit %s reads %d", name, where, n)
			}
		}
		d.settles(t, id, here, there)
	}
}

// 1. a transaction writes 1, and reads it through the cache, in every way
// 2. others read: 0
// 3. it is rolled back: others read 0 still
func uncommittedStaysInside(t *testing.T, d *database) {
	id, here, there := d.row(t), d.process(t), d.process(t)
	outer := request(t, here)
	others := func(when string) {
		t.Helper()
		for who, ctx := range map[string]context.Context{
			"its request": outer, "another request": request(t, here), "another process": there.With(context.Background()),
		} {
			if n := do(t, ctx, d, id); n != 0 {
				t.Errorf("%s %s reads %d, which is not committed", when, who, n)
			}
		}
	}
	err := sqltx.RunTx(outer, d.DB, nil, func(ctx context.Context, tx *sql.Tx) error {
		must(t, set(ctx, tx, id, 1))
		for range 2 { // before it tells of it, and after
			if n := do(t, ctx, tx, id); n != 1 {
				t.Errorf("the transaction reads %d", n)
			}
			if n := do(t, memo.Fresh(ctx), tx, id); n != 1 {
				t.Errorf("the transaction reads %d under Fresh", n)
			}
			if n, err := memo.Refresh(ctx, key(id), read(tx, id)); n != 1 || err != nil {
				t.Errorf("the transaction reads %d, %v by Refresh", n, err)
			}
			if n, err := memo.Get[int](outer, key(id)); !errors.Is(err, memo.ErrMiss) {
				t.Errorf("it stored %d, %v", n, err)
			}
			must(t, memo.Invalidate(ctx, key(id)))
			must(t, memo.Set(ctx, key(id), 1))
		}
		others("before the end")
		return errBoom
	})
	if err != errBoom {
		t.Error(err)
	}
	others("after the rollback")
}

// 1. a transaction begins, and sees 0 from now on
// 2. another one writes 1, commits, and invalidates
// 3. the first one, which writes nothing, loads 0
// 4. others read: 1
func snapshotStaysInside(t *testing.T, d *database) {
	id, here, there := d.row(t), d.process(t), d.process(t)
	outer := request(t, here)
	must(t, sqltx.RunTx(outer, d.DB, d.snapshot, func(ctx context.Context, tx *sql.Tx) error {
		if _, err := read(tx, id)(ctx); err != nil {
			return err
		}
		must(t, sqltx.RunTx(there.With(context.Background()), d.DB, nil, func(ctx context.Context, tx *sql.Tx) error {
			return errors.Join(set(ctx, tx, id, 1), memo.Invalidate(ctx, key(id)))
		}))
		if n := do(t, ctx, tx, id); n != 0 {
			t.Fatalf("the snapshot has %d", n)
		}
		if n := do(t, outer, d, id); n != 1 {
			t.Errorf("its request reads %d of the snapshot", n)
		}
		return nil
	}))
	d.settles(t, id, here, there)
}

// 1. a transaction writes 1, and tells of it
// 2. a reader loads 0
// 3. the transaction commits, and tells the others
// 4. the reader would keep 0
func loadOverlapsTheCommit(t *testing.T, d *database) {
	here, there := d.process(t), d.process(t)
	for _, reader := range []*memo.Cache{here, there} {
		id := d.row(t)
		begun, release, racing := make(chan struct{}), make(chan struct{}), make(chan error)
		must(t, sqltx.RunTx(here.With(context.Background()), d.DB, nil, func(ctx context.Context, tx *sql.Tx) error {
			must(t, set(ctx, tx, id, 1))
			must(t, memo.Invalidate(ctx, key(id)))
			go func() {
				_, err := memo.Do(reader.With(context.Background()), key(id), func(ctx context.Context) (int, error) {
					n, err := read(d, id)(ctx)
					close(begun)
					<-release
					return n, err
				})
				racing <- err
			}()
			<-begun
			return nil
		}))
		close(release)
		must(t, <-racing)
		d.settles(t, id, here, there)
	}
}

func memcachedAway(t *testing.T, d *database) {
	id, here := d.row(t), d.process(t)
	ctx := request(t, here)
	do(t, ctx, d, id)
	must(t, d.server.Kill())
	err := sqltx.RunTx(ctx, d.DB, nil, func(ctx context.Context, tx *sql.Tx) error {
		return errors.Join(set(ctx, tx, id, 1), memo.Invalidate(ctx, key(id)))
	})
	if !errors.Is(err, memo.ErrDeferred) {
		t.Errorf("%v, want ErrDeferred", err)
	}
	if n := do(t, ctx, d, id); n != 1 {
		t.Errorf("after the commit its request reads %d", n)
	}
	must(t, d.server.Restart())
	d.settles(t, id, here, d.process(t))
}

// A read in a transaction that waited for another request's load would wait for a connection
// that the transaction has itself, until a time-out.
func onlyConnection(t *testing.T, d *database) {
	id, here := d.row(t), d.process(t)
	db, err := d.open()
	must(t, err)
	defer func() { must(t, db.Close()) }()
	db.SetMaxOpenConns(1)
	outer := request(t, here)
	other := make(chan error)
	must(t, sqltx.RunTx(outer, db, nil, func(ctx context.Context, tx *sql.Tx) error {
		waits := make(chan struct{})
		go func() {
			_, err := memo.Do(outer, key(id), func(ctx context.Context) (int, error) { close(waits); return read(db, id)(ctx) })
			other <- err
		}()
		<-waits
		if n := do(t, ctx, tx, id); n != 0 {
			t.Errorf("the transaction reads %d", n)
		}
		return nil
	}))
	must(t, <-other)
}
