package scope_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/scope"
)

func TestKeysOfAnyShapeAreFound(t *testing.T) {
	t.Parallel()
	// Lengths 0 to 20, then keys whose ends and length are equal, so that only
	// the whole key tells them apart.
	keys := []string{}
	for n := range 21 {
		keys = append(keys, strings.Repeat("k", n))
	}
	for n := range 10 {
		keys = append(keys, fmt.Sprintf("12345678%d12345678", n))
	}
	for from := range keys {
		_, table := open(t, 0)
		for i, key := range keys[from:] {
			holds(t, table, key, -1)
			table.Add(key, val(i))
			for j, earlier := range keys[from:][:i+1] {
				holds(t, table, earlier, j)
			}
		}
		if got, want := table.Len(), len(keys)-from; got != want {
			t.Errorf("Len is %d, want %d", got, want)
		}
	}
}

// The mix of this key is 0, the print of a slot that is unused: taken as it is,
// the keys behind it would be out of sight.
func TestKeyThatMixesToNothing(t *testing.T) {
	t.Parallel()
	_, table := open(t, 0)
	key := string(binary.LittleEndian.AppendUint64(nil, 0x9e3779b97f4a7c15^8))
	table.Add(key, val(1))
	table.Add("behind", val(2))
	holds(t, table, key, 1)
	holds(t, table, "behind", 2)
}

// All keys that begin with these 8 bytes have one print, and one slot where they would
// lie: only their text tells them apart.
func TestKeysOfOnePrint(t *testing.T) {
	t.Parallel()
	for length := 16; length <= 17; length++ {
		_, table := open(t, 0)
		keys := []string{}
		for n := range 8 {
			head := binary.LittleEndian.AppendUint64(nil, 0x9e3779b97f4a7c15^uint64(length))
			keys = append(keys, string(head)+fmt.Sprintf("%0*d", length-8, n))
		}
		for i, key := range keys {
			holds(t, table, key, -1)
			table.Add(key, val(i))
		}
		table.Forget(keys[2])
		for i, key := range keys {
			if i == 2 {
				i = -1
			}
			holds(t, table, key, i)
		}
	}
}

// A reader that has looked where a table keeps four keys looks again when they have moved.
func TestReaderFindsKeysThatMoveMeanwhile(t *testing.T) {
	t.Parallel()
	var now atomic.Pointer[table]
	var stop atomic.Bool
	next := func() *table {
		_, table := open(t, 0)
		table.Add("stays", val(0))
		now.Store(&table)
		return &table
	}
	next()
	var reader sync.WaitGroup
	reader.Go(func() {
		for !stop.Load() {
			if now.Load().Get("stays") == nil {
				t.Error("a key that is there is not found")
				return
			}
		}
	})
	for range 20_000 {
		table := next()
		for _, key := range []string{"a", "b", "c", "d"} {
			table.Add(key, val(1))
		}
	}
	stop.Store(true)
	reader.Wait()
}

// A reader that sees a print must see the whole slot. That is for the race
// detector to say.
func TestReaderSeesWholeSlots(t *testing.T) {
	t.Parallel()
	_, table := open(t, 0)
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	var reader sync.WaitGroup
	reader.Go(func() {
		for i, key := range keys {
			for table.Get(key) == nil {
				runtime.Gosched()
			}
			holds(t, table, key, i)
		}
	})
	for i, key := range keys {
		table.Add(key, val(i))
		for range i % 3 { // sometimes the reader comes first
			runtime.Gosched()
		}
	}
	reader.Wait()
}

// A reader that saw the print of a key may still read its slot when the key is
// forgotten, and the slot is the next key's.
func TestSlotOfAForgottenKeyIsTheNextOnes(t *testing.T) {
	t.Parallel()
	for _, others := range []int{1, 5} {
		_, table := open(t, 0)
		for i := range others { // with none the slots go with the last key
			table.Add(fmt.Sprint("stays", 2+i), val(0))
		}
		keys := []string{"first 1", "other 1"} // which are looked for in the same slot
		var stop atomic.Bool
		var readers sync.WaitGroup
		for i, key := range keys {
			readers.Go(func() {
				for !stop.Load() {
					if v, ok := table.Get(key).(*int); ok && *v != i {
						t.Errorf("%q holds the value of the other key", key)
						return
					}
				}
			})
		}
		for range 20_000 {
			for i, key := range keys {
				table.Add(key, val(i))
				holds(t, table, key, i)
				table.Forget(key)
			}
		}
		stop.Store(true)
		readers.Wait()
	}
}

