package sqltx_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"sync"
	"testing"
)

// toy is a database of one row, a number, that fails as it is told to. What real ones do is
// tested in adapters/databases.
type toy struct {
	mu            sync.Mutex
	row           int    // as committed
	begin         error  // of BEGIN
	commit        error  // of COMMIT
	lost          bool   // that error comes when the commit is done
	ending        func() // called when a COMMIT or a ROLLBACK arrives; nil: nothing
	begun, undone int
	committed     int
}

// open returns a database on d.
func (d *toy) open() *sql.DB { return sql.OpenDB(d) }

// opened is open for a test.
func (d *toy) opened(t *testing.T) *sql.DB {
	db := d.open()
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// read is a query outside of a transaction.
func (d *toy) read() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.row
}

func (d *toy) ends() {
	if d.ending != nil {
		d.ending()
	}
}

func (d *toy) Connect(context.Context) (driver.Conn, error) { return &connection{toy: d}, nil }
func (d *toy) Driver() driver.Driver                        { return nil }

// connection is one of d, with the row as its transaction sees it.
type connection struct {
	toy *toy
	row int
}

func (c *connection) Prepare(string) (driver.Stmt, error) { return statement{c}, nil }
func (c *connection) Close() error                        { return nil }

func (c *connection) Begin() (driver.Tx, error) {
	d := c.toy
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.begin != nil {
		return nil, d.begin
	}
	d.begun++
	c.row = d.row
	return c, nil
}

func (c *connection) Commit() error {
	d := c.toy
	d.ends()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.commit == nil || d.lost {
		d.row = c.row
		d.committed++
	}
	return d.commit
}

func (c *connection) Rollback() error {
	d := c.toy
	d.ends()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.undone++
	return nil
}

// statement is the only one there is: as Exec it writes its argument, as Query it reads.
type statement struct{ *connection }

func (s statement) Close() error  { return nil }
func (s statement) NumInput() int { return -1 }

func (s statement) Exec(args []driver.Value) (driver.Result, error) {
	s.row = int(args[0].(int64))
	return driver.RowsAffected(1), nil
}

func (s statement) Query([]driver.Value) (driver.Rows, error) {
	return &rows{left: []int{s.row}}, nil
}

type rows struct{ left []int }

func (r *rows) Columns() []string { return []string{"row"} }
func (r *rows) Close() error      { return nil }

func (r *rows) Next(to []driver.Value) error {
	if len(r.left) == 0 {
		return io.EOF
	}
	to[0], r.left = int64(r.left[0]), nil
	return nil
}
