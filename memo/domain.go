package memo

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Between the process and L3: whoever looks there, takes a lease or fills it sends
// the command from here. deliver.go, poll.go and epoch.go send those of the protocol
// between processes.

// domain is this process's part in the coherence of one Node: one counter, one
// log, one poller. What it decides is in internal/coherence; here it is carried
// out.
type domain struct {
	cache *Cache
	node  tier.Node
	space keys.Space

	home // of its entries

	// Read without a lock, by every hit or load. Times are on the cache's clock.
	covered  atomic.Int64  // the begin of the last poll that left nothing open
	position atomic.Uint64 // everything up to this number is applied here
	up       atomic.Bool   // reads may use the Node
	waiting  atomic.Int64  // pending invalidations
	beside   atomic.Int64  // those of them that concern other Nodes, too
	failing  atomic.Bool   // the last read failed
	begun    atomic.Uint64 // polls; one runs at a time

	life context.Context // of every call; ends when Close has no more time
	quit context.CancelFunc

	attached chan struct{} // closed after the first poll, however it ended
	parted   chan struct{} // closed when the Node is on no list any more
	gone     int64         // since when it is on none, 0: it is; guarded by members.mu
	followed chan struct{} // closed when nobody polls by himself any more
	polling  chan struct{} // holds a token while somebody polls
	leases   leases        // of the loads that run here
	portion  int           // of the queue that is delivered at once. Of who polls.
	foreign  bool          // its roster is a later release's, or goes by another order. Of who polls.
	owing    bool          // an epoch was due, and may not have begun: see rotate. Of who polls.

	mu      sync.Mutex // never held over I/O, nor when a flight's lock is taken
	log     coherence.Log
	pending coherence.Pending // how much it takes depends: see queue
	others  coherence.Pending // of pending, what other Nodes were told of already
	heirs   bool              // the Node has left: others wait for that now
	health  coherence.Health
	since   time.Time // of the last change of up
	epoch   uint64    // a number of the last epoch that this process has met; 0: of none

	drawn             atomic.Uint64 // a number of the last epoch that this process has drawn, see foundEpoch
	epochs, purges    atomic.Uint64 // see NodeStats
	ops, errs, opTime atomic.Int64
}

func newDomain(c *Cache, node tier.Node, space keys.Space) *domain {
	life, quit := context.WithCancel(context.Background())
	d := &domain{
		life: life, quit: quit,
		cache: c, node: node, space: space,
		attached: make(chan struct{}), parted: make(chan struct{}), followed: make(chan struct{}), polling: make(chan struct{}, 1), portion: mostKeys,
		log:    coherence.Log{GiveUp: 2 * c.cfg.WriteTimeout},
		others: coherence.Pending{Most: mostBeside},
		health: coherence.Health{Blip: c.cfg.StaleBound, Calm: c.cfg.PollInterval + c.cfg.WriteTimeout + 100*time.Millisecond},
		since:  time.Now(),
	}
	d.leases.domain = d
	d.home.init()
	d.home.moved = func(e *tier.Entry, now int64) bool {
		if now == 0 {
			now = c.clock.Exact()
		}
		return c.members.holder(e.Key, now) != d || c.members.void(d, e.Key, e.Stamp)
	}
	d.show(0)
	return d
}

// attach waits for the first poll, so that what a read keeps in L2 is covered by
// the log from its begin. Afterwards it costs nothing.
func (d *domain) attach(ctx context.Context) {
	if d.isAttached() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, d.cache.cfg.ReadTimeout)
	defer cancel()
	select {
	case <-d.attached:
	case <-ctx.Done():
	}
}

// isAttached reports whether the first poll has ended.
func (d *domain) isAttached() bool {
	select {
	case <-d.attached:
		return true
	default:
		return false
	}
}

// readable reports whether reads of key may use the Node.
func (d *domain) readable(key string) bool {
	if !d.up.Load() || !d.cache.members.serves(d) {
		return false
	}
	return !d.awaits(key, nil)
}

// awaits reports whether an invalidation of key, or of one of tags, waits for the
// Node; or for another one, and was about both:
//
//  1. the row is on A, which does not hear; what is made of it is on B, which is told
//  2. another process, which still reaches A, makes it anew of the old row
//  3. this one reads that from B
func (d *domain) awaits(key string, tags []string) bool {
	if d.waiting.Load() > 0 {
		d.mu.Lock()
		covered := d.pending.Covers(key) || d.pending.CoversTags(tags)
		d.mu.Unlock()
		if covered {
			return true
		}
	}
	for _, o := range d.cache.members.all() {
		if o.beside.Load() == 0 {
			continue
		}
		o.mu.Lock()
		covered := o.others.Covers(key) || o.others.CoversTags(tags)
		o.mu.Unlock()
		if covered {
			return true
		}
	}
	return false
}

// covers reports whether this process has applied every invalidation up to seq.
func (d *domain) covers(seq uint64) bool {
	position := d.position.Load()
	return coherence.SameEpoch(seq, position) && seq <= position
}

