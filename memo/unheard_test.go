package memo_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// A process that has never reached one of the Nodes.

// 1. a row is on a, what is made of it on b; a process that never reached a has loaded the row
// 2. another one invalidates both, and everybody else hears of it
// 3. the first makes the one anew, of the row that it has, and stores it on b for everyone
func TestNothingIsMadeOfARowWhoseNodeWasNeverHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleetOn(abc...)
		writer, _, _ := f.wired(t, abc)
		p := f.pairOn(t, writer, "a", "b")
		f.store.Inject(tiertest.Fault{Node: "a", Err: errDown})
		late, _ := f.process(t)
		ctx := readers(late)[0]
		time.Sleep(5 * time.Second)
		hit(t, 0)(p.readRow(ctx))
		time.Sleep(300 * time.Millisecond)
		f.db.write(p.row)
		must(t, p.invalidate(writer))
		time.Sleep(aPoll)
		hit(t, 1)(p.readRow(writer))
		if _, err := p.read(ctx); err != nil {
			t.Fatal(err)
		}
		hit(t, 1)(p.read(writer))
	})
}
