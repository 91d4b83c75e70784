package scope_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

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
	for _, others := range []int{0, 7, 8, 20} {
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
	for _, others := range []int{0, 1, 7, 8, 9} {
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
		b := s.Table("other")
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
	for _, n := range []int{1, 8, 100} {
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

// A reader without a lock must find one value or the other, in every way in
// which a table moves: a slot after another, a copy of few, few to many.
func TestReaderNeverMissesAKeyThatIsThere(t *testing.T) {
	t.Parallel()
	for _, others := range []int{0, 7, 12} {
		t.Run(fmt.Sprint("others=", others), func(t *testing.T) {
			t.Parallel()
			for range 20 {
				s := new(scope.Scope)
				table := s.Table("test")
				table.Put("k", val(0))
				var readers sync.WaitGroup
				stop := make(chan struct{})
				for range 2 {
					readers.Go(func() {
						for last := 0; ; {
							switch v := table.Get("k"); {
							case v == nil:
								t.Error("missed")
								return
							case *v.(*int) < last:
								t.Errorf("read %d after %d", *v.(*int), last)
								return
							default:
								last = *v.(*int)
							}
							select {
							case <-stop:
								return
							default:
							}
						}
					})
				}
				for n := 1; n <= 4000; n++ {
					table.Put("k", val(n))
					if n%100 == 0 && n/100 <= others {
						table.Add(fmt.Sprint("other", n), val(n))
					}
				}
				close(stop)
				readers.Wait()
			}
		})
	}
}

func TestReaderNeverMissesWhileATableGrows(t *testing.T) {
	t.Parallel()
	for range 3000 {
		s := new(scope.Scope)
		table := s.Table("test")
		table.Add("k", val(0))
		var reader sync.WaitGroup
		stop, ready := make(chan struct{}), make(chan struct{})
		reader.Go(func() {
			close(ready)
			for {
				for range 50 {
					if table.Get("k") == nil {
						t.Error("missed")
						return
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
		<-ready
		for i := range 12 {
			table.Add(fmt.Sprint(i), val(i))
		}
		close(stop)
		reader.Wait()
	}
}