func TestFirstValueAddedStays(t *testing.T) {
	t.Parallel()
	_, table := open(t, 0)
	first, second := val(1), val(2)
	if got := table.Add("k", first); got != first {
		t.Error("Add of a new key does not return its value")
	}
	if got := table.Add("k", second); got != first {
		t.Error("Add of a known key does not return what the request has read")
	}
	holds(t, table, "k", 1)
}

func TestPutReplaces(t *testing.T) {
	t.Parallel()
	for _, others := range []int{0, 3, 4, 7, 8, 20} {
		s, table := open(t, 0)
		for i := range others {
			table.Add(fmt.Sprint("other", i), val(i))
		}
		for n := range 30 {
			table.Put("k", val(n))
			holds(t, table, "k", n)
		}
		if s.Len() != others+1 {
			t.Errorf("Len is %d, want %d", s.Len(), others+1)
		}
		for i := range others {
			holds(t, table, fmt.Sprint("other", i), i)
		}
	}
}

func TestSlotsOfForgottenKeysComeBack(t *testing.T) {
	t.Parallel()
	for _, others := range []int{0, 1, 3, 4, 7, 8, 9} {
		s, table := open(t, others+1)
		for i := range others {
			table.Add(fmt.Sprint("other", i), val(i))
		}
		for n := range 50 {
			table.Add("k", val(n))
			holds(t, table, "k", n)
			table.Forget("k", "never kept")
			holds(t, table, "k", -1)
		}
		for i := range others {
			holds(t, table, fmt.Sprint("other", i), i)
		}
		if got := room(s); got != 1 {
			t.Errorf("with %d others there is room for %d, want 1", others, got)
		}
	}
}

func TestResetEmptiesATableOrAll(t *testing.T) {
	t.Parallel()
	for _, n := range []int{3, 30} {
		s, a := open(t, 0)
		b := tableOf(s, "other")
		fill := func(from int) {
			for i := range n {
				a.Add(fmt.Sprint(i), val(from+i))
				b.Add(fmt.Sprint(i), val(from+i))
			}
		}
		fill(0)
		a.Reset()
		holds(t, a, "1", -1)
		holds(t, b, "1", 1)
		fill(100)
		holds(t, a, "1", 101)
		holds(t, b, "1", 1)
		s.Reset()
		holds(t, a, "1", -1)
		holds(t, b, "1", -1)
		if s.Len() != 0 {
			t.Errorf("Len after Reset is %d", s.Len())
		}
	}
}

func TestHitAllocatesNothing(t *testing.T) {
	for _, n := range []int{1, 4, 8, 100} {
		_, table := open(t, 0)
		for i := range n {
			table.Add(fmt.Sprint("key number ", i), val(i))
		}
		prefix := []byte("key number ")
		allocs := testing.AllocsPerRun(100, func() {
			if table.Get(string(prefix)+"0") == nil || table.Get(string(prefix)+"?") != nil {
				t.Error("wrong answer")
			}
		})
		if allocs != 0 {
			t.Errorf("%d keys: a look-up costs %v allocations: does the key escape?", n, allocs)
		}
	}
}

