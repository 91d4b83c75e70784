package memo_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// What loaders read in tests of values past their time: how long a load takes, and how
// many run at once, is what they are about.

// origin is where loaders get their values: slow, and with a memory. Each answer is
// a new version, from 1.
type origin struct {
	takes time.Duration

	mu              sync.Mutex
	err             error
	asked, answered []time.Time
	running, most   int // at this moment, and ever at once
}

var errOrigin = errors.New("the database is away")

func (o *origin) load(context.Context) (int, error) {
	o.mu.Lock()
	o.asked = append(o.asked, time.Now())
	o.running++
	o.most = max(o.most, o.running)
	o.mu.Unlock()
	time.Sleep(o.takes)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.running--
	o.answered = append(o.answered, time.Now())
	return len(o.answered), o.err
}

// fail makes what is answered from now on an error, if err is not nil.
func (o *origin) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

func (o *origin) loads() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.asked)
}

const (
	ttl  = time.Minute
	over = ttl + late
)

// get reads "k" for a minute and another one of grace, and with opts.
func (o *origin) get(ctx context.Context, opts ...memo.Option) (int, error) {
	return memo.Do(ctx, "k", o.load, append([]memo.Option{memo.TTL(ttl), memo.Stale(ttl)}, opts...)...)
}

// gives fails the test unless a read returns want at once.
func (o *origin) gives(t *testing.T, ctx context.Context, want int, opts ...memo.Option) {
	t.Helper()
	begin := time.Now()
	v, err := o.get(ctx, opts...)
	if took := time.Since(begin); v != want || err != nil || took != 0 {
		t.Errorf("a read got %d, %v after %v, want %d at once", v, err, took, want)
	}
}

// ran fails the test unless the loader was run so often, and never twice at once.
func (o *origin) ran(t *testing.T, want int) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.asked) != want || o.most > 1 {
		t.Errorf("%d loads, %d of them at once, want %d, one by one", len(o.asked), o.most, want)
	}
}
