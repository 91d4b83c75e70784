package scope_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
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

// All keys have one hash, also in a table of many: only their text tells them apart.
func TestKeysOfOneHash(t *testing.T) {
	t.Parallel()
	for length := 16; length <= 25; length++ {
		_, table := open(t, 0)
		key := func(i int) string { return string(make([]byte, 8)) + fmt.Sprintf("%0*d", length-8, i) }
		const n = 12
		for i := range n {
			table.Add(key(i), val(i))
			if i == 4 {
				table.Weaken()
			}
		}
		table.Forget(key(3))
		for i := range n + 1 {
			want := i
			if i == 3 || i == n {
				want = -1
			}
			holds(t, table, key(i), want)
			if length > 24 {
				continue
			}
			if it := table.GetWords(wordsOf(key(i))); it == nil && want >= 0 || it != nil && it.Key != key(i) {
				t.Errorf("by its words %q is %v", key(i), it)
			}
		}
	}
}

// What moved when there was no more room is nowhere else: not where it comes from either.
func TestForgottenKeysAreGoneFromWhereTheyWereFirst(t *testing.T) {
	t.Parallel()
	_, table := open(t, 0)
	for i, key := range "abcde" {
		table.Add(string(key), val(i))
	}
	for _, key := range "abcde" {
		table.Forget(string(key))
	}
	for _, key := range "abcde" {
		holds(t, table, string(key), -1)
	}
}

// A key that is put anew, time and again, takes no place of its neighbours.
func TestAKeyHasOnePlace(t *testing.T) {
	t.Parallel()
	_, table := open(t, 0)
	for i := range 9 {
		table.Add(fmt.Sprint("user:", i), val(i))
	}
	for i := range 6 {
		table.Put("user:7", val(i))
		if it := table.GetNumbered(wordsOf("user:7"), 7); it == nil {
			t.Fatal("user:7 is not found")
		}
		if n := table.Places("user:7"); n != 1 {
			t.Errorf("after %d puts there are %d places of the key", i+1, n)
		}
	}
}