// What has no text is found as what has one, and only then.
func TestKeysAreFoundByTheirWords(t *testing.T) {
	t.Parallel()
	word := func(s string) uint64 {
		var room [8]byte
		copy(room[:], s)
		return binary.LittleEndian.Uint64(room[:])
	}
	get := func(table table, key string) *scope.Item {
		half, mid := 8, uint64(0)
		if len(key) < 8 {
			half = 4
		}
		if len(key) > 16 {
			mid = word(key[8:16])
		}
		return table.GetWords(keys.Words{Head: word(key[:half]), Mid: mid, Tail: word(key[len(key)-half:]), Len: len(key)}, key[len(key)-1])
	}
	const text = "abcdefghijklmnopqrstuvwxyz"
	for size := 4; size <= 24; size++ {
		_, table := open(t, 0)
		key := text[:size]
		if get(table, key) != nil {
			t.Errorf("%q is found where there is nothing", key)
		}
		table.Add(key, val(1))
		if get(table, key) == nil {
			t.Errorf("%q is not found", key)
		}
		for i := range size {
			other := []byte(key)
			other[i]++
			if get(table, string(other)) != nil {
				t.Errorf("%q is found as %q", key, other)
			}
		}
		if size > 4 && get(table, key[:size-1]) != nil || size < 24 && get(table, text[:size+1]) != nil {
			t.Errorf("%q is found under another length", key)
		}
		for i := range 10 {
			table.Add(fmt.Sprint(i), val(i))
		}
		if it := get(table, key); it != nil && it.Key != key {
			t.Errorf("%q is found for %q", it.Key, key)
		}
	}
	// All keys with this head have one print.
	_, table := open(t, 0)
	head := string(binary.LittleEndian.AppendUint64(nil, 0x9e3779b97f4a7c15^17))
	table.Add(head+"0equaltai", val(1))
	if get(table, head+"1equaltai") != nil || get(table, head+"0equaltai") == nil {
		t.Error("keys that differ only in the middle are one")
	}
}

// A reader without a lock must find one value or the other while a table moves:
// out of its group, and into a map.
func TestReaderNeverMissesAKeyThatIsThere(t *testing.T) {
	t.Parallel()
	for _, others := range []int{0, 3, 7, 12} {
		_, table := open(t, 0)
		table.Put("k", val(0))
		const last = 10_000
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				for seen := 0; seen < last; {
					v, ok := table.Get("k").(*int)
					if !ok || *v < seen {
						t.Errorf("with %d others: read %v after %d", others, v, seen)
						return
					}
					seen = *v
				}
			})
		}
		for n := 1; n <= last; n++ {
			table.Put("k", val(n))
			if n%100 == 0 && n/100 <= others {
				table.Add(fmt.Sprint("other", n), val(n))
			}
		}
		readers.Wait()
	}
}

func TestPutSinceReplacesUnlessSomethingWasForgotten(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(table){
		"nothing":     func(table) {},
		"Forget":      func(t table) { t.Forget("k") },
		"another key": func(t table) { t.Forget("other") },
		"ForgetFunc":  func(t table) { t.ForgetFunc(func(string) bool { return false }) },
		"Reset":       func(t table) { t.Reset() },
	} {
		_, table := open(t, 0)
		table.Add("k", val(1))
		epoch := table.Epoch()
		forget(table)
		before := table.Get("k")
		table.PutSince(epoch, "k", val(2))
		if name == "nothing" {
			holds(t, table, "k", 2)
		} else if table.Get("k") != before {
			t.Errorf("%s: a value that was read before is kept", name)
		}
		table.PutSince(table.Epoch(), "k", val(3))
		holds(t, table, "k", 3)
	}
}

func TestPutSinceWhileComputingWins(t *testing.T) {
	t.Parallel()
	_, table := open(t, 0)
	_, c, _ := table.Begin("k")
	table.PutSince(table.Epoch(), "k", val(2))
	v := val(1)
	if got := c.Done(v); got != v {
		t.Error("the leader goes on with what was put, and not with what it has computed")
	}
	holds(t, table, "k", 2)
}

func TestPutSinceKeepsToTheRoom(t *testing.T) {
	t.Parallel()
	s, table := open(t, 1)
	table.PutSince(table.Epoch(), "a", val(1))
	table.PutSince(table.Epoch(), "b", val(1)) // full, and new
	table.PutSince(table.Epoch(), "a", val(2))
	holds(t, table, "a", 2)
	holds(t, table, "b", -1)
	s.Close()
	table.PutSince(table.Epoch(), "a", val(3))
	if v := table.Get("a"); v != nil && *v.(*int) == 3 {
		t.Error("a closed scope keeps a value")
	}
}
