package memo_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// The first load of a tag brings its marker into the world while it runs. What is
// invalidated meanwhile must find the marker, or be found by it.

// during runs a load of k, the first of its tag, in c, and calls meanwhile when the
// loader has read the database and the marker is there.
func during(t *testing.T, c *memo.Cache, db *database, meanwhile func()) {
	t.Helper()
	_, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) {
		v := db.read("k")
		synctest.Wait() // for what runs beside the loader
		meanwhile()
		return v, nil
	}, memo.Tags("group"))
	must(t, err)
}

//  1. a process begins to load, and reads the old value; beside that it adds the
//     marker, with the number from before the load
//  2. the tag is invalidated, and the marker raised
//  3. the load ends, and does not look at the marker again
func TestG06_TagIsInvalidatedAfterTheBirthOfItsMarker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		reader, _ := f.process(t)
		writer, _ := f.process(t)
		during(t, reader, f.db, func() {
			f.db.write("k")
			must(t, writer.InvalidateTags(context.Background(), "group"))
		})
		late, _ := f.process(t)
		if v := f.db.tagged(t, late.With(context.Background()), "k", "group"); v != 1 {
			t.Errorf("version %d, want 1", v)
		}
	})
}

// 1. a process takes the number of its load
// 2. the tag is invalidated; the marker is raised, and evicted
// 3. the process finds it missing; with the number of 1 it would hide nothing
func TestG06_MarkerIsNotBornWithANumberFromBeforeAnInvalidation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		reader, wire := f.process(t)
		writer, _ := f.process(t)
		wire.Inject(tiertest.Fault{Ops: []tiertest.Op{tiertest.OpAdd}, Match: ":v:k", Times: 1,
			After: func(context.Context, tiertest.Op, []string) {
				must(t, writer.InvalidateTags(context.Background(), "group"))
				must(t, f.store.Nodes()[0].Delete(context.Background(), "t:t:group"))
			}})
		during(t, reader, f.db, func() {})
		late, _ := f.process(t)
		f.db.tagged(t, late.With(context.Background()), "k", "group")
		if n := f.db.queries("k"); n != 2 {
			t.Errorf("%d loads, want a second one: the first took its number before the invalidation", n)
		}
	})
}