// A reader that has looked where a table keeps four keys looks again when they have moved.
func TestReaderFindsKeysThatMoveMeanwhile(t *testing.T) {
	t.Parallel()
	words := wordsOf("stays:7")
	for name, find := range map[string]func(table) any{
		"text":  func(t table) any { return t.Get("stays:7") },
		"words": func(t table) any { return valueOf(t.GetWords(words)) },
	} {
		var now atomic.Pointer[table]
		var stop atomic.Bool
		next := func() *table {
			_, table := open(t, 0)
			table.Add("stays:7", val(0))
			now.Store(&table)
			return &table
		}
		next()
		var reader sync.WaitGroup
		reader.Go(func() {
			for !stop.Load() {
				if find(*now.Load()) == nil {
					t.Errorf("a key that is there is not found by its %s", name)
					return
				}
			}
		})
		for range 40_000 {
			table := next()
			for _, key := range []string{"a", "b", "c", "d"} {
				table.Add(key, val(1))
			}
		}
		stop.Store(true)
		reader.Wait()
	}
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

// wordsOf are the Words of key, of 4 to 24 bytes.
func wordsOf(key string) keys.Words {
	word := func(s string) uint64 {
		var room [8]byte
		copy(room[:], s)
		return binary.LittleEndian.Uint64(room[:])
	}
	half, mid := 8, uint64(0)
	if len(key) < 8 {
		half = 4
	}
	if len(key) > 16 {
		mid = word(key[8:16])
	}
	return keys.Words{Head: word(key[:half]), Mid: mid, Tail: word(key[len(key)-half:]), Len: len(key)}
}

// What has no text is found as what has one, and only then.
func TestKeysAreFoundByTheirWords(t *testing.T) {
	t.Parallel()
	get := func(table table, key string) *scope.Item {
		it := table.GetWords(wordsOf(key))
		if numbered := table.GetNumbered(wordsOf(key), 7); numbered != it {
			t.Errorf("%q is %v by its words and %v by its number", key, it, numbered)
		}
		return it
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
		if it := get(table, key); it == nil || it.Key != key {
			t.Errorf("%v is found for %q among many", it, key)
		}
	}
	// All keys with this head have one print.
	_, table := open(t, 0)
	head := string(binary.LittleEndian.AppendUint64(nil, 0x9e3779b97f4a7c15^17))
	table.Add(head+"0equaltai", val(1))
	if get(table, head+"1equaltai") != nil || get(table, head+"0equaltai") == nil {
		t.Error("keys that differ only in the middle are one")
	}
	_, table = open(t, 0)
	table.Add("aaaaaaaaa", val(1))
	for _, other := range []string{"aaaaaaaa", "aaaaaaaaaa", "aaaaaaaaaaaaaaaa"} {
		if get(table, other) != nil {
			t.Errorf("%s is found as aaaaaaaaa, whose ends are the same", other)
		}
	}
}

// byNumber is Get for the key of the number: at once, if that is known by now, or by its words.
func byNumber(t table, key string, number uint64) any {
	const name = 4 * 77
	if it := t.At(name + number); it != nil && it.Key == key {
		return it.Value
	}
	if it := t.GetNumbered(wordsOf(key), name+number); it != nil {
		return it.Value
	}
	return nil
}

// A key that was forgotten, or put anew, is what it is now for who looks for it by its number too.
func TestNumbersFindWhatIsThereNow(t *testing.T) {
	t.Parallel()
	for _, others := range []int{0, 3, 4, 7, 8, 20} {
		_, table := open(t, 0)
		for i := range others {
			table.Add(fmt.Sprint("other:", i), val(i))
		}
		is := func(when string, want any) {
			t.Helper()
			for range 2 { // by the words, and then by the number
				if got := byNumber(table, "user:7", 7); got != want {
					t.Errorf("with %d others, %s: %v, want %v", others, when, got, want)
				}
			}
		}
		is("before", nil)
		first, second, third := val(1), val(2), val(3)
		table.Add("user:7", first)
		is("added", first)
		table.Put("user:7", second)
		is("put", second)
		table.Forget("user:7")
		is("forgotten", nil)
		table.Add("user:8", third) // which may lie where that was
		is("another one added", nil)
		table.Add("user:7", first)
		is("added again", first)
		for i := range 30 {
			table.Add(fmt.Sprint("more:", i), val(i))
			is("moved", first)
		}
		table.Reset()
		is("reset", nil)
	}
}

// All of a key counts for where it lies, or keys could be chosen that lie in one place.
func TestAllOfAKeyIsHashed(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0123456789abcdef", 5)
	for size := 1; size <= len(text); size++ {
		key := text[:size]
		if size >= 8 && size <= 24 && scope.Hash(key) != scope.HashWords(wordsOf(key)) {
			t.Errorf("%q has another hash than its Words", key)
		}
		for i := range size {
			other := []byte(key)
			other[i] ^= 1 << (i % 7)
			if scope.Hash(string(other)) == scope.Hash(key) {
				t.Errorf("%q and %q have one hash", key, other)
			}
		}
		if same := strings.Repeat("s", size); scope.Hash(same[1:]) == scope.Hash(same) {
			t.Errorf("%q has the hash of a shorter one", same)
		}
	}
	if one, two := "aaaaaaaa", "`aaaaaaaa"; scope.Hash(one) == scope.Hash(two) { // 8^9 == 'a'^'`'
		t.Errorf("%q and %q have one hash", one, two)
	}
}

// A key that was forgotten does not hide another, for which its place was taken, wherever they lie.
func TestForgottenKeysHideNoOthers(t *testing.T) {
	t.Parallel()
	for range 200 {
		_, table := open(t, 0)
		const n = 16
		key := func(i int) string { return fmt.Sprint("user:", i) }
		for i := range n {
			table.Add(key(i), val(i))
		}
		for i := range n {
			table.Forget(key(i))
			for j := i + 1; j < n; j++ {
				holds(t, table, key(j), j)
			}
		}
	}
}

// Keys that come and go hide none of those that stay, where a table has many: neither what they leave
// behind, nor that it grows and shrinks.
func TestKeysThatComeAndGoHideNothing(t *testing.T) {
	t.Parallel()
	_, table := open(t, 0)
	key := func(i int) string { return fmt.Sprint("user:", i) }
	const stay, most = 20, 120
	for i := range stay {
		table.Add(key(i), val(i))
	}
	var stop atomic.Bool
	var readers sync.WaitGroup
	for _, read := range []func(i int) any{
		func(i int) any { return table.Get(key(i)) },
		func(i int) any { return byNumber(table, key(i), uint64(i)) },
	} {
		readers.Go(func() {
			for i := 0; !stop.Load(); i = (i + 1) % most {
				v, _ := read(i).(*int)
				if v == nil && i < stay || v != nil && *v != i {
					t.Errorf("%s is %v", key(i), v)
					return
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 1))
	for step := range 20_000 {
		window := 5
		if step/500%2 == 1 {
			window = most - stay
		}
		if i := stay + random.IntN(window); step%2 == 0 {
			table.Add(key(i), val(i))
		} else {
			table.Forget(key(i))
		}
	}
	stop.Store(true)
	readers.Wait()
}

// A reader without a lock must find one value or the other while a table moves:
// out of its group, and to more room than it had.
func TestReaderNeverMissesAKeyThatIsThere(t *testing.T) {
	t.Parallel()
	for _, others := range []int{0, 3, 7, 12, 40} {
		_, table := open(t, 0)
		table.Put("user:7", val(0))
		const last = 10_000
		var readers sync.WaitGroup
		for _, read := range []func() any{
			func() any { return table.Get("user:7") },
			func() any { return byNumber(table, "user:7", 7) },
		} {
			readers.Go(func() {
				for seen := 0; seen < last; {
					v, ok := read().(*int)
					if !ok || *v < seen {
						t.Errorf("with %d others: read %v after %d", others, v, seen)
						return
					}
					seen = *v
				}
			})
		}
		for n := 1; n <= last; n++ {
			table.Put("user:7", val(n))
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