// look is what a read of a place found.
type look struct {
	seq   uint64 // the counter
	item  tier.Item
	marks coherence.Marks
	began int64
	turn  uint64 // of the fences

	exact, milli int64 // the time after it, on the cache's clock and of the day: what it found is fresh by that
}

// look reads markers, the counter and place, in this order, in one round trip. A
// Node without a counter gets one.
func (d *domain) look(ctx context.Context, place string, marks ...string) (at look, err error) {
	var few struct { // names and items of most looks, in one allocation
		names [6]string
		items [6]tier.Item
	}
	n := len(marks)
	names := append(append(append(few.names[:0], marks...), d.space.Seq()), place)
	items := few.items[:]
	if n+2 > len(items) {
		items = make([]tier.Item, n+2)
	}
	items = items[:n+2]
	for range 3 {
		at.began, at.turn = d.cache.clock.Exact(), d.home.fences.turn.Load()
		if err := d.read(ctx, names, items); err != nil {
			return at, err
		}
		at.item = items[n+1]
		if at.seq, err = wire.ParseSeq(items[n].Value); err == nil {
			at.exact, at.milli = d.cache.clock.Both()
			at.marks = coherence.ReadMarks(items[:n], at.seq)
			return at, nil
		}
		if err := d.newCounter(ctx, items[n]); err != nil {
			return at, err
		}
	}
	return at, &TierError{Op: "get_multi", Tier: d.node.Name(), Err: err}
}

// newCounter begins an epoch where the counter is missing, or is no number. An
// epoch is drawn for each attempt: a repeated one could arrive late, and rewind
// the counter within it.
func (d *domain) newCounter(ctx context.Context, counter tier.Item) error {
	first := wire.AppendSeq(nil, coherence.NewEpoch(rand.Uint64(), d.position.Load()))
	err := d.put(ctx, d.space.Seq(), counter, first, tier.NoExpiry)
	if tier.IsAnswer(err) {
		return nil // if it was no, another process was faster
	}
	return err
}

// placeLease puts the lease mine in place of what at found there.
func (d *domain) placeLease(ctx context.Context, place string, at look, mine wire.Lease) error {
	mine.Stamp = at.seq
	return d.put(ctx, place, at.item, wire.AppendLease(nil, mine), leaseTTL)
}

// lock takes the lock of a refresh, unless another one has it.
func (d *domain) lock(ctx context.Context, lock string, at look, mine wire.Lease) error {
	mine.Stamp = at.seq
	err := d.do(ctx, "add", func(ctx context.Context) error {
		return d.node.Add(ctx, lock, wire.AppendLease(nil, mine), leaseTTL)
	})
	if !isExists(err) {
		return err
	}
	held, err := d.look(ctx, lock)
	switch {
	case err != nil:
		return err
	case own(held.item.Value, mine.Token):
		return nil // a repeated command's first try has arrived
	case held.item.Found() && d.left(held.item.Value):
		return d.placeLease(ctx, lock, held, mine)
	}
	return errHeld
}

// put stores value in place of item, which may be absent.
func (d *domain) put(ctx context.Context, key string, item tier.Item, value []byte, ttl time.Duration) error {
	if item.Found() {
		return d.swap(ctx, key, item.CAS, value, ttl)
	}
	return d.do(ctx, "add", func(ctx context.Context) error { return d.node.Add(ctx, key, value, ttl) })
}

// putTimed is put for the protocol: see timed.
func (d *domain) putTimed(ctx context.Context, key string, item tier.Item, value []byte) error {
	op, write := "add", func(ctx context.Context) error { return d.node.Add(ctx, key, value, tier.NoExpiry) }
	if item.Found() {
		op, write = "compare_and_swap", func(ctx context.Context) error {
			return d.node.CompareAndSwap(ctx, key, item.CAS, value, tier.NoExpiry)
		}
	}
	return d.timed(ctx, op, write)
}

func (d *domain) read(ctx context.Context, names []string, items []tier.Item) error {
	return d.do(ctx, "get_multi", func(ctx context.Context) error { return d.node.GetMulti(ctx, names, items) })
}

// readInto is read into slabs, if there are any.
func (d *domain) readInto(ctx context.Context, into *slabs, names []string, items []tier.Item) error {
	return d.doInto(ctx, "get_multi", into, func(ctx context.Context) error { return d.node.GetMulti(ctx, names, items) })
}

// readTimed is read for the protocol: see timed.
func (d *domain) readTimed(ctx context.Context, names []string, items []tier.Item) error {
	return d.timed(ctx, "get_multi", func(ctx context.Context) error { return d.node.GetMulti(ctx, names, items) })
}

func (d *domain) swap(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
	return d.do(ctx, "compare_and_swap", func(ctx context.Context) error { return d.node.CompareAndSwap(ctx, key, cas, value, ttl) })
}

func (d *domain) compareAndDelete(ctx context.Context, key string, cas uint64) error {
	return d.do(ctx, "compare_and_delete", func(ctx context.Context) error { return d.node.CompareAndDelete(ctx, key, cas) })
}

func (d *domain) touch(ctx context.Context, key string, ttl time.Duration) error {
	return d.do(ctx, "touch", func(ctx context.Context) error { return d.node.Touch(ctx, key, ttl) })
}
