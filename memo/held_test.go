package memo_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// How many entries each name has in L2, where others come and go at the same time.

// busy is a Local in which something else happens first, or after.
type busy struct {
	tier.Local
	evict func(key string, e *tier.Entry)

	mu                    sync.Mutex
	before, after, behind func() // of a Set or Delete, and of a Clear
	looked                func() // behind a Peek
}

func (b *busy) OnEvict(fn func(string, *tier.Entry)) { b.evict = fn }

// leaves is what another key's Set does to key, if there is one.
func (b *busy) leaves(key string) {
	if e := b.Local.Peek(key); e != nil {
		b.Local.Delete(key)
		b.evict(key, e)
	}
}

func (b *busy) once(f *func()) {
	b.mu.Lock()
	do := *f
	*f = nil
	b.mu.Unlock()
	if do != nil {
		do()
	}
}

func (b *busy) Peek(key string) *tier.Entry {
	e := b.Local.Peek(key)
	b.once(&b.looked)
	return e
}

func (b *busy) Set(key string, e *tier.Entry) {
	b.once(&b.before)
	b.Local.Set(key, e)
	b.once(&b.after)
}

func (b *busy) Delete(key string) {
	b.once(&b.before)
	b.Local.Delete(key)
}

func (b *busy) Clear() {
	b.Local.Clear()
	b.once(&b.behind)
}

func (b *busy) arm(f *func(), do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*f = do
}

// entries fails unless users have want entries, and evicted were evicted.
func entries(t *testing.T, c *memo.Cache, what string, want int, evicted uint64) {
	t.Helper()
	s := c.Snapshot()
	n := byName(t, s, true)["user"]
	if n.Entries != want || s.Local.Entries != want || n.Evictions != evicted {
		t.Errorf("%s: %d entries, of %d in L2, and %d evictions; want %d and %d", what, n.Entries, s.Local.Entries, n.Evictions, want, evicted)
	}
}

func TestEntriesThatLeaveMeanwhileAreCountedOnce(t *testing.T) {
	t.Parallel()
	l := &busy{Local: lru.New(10)}
	c, db := newCache(t, memo.Config{Local: l}), newDatabase()
	ctx := c.With(context.Background())
	for _, key := range []string{"user:1", "user:2", "user:3", "user:4"} {
		db.do(t, ctx, key)
	}
	entries(t, c, "four", 4, 0)

	// 1. an Invalidate sees the entry
	// 2. another key's Set has it evicted, and counts it out
	// 3. the Invalidate deletes nothing
	l.arm(&l.before, func() { l.leaves("user:1") })
	must(t, memo.Invalidate(ctx, "user:1"))
	entries(t, c, "evicted, then deleted", 3, 1)

	// The same for a Set in its place.
	l.arm(&l.before, func() { l.leaves("user:2") })
	must(t, memo.Set(ctx, "user:2", 1))
	entries(t, c, "evicted, then set", 3, 2)

	// 1. a Set stores an entry
	// 2. another key's Set has it evicted before the first one returns
	l.arm(&l.after, func() { l.leaves("user:3") })
	must(t, memo.Set(ctx, "user:3", 1))
	entries(t, c, "set, then evicted", 2, 3)

	must(t, memo.Set(ctx, "user:2", 2))
	entries(t, c, "replaced", 2, 3)
	must(t, memo.Invalidate(ctx, "user:4", "user:9"))
	entries(t, c, "deleted, one where nothing was", 1, 3)
}

// An entry that a Local tells of when everything has been forgotten is none of those
// that have come since:
//
//  1. a Local that evicts at its leisure has chosen an entry
//  2. everything is forgotten, and counted as 0
//  3. it tells of the entry
func TestEntryThatLeavesAfterEverythingIsNotCounted(t *testing.T) {
	t.Parallel()
	l := &busy{Local: lru.New(10)}
	c, db := newCache(t, memo.Config{Local: l}), newDatabase()
	ctx := c.With(context.Background())
	db.do(t, ctx, "user:1")
	db.do(t, ctx, "user:2")
	first := l.Peek("user:1")
	must(t, memo.InvalidateAll(ctx))
	entries(t, c, "everything forgotten", 0, 0)
	db.do(t, ctx, "user:3")
	l.evict("user:1", first)
	entries(t, c, "one came, and one of before left", 1, 1)

	third := l.Peek("user:3")
	l.arm(&l.behind, func() { l.evict("user:3", third) })
	must(t, memo.InvalidateAll(ctx))
	entries(t, c, "one left while everything was forgotten", 0, 2)
}

