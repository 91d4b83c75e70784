package fleet

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// Traffic is what a worker's readers and its writer do.
type Traffic struct {
	Keys       int           // rows; each may rest for longer than the bound
	Derived    bool          // read also what is made of the rows, and invalidate both in one call
	Readers    int           // goroutines
	ReadPause  time.Duration // between two requests of a reader
	WritePause time.Duration // mean, between two commits of the writer; 0: this process has none

	// Silent makes the writer not invalidate, and say that it has: broken on
	// purpose, to see that this is found.
	Silent bool
}

// readsPerRequest are of random keys; the first one is read again at the end.
const readsPerRequest = 4

// traffic is Traffic under way.
type traffic struct {
	Traffic
	rows  *rows
	cache *memo.Cache
	clock clock

	quiet, quit     chan struct{}
	writer, readers sync.WaitGroup

	mu  sync.Mutex
	log Log
	err error // the first one
}

func (t *traffic) start() {
	t.quiet, t.quit = make(chan struct{}), make(chan struct{})
	for range t.Readers {
		t.readers.Go(t.read)
	}
	if t.WritePause > 0 {
		t.writer.Go(t.write)
	}
}

// calm ends the writing, end everything.
func (t *traffic) calm() {
	close(t.quiet)
	t.writer.Wait()
}

func (t *traffic) end() (Log, error) {
	close(t.quit)
	t.readers.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.log, t.err
}

// read makes requests. Its log is its own until it ends, so that readers do not
// wait for one another.
func (t *traffic) read() {
	var log Log
	for pause(t.ReadPause, t.quit) {
		if err := t.request(&log); err != nil {
			t.fail(err)
			break
		}
	}
	t.keep(log)
}

// request reads a few keys in one request, and the first of them twice.
func (t *traffic) request(log *Log) error {
	ctx, end := t.cache.Begin(context.Background())
	defer end()
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

func find(reads []Read, k Key) *Read {
	for i := range reads {
		if reads[i].Key == k {
			return &reads[i]
		}
	}
	return nil
}

func (t *traffic) key() Key {
	return Key{Derived: t.Derived && rand.N(2) == 0, N: rand.N(t.Keys)}
}

// write commits and invalidates, and reads what it wrote: no read is nearer to
// the return of Invalidate.
func (t *traffic) write() {
	var log Log
	for pause(rand.N(2*t.WritePause), t.quiet) {
		if err := t.change(&log); err != nil {
			t.fail(err)
			break
		}
	}
	t.keep(log)
}

func (t *traffic) change(log *Log) error {
	ctx := t.cache.With(context.Background())
	n := rand.N(t.Keys)
	version, err := t.rows.commit(ctx, Row(n))
	if err != nil {
		return err
	}
	keys := []Key{Row(n)}
	if t.Derived { // in either order: the keys of one call may depend on each other
		keys = append(keys, Whole(n))
		i := rand.N(2)
		keys[0], keys[1] = keys[i], keys[1-i]
	}
	if !t.Silent {
		err = invalidate(ctx, keys...)
	}
	w := Write{Keys: keys, Version: version, Returned: t.clock.now(), Deferred: errors.Is(err, memo.ErrDeferred)}
	if err != nil && !w.Deferred {
		return err
	}
	log.Writes = append(log.Writes, w)
	for _, k := range keys {
		r, err := t.look(ctx, k)
		if err != nil {
			return err
		}
		log.Reads = append(log.Reads, r)
	}
	return nil
}

func invalidate(ctx context.Context, keys ...Key) error {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.String()
	}
	return memo.Invalidate(ctx, names...)
}

func (t *traffic) keep(log Log) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log.Reads = append(t.log.Reads, log.Reads...)
	t.log.Writes = append(t.log.Writes, log.Writes...)
	t.log.Torn += log.Torn
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
