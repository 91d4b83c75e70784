package fleet

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// Traffic is what a worker's readers and its writer do.
type Traffic struct {
	Rows      int
	Derived   bool          // read also what is made of the rows
	Readers   int           // goroutines
	Fresh     bool          // a part of the requests is under memo.Fresh
	Soft      bool          // values are made old, and refreshed, beside the writes
	ReadPause time.Duration // between two requests of a reader
	Aged      int           // values that nobody writes, of which each request reads one

	Operations []Operation   // the writer takes one at random; none: this process does not write
	WritePause time.Duration // mean, between two of its writes
	Writer     int           // which of the Writers this is
	Writers    int           // processes that write at once
	Turn       time.Duration // for which a third of the rows is written, and rests for two; 0: 1.2 s

	// Silent makes the writer not tell the caches, and say that it has: broken on
	// purpose, to see that this is found.
	Silent bool
}

const (
	// readsPerRequest are of random keys; the first one is read again at the end.
	readsPerRequest = 4
	// A part of the rows is written at a time, and the others rest for longer than the
	// bound: what was missed there has no later write to hide behind.
	turns = 3
	turn  = 1200 * time.Millisecond
	// softEvery and freshEvery are how many requests there are for each that begins with
	// an Expire or a Refresh, and for each whose reads are Fresh.
	softEvery, freshEvery = 20, 3
	// reportEvery is how many reads a process keeps to itself: so many are lost when
	// it is killed.
	reportEvery = 50
)

// traffic is Traffic under way.
type traffic struct {
	Traffic
	rows   *rows
	cache  *memo.Cache
	clock  clock
	report func(*Log) error

	quiet, quit     chan struct{}
	writer, readers sync.WaitGroup

	mu  sync.Mutex
	err error // the first one
}

func (t *traffic) start() error {
	if err := check(t.Operations); err != nil {
		return err
	}
	t.quiet, t.quit = make(chan struct{}), make(chan struct{})
	for range t.Readers {
		t.readers.Go(t.read)
	}
	if len(t.Operations) > 0 {
		t.writer.Go(t.write)
	}
	return nil
}

// calm ends the writing, end everything.
func (t *traffic) calm() {
	close(t.quiet)
	t.writer.Wait()
}

func (t *traffic) end() error {
	close(t.quit)
	t.readers.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// read makes requests. Its log is its own, so that readers do not wait for one
// another.
func (t *traffic) read() {
	var log Log
	for pause(t.ReadPause, t.quit) {
		if err := t.request(&log); err != nil {
			t.fail(err)
			break
		}
		if len(log.Reads) >= reportEvery {
			t.tell(&log)
		}
	}
	t.tell(&log)
}

// request reads a few keys in one request, and the first of them twice.
func (t *traffic) request(log *Log) error {
	ctx, end := t.cache.Begin(context.Background())
	defer end()
	if t.Soft && rand.N(softEvery) == 0 {
		if err := t.rows.soft(t.cache.With(context.Background()), t.key()); err != nil {
			return err
		}
	}
	if t.Aged > 0 {
		if err := t.age(ctx, log); err != nil {
			return err
		}
	}
	if t.Fresh && rand.N(freshEvery) == 0 {
		return t.freshly(memo.Fresh(ctx), log)
	}
	var seen [readsPerRequest]Read
	for i := range seen {
		k := t.key()
		r, err := t.look(ctx, k)
		if err != nil {
			return err
		}
		seen[i] = r
		if earlier := find(seen[:i], k); earlier == nil {
			log.Reads = append(log.Reads, r)
		} else if earlier.Version != r.Version {
			log.Torn++
		}
	}
	again, err := t.look(ctx, seen[0].Key)
	if again.Version != seen[0].Version {
		log.Torn++
	}
	return err
}

func (t *traffic) look(ctx context.Context, k Key) (Read, error) {
	r := Read{Key: k, Began: t.clock.now()}
	var err error
	r.Version, err = t.rows.read(ctx, k)
	r.Ended = t.clock.now()
	return r, err
}

// age reads a value that only ends.
func (t *traffic) age(ctx context.Context, log *Log) error {
	began := t.clock.now()
	at, soft, err := t.rows.aged(ctx, rand.N(t.Aged))
	log.Ages = append(log.Ages, Age{time.Duration(max(began-at, 0)), soft})
	return err
}

// freshly makes a request that does not want to see twice what it has seen once.
func (t *traffic) freshly(ctx context.Context, log *Log) error {
	for range readsPerRequest {
		r, err := t.look(ctx, t.key())
		if err != nil {
			return err
		}
		r.Fresh = true
		log.Reads = append(log.Reads, r)
	}
	return nil
}

func find(reads []Read, k Key) *Read {
	for i := range reads {
		if reads[i].Key == k {
			return &reads[i]
		}
	}
	return nil
}

func (t *traffic) key() Key {
	return Key{Derived: t.Derived && rand.N(2) == 0, N: rand.N(t.Rows)}
}

// write commits and tells, and reads what it wrote: no read is nearer to the
// return of Invalidate.
func (t *traffic) write() {
	known, mine := operations(), t.mine()
	for pause(rand.N(2*t.WritePause), t.quiet) {
		name := t.Operations[rand.N(len(t.Operations))]
		if err := t.change(name, known[name], inTurn(mine, t.clock.now(), cmp.Or(t.Turn, turn))); err != nil {
			t.fail(err)
			return
		}
	}
}

// mine are the rows that this process may write: all, or its share.
func (t *traffic) mine() (rows []int) {
	shared, known := false, operations()
	for _, name := range t.Operations {
		shared = shared || known[name].brings
	}
	for n := range t.Rows {
		if !shared || n%max(t.Writers, 1) == t.Writer {
			rows = append(rows, n)
		}
	}
	return rows
}

// inTurn are those of rows that are written at the time now. All processes have
// one opinion.
func inTurn(rows []int, now int64, turn time.Duration) (these []int) {
	parts := min(turns, len(rows))
	for i, n := range rows {
		if i%parts == int(now/int64(turn))%parts {
			these = append(these, n)
		}
	}
	return these
}

func (t *traffic) change(name Operation, op operation, mine []int) error {
	ctx := t.cache.With(context.Background())
	w := &writing{derived: t.Derived}
	for _, n := range op.covers(mine) {
		version, err := t.rows.commit(ctx, Row(n))
		if err != nil {
			return err
		}
		w.rows = append(w.rows, Change{Row(n), version})
	}
	var err error
	if !t.Silent {
		err = op.tell(ctx, t.rows, w)
	}
	told := Write{Operation: name, Changed: w.changes(), Returned: t.clock.now(), Deferred: errors.Is(err, memo.ErrDeferred)}
	if err := notDeferred(err); err != nil {
		return err
	}
	log := Log{Writes: []Write{told}}
	for _, c := range told.Changed {
		r, err := t.look(ctx, c.Key)
		if err != nil {
			return err
		}
		log.Reads = append(log.Reads, r)
	}
	t.tell(&log)
	return nil
}

// notDeferred is err, if it is one: that the caches will be told later is none.
func notDeferred(err error) error {
	if errors.Is(err, memo.ErrDeferred) {
		return nil
	}
	return err
}

// tell reports log to the test's process, and empties it.
func (t *traffic) tell(log *Log) {
	log.Failed = int(t.rows.failed.Swap(0))
	if err := t.report(log); err != nil {
		t.fail(err)
	}
	*log = Log{Reads: log.Reads[:0]}
}

func (t *traffic) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
}

// pause waits for d, and reports false when stop was closed.
func pause(d time.Duration, stop <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stop:
		return false
	}
}