// What a Local had before it was a cache's is nobody's, and leaves in peace.
func TestEntryOfElsewhereLeaves(t *testing.T) {
	t.Parallel()
	l := lru.New(1)
	l.Set("guest", &tier.Entry{Key: "guest", Early: int64(time.Hour)})
	c, db := newCache(t, memo.Config{Local: l}), newDatabase()
	if v, ok := memo.Peek[any](c.With(context.Background()), "guest"); ok {
		t.Errorf("it was read: %v", v)
	}
	db.do(t, c.With(context.Background()), "user:1")
	names := byName(t, c.Snapshot(), true)
	if names["user"].Entries != 1 || names["other"].Evictions != 1 || names["other"].Entries != 0 {
		t.Errorf("%+v", names)
	}
}

// Who is made old is there still, however often it is done.
func TestEntryThatIsMadeOldIsCountedOnce(t *testing.T) {
	t.Parallel()
	c, db := newCache(t, memo.Config{}), newDatabase()
	ctx := c.With(context.Background())
	db.do(t, ctx, "user:1", memo.StaleIfError(time.Hour))
	db.do(t, ctx, "user:2")
	for range 3 {
		must(t, memo.Expire(ctx, "user:1", "user:2"))
	}
	entries(t, c, "one made old and one forgotten", 1, 0)
}

// What is old already is not stored again:
//
//  1. an Expire sees an entry that is past its time
//  2. another key's Set has it evicted, and is about to count it out
//  3. the Expire stores it once more, and counts it in
//  4. 2 counts it out, and it is there: when it leaves nobody knows that it was counted
func TestOldEntryThatLeavesWhileItIsMadeOldIsNotStoredAgain(t *testing.T) {
	t.Parallel()
	l := &busy{Local: lru.New(10)}
	c, db := newCache(t, memo.Config{Local: l}), newDatabase()
	ctx := c.With(context.Background())
	db.do(t, ctx, "user:1", memo.StaleIfError(time.Hour))
	must(t, memo.Expire(ctx, "user:1"))
	old := l.Peek("user:1")
	told := sync.OnceFunc(func() { l.evict("user:1", old) })
	l.arm(&l.looked, func() { l.Local.Delete("user:1") })
	l.arm(&l.after, told)
	must(t, memo.Expire(ctx, "user:1"))
	told()
	entries(t, c, "evicted while it was made old", 0, 1)
	must(t, memo.Invalidate(ctx, "user:1"))
	entries(t, c, "and forgotten", 0, 1)
}

func TestEntriesUnderTraffic(t *testing.T) {
	t.Parallel()
	const workers, rounds, size = 8, 600, 20
	c := newCache(t, memo.Config{Local: lru.New(size)})
	ctx := c.With(context.Background())
	names := []string{"user", "order", "page"}
	atOnce(workers, func(worker int) {
		for round := range rounds {
			key := memo.Key(names[(worker*7+round)%3], (worker*31+round*17)%23)
			switch round % 5 {
			case 0:
				must(t, memo.Invalidate(ctx, key, memo.Key("user", round%23)))
			case 1:
				must(t, memo.Set(ctx, key, round, memo.StaleIfError(time.Hour)))
			case 2:
				must(t, memo.Expire(ctx, key))
			default:
				_, err := memo.Do(ctx, key, loadNumber)
				must(t, err)
			}
			if round%200 == 100 {
				must(t, memo.InvalidateAll(ctx))
			}
		}
	})
	s := c.Snapshot()
	byName(t, s, true) // adds up to Local.Len
	if s.Total.Evictions == 0 || s.Total.Entries == 0 {
		t.Errorf("the traffic was too plain: %+v", s.Total)
	}
}
