package fleet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/rpc"
	"sync"
	"time"
)

// Database is the truth that the caches are about: a version for each key. It is
// held by the test's process, and workers query it over a loopback socket, by
// which they also report what they did.
type Database struct {
	clock    clock
	took     time.Duration // what a query takes on average
	listener net.Listener
	serving  sync.WaitGroup
	closed   chan struct{}

	mu      sync.Mutex
	conns   []net.Conn
	rows    map[Key]uint64
	commits map[Key][]int64 // when version i+1 was committed
	loads   map[Key][]Load
	held    map[Key]chan int
	logs    map[int]*Log
}

// A Load is one query of a loader. Ended is 0 while it runs, and for ever if its
// process was killed or held.
type Load struct {
	Process      int
	Began, Ended int64
}

var errClosed = errors.New("fleet: the database is closed")

// openDatabase listens on a free port of the loopback interface.
func openDatabase(took time.Duration) (*Database, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("fleet: listen: %w", err)
	}
	db := &Database{
		clock: newClock(), took: took, listener: l, closed: make(chan struct{}),
		rows: map[Key]uint64{}, commits: map[Key][]int64{}, loads: map[Key][]Load{}, held: map[Key]chan int{},
		logs: map[int]*Log{},
	}
	srv := rpc.NewServer()
	if err := srv.RegisterName("Database", &queries{db}); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	db.serving.Go(func() { db.accept(srv) })
	return db, nil
}

func (db *Database) addr() string { return db.listener.Addr().String() }

// accept serves connections until the listener is closed.
func (db *Database) accept(srv *rpc.Server) {
	for {
		c, err := db.listener.Accept()
		if err != nil {
			return
		}
		db.mu.Lock()
		db.conns = append(db.conns, c)
		db.mu.Unlock()
		db.serving.Go(func() { srv.ServeConn(c) })
	}
}

// close ends every query and connection, and waits for them.
func (db *Database) close() error {
	close(db.closed)
	err := db.listener.Close()
	db.mu.Lock()
	conns := db.conns
	db.conns = nil
	db.mu.Unlock()
	for _, c := range conns {
		_ = c.Close() // its worker may have closed it already
	}
	db.serving.Wait()
	return err
}

// Hold makes the next load of k hang, and tells the process that it belongs to.
func (db *Database) Hold(k Key) <-chan int {
	db.mu.Lock()
	defer db.mu.Unlock()
	c := make(chan int, 1)
	db.held[k] = c
	return c
}

// Unhold takes a Hold back that nobody came by.
func (db *Database) Unhold(k Key) {
	db.mu.Lock()
	defer db.mu.Unlock()
	delete(db.held, k)
}

// Loads returns the loads of k so far, in the order in which they began.
func (db *Database) Loads(k Key) []Load {
	db.mu.Lock()
	defer db.mu.Unlock()
	return append([]Load(nil), db.loads[k]...)
}

// LoadCount is the number of loads of all keys.
func (db *Database) LoadCount() (n int) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, l := range db.loads {
		n += len(l)
	}
	return n
}

// history returns when each version of each key was committed.
func (db *Database) history() map[Key][]int64 {
	db.mu.Lock()
	defer db.mu.Unlock()
	commits := map[Key][]int64{}
	for k, at := range db.commits {
		commits[k] = append([]int64(nil), at...)
	}
	return commits
}

// take returns what a process has reported and forgets it, but for reads that began
// later than until.
func (db *Database) take(process int, until int64) Log {
	db.mu.Lock()
	defer db.mu.Unlock()
	l := db.logs[process]
	if l == nil {
		return Log{Process: process}
	}
	taken := *l
	taken.Reads = nil
	rest := &Log{Process: process}
	for _, r := range l.Reads {
		if r.Began < until {
			taken.Reads = append(taken.Reads, r)
		} else {
			rest.Reads = append(rest.Reads, r)
		}
	}
	db.logs[process] = rest
	return taken
}

// queries is what workers may ask, in the form that net/rpc wants.
type queries struct{ db *Database }

// Query is a load.
type Query struct {
	Process int
	Key     Key
}

// Read looks at the row at once and answers later. That is the worst case for a
// cache: the longer a version is under way, the more likely it is an old one.
func (q *queries) Read(query Query, version *uint64) error {
	db, k := q.db, query.Key
	db.mu.Lock()
	*version = db.rows[k]
	n := len(db.loads[k])
	db.loads[k] = append(db.loads[k], Load{Process: query.Process, Began: db.clock.now()})
	held := db.held[k]
	delete(db.held, k)
	db.mu.Unlock()
	if held != nil {
		held <- query.Process
		<-db.closed
		return errClosed
	}
	t := time.NewTimer(rand.N(2*db.took + 1))
	defer t.Stop()
	select {
	case <-t.C:
	case <-db.closed:
		return errClosed
	}
	db.mu.Lock()
	db.loads[k][n].Ended = db.clock.now()
	db.mu.Unlock()
	return nil
}

// Stamp is a query that answers, as late as others do, when it looked.
func (q *queries) Stamp(process int, at *uint64) error {
	db := q.db
	*at = uint64(db.clock.now())
	t := time.NewTimer(rand.N(2*db.took + 1))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-db.closed:
		return errClosed
	}
}

// Write commits the next version of k.
func (q *queries) Write(k Key, version *uint64) error {
	db := q.db
	db.mu.Lock()
	defer db.mu.Unlock()
	db.rows[k]++
	*version = db.rows[k]
	db.commits[k] = append(db.commits[k], db.clock.now())
	return nil
}

// Report keeps what a process did since its last report.
func (q *queries) Report(log *Log, _ *None) error {
	db := q.db
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.logs[log.Process] == nil {
		db.logs[log.Process] = &Log{Process: log.Process}
	}
	db.logs[log.Process].add(log)
	return nil
}
