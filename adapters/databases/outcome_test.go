package databases_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tiermemo/tiermemo/adapters/sqltx"
	"github.com/tiermemo/tiermemo/memo"
)

// Commits of which the client cannot tell what became of them.

// cutter is a connection that dies around a commit.
type cutter struct {
	net.Conn
	before bool        // the server does not get the commit; else it does, and its answer is lost
	dead   atomic.Bool // a commit was sent
}

func (c *cutter) Write(p []byte) (int, error) {
	if !bytes.Contains(p, []byte("commit")) {
		return c.Conn.Write(p)
	}
	c.dead.Store(true)
	if c.before {
		return 0, errors.Join(net.ErrClosed, c.Close())
	}
	return c.Conn.Write(p)
}

func (c *cutter) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.dead.Load() { // the server has answered, or is gone
		return 0, errors.Join(net.ErrClosed, c.Close())
	}
	return n, err
}

func lostAnswer(t *testing.T, d *database) { cut(t, d, false, 1) }
func lostCommit(t *testing.T, d *database) { cut(t, d, true, 0) }

func cut(t *testing.T, d *database, before bool, want int) {
	id, here, there := d.row(t), d.process(t), d.process(t)
	ctx := request(t, here)
	do(t, ctx, d, id)
	do(t, there.With(ctx), d, id)
	db := d.dial(t, func(c net.Conn) net.Conn { return &cutter{Conn: c, before: before} })
	err := sqltx.RunTx(ctx, db, nil, func(ctx context.Context, tx *sql.Tx) error {
		return errors.Join(set(ctx, tx, id, 1), memo.Invalidate(ctx, key(id)))
	})
	if err == nil || errors.Is(err, memo.ErrDeferred) {
		t.Errorf("RunTx: %v, want that the commit failed", err)
	}
	if n := do(t, ctx, d, id); n != want {
		t.Errorf("its request reads %d, want %d", n, want)
	}
	d.settles(t, id, here, there)
}

// A statement failed, fn goes on as if nothing had been, and PostgreSQL makes a rollback of
// the commit.
func refusedCommit(t *testing.T, d *database) {
	id, here := d.row(t), d.process(t)
	ctx := request(t, here)
	do(t, ctx, d, id)
	err := sqltx.RunTx(ctx, d.DB, nil, func(ctx context.Context, tx *sql.Tx) error {
		must(t, set(ctx, tx, id, 1))
		_, _ = tx.ExecContext(ctx, "SELECT 1/0")
		return memo.Invalidate(ctx, key(id))
	})
	if !errors.Is(err, pgx.ErrTxCommitRollback) {
		t.Errorf("RunTx: %v, want that the commit was a rollback", err)
	}
	if n := do(t, ctx, d, id); n != 0 {
		t.Errorf("its request reads %d, want 0", n)
	}
}
