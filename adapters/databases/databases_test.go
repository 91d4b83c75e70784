// Package databases_test shows with real databases what package sqltx says: SQLite, in a
// file, and PostgreSQL, each below two processes' caches on a real memcached. It is a
// module of its own, so that whoever uses sqltx downloads no driver.
package databases_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "github.com/mattn/go-sqlite3"
	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/internal/pgserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/memcached"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// behaviours are what holds on every database.
var behaviours = map[string]func(t *testing.T, d *database){
	"commit invalidates, and rollback never":                        commitInvalidates,
	"an uncommitted value reaches nobody else":                      uncommittedStaysInside,
	"an old row of a snapshot is not stored":                        snapshotStaysInside,
	"a load that overlaps the commit leaves nothing":                loadOverlapsTheCommit,
	"a hundred thousand racing reads leave nothing":                 racingReads,
	"a memcached that is away defers the invalidation":              memcachedAway,
	"a transaction that holds the only connection waits for nobody": onlyConnection,
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "test.db")
	d := newDatabase(t, func() (*sql.DB, error) {
		return sql.Open("sqlite3", "file:"+file+"?_journal_mode=WAL&_busy_timeout=60000&_synchronous=OFF")
	})
	each(t, d)
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	server := pgserver.ForTest(t)
	d := newDatabase(t, func() (*sql.DB, error) { return sql.Open("pgx", server.DSN()) })
	d.snapshot = &sql.TxOptions{Isolation: sql.LevelRepeatableRead}
	d.dial = func(t *testing.T, wrap func(net.Conn) net.Conn) *sql.DB {
		cfg, err := pgx.ParseConfig(server.DSN())
		must(t, err)
		dial := cfg.DialFunc
		cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return wrap(c), nil
		}
		db := stdlib.OpenDB(*cfg)
		t.Cleanup(func() { must(t, db.Close()) })
		return db
	}
	each(t, d)
	t.Run("a commit whose answer is lost invalidates", d.with(lostAnswer))
	t.Run("a commit that never arrives leaves what was", d.with(lostCommit))
	t.Run("a commit that the database refuses leaves what was", d.with(refusedCommit))
}

func each(t *testing.T, d *database) {
	for name, behaviour := range behaviours {
		t.Run(name, d.with(behaviour))
	}
}

// database is a database with a table of numbers.
type database struct {
	*sql.DB
	open     func() (*sql.DB, error)
	dial     func(t *testing.T, wrap func(net.Conn) net.Conn) *sql.DB // nil: it is no server
	snapshot *sql.TxOptions                                           // for a transaction that sees what was there at its first statement

	ids    int
	server *mcserver.Server // of the test that runs
}

func newDatabase(t *testing.T, open func() (*sql.DB, error)) *database {
	t.Helper()
	db, err := open()
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	_, err = db.Exec("CREATE TABLE numbers (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)")
	must(t, err)
	return &database{DB: db, open: open}
}

// with is a test on a memcached of its own.
func (d *database) with(test func(t *testing.T, d *database)) func(t *testing.T) {
	return func(t *testing.T) {
		d.server = mcserver.ForTest(t)
		test(t, d)
	}
}

// row adds a number, 0, and returns its id.
func (d *database) row(t *testing.T) int {
	t.Helper()
	d.ids++
	_, err := d.Exec(fmt.Sprintf("INSERT INTO numbers VALUES (%d, 0)", d.ids))
	must(t, err)
	return d.ids
}

// querier is a *sql.DB or a *sql.Tx.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// read is a loader of the number id, by q.
func read(q querier, id int) func(context.Context) (int, error) {
	return func(ctx context.Context) (n int, err error) {
		err = q.QueryRowContext(ctx, fmt.Sprintf("SELECT n FROM numbers WHERE id = %d", id)).Scan(&n)
		return n, err
	}
}

// set gives the number id a value, which others see with tx's commit.
func set(ctx context.Context, tx *sql.Tx, id, n int) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf("UPDATE numbers SET n = %d WHERE id = %d", n, id))
	return err
}

func key(id int) string { return memo.Key("number", id) }

// do reads the number id through the cache of ctx, by q.
func do(t *testing.T, ctx context.Context, q querier, id int) int {
	t.Helper()
	n, err := memo.Do(ctx, key(id), read(q, id), memo.Tags("numbers"))
	must(t, err)
	return n
}

// patience is more than a machine that is busy takes for anything: what memo does when a
// server is slow is not tested here.
const patience = time.Minute

// process is a cache on d's memcached, as of a process of its own.
func (d *database) process(t *testing.T) *memo.Cache {
	t.Helper()
	shared, err := memcached.NewFromConfig(memcached.Config{Servers: []string{d.server.Addr()}, Timeout: patience})
	must(t, err)
	c, err := memo.New(memo.Config{
		Prefix: "t", Shared: shared, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		PollInterval: 10 * time.Millisecond, StaleBound: patience, ReadTimeout: patience, WriteTimeout: patience,
	})
	must(t, err)
	t.Cleanup(func() { must(t, c.Close(context.Background())) })
	return c
}

// request opens one of c for the length of the test.
func request(t *testing.T, c *memo.Cache) context.Context {
	ctx, end := c.Begin(context.Background())
	t.Cleanup(end)
	return ctx
}

// settles waits until the caches say of id what the database says.
func (d *database) settles(t *testing.T, id int, caches ...*memo.Cache) {
	t.Helper()
	want, err := read(d, id)(t.Context())
	must(t, err)
	deadline := time.After(patience / 3)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for _, c := range caches {
		for {
			got := do(t, c.With(t.Context()), d, id)
			if got == want {
				break
			}
			select {
			case <-deadline:
				t.Fatalf("a process has %d, and the database %d: an old value was left behind", got, want)
			case <-tick.C:
			}
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
