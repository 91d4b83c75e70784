package lru_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHoldsExactlyItsSize(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 7, 8, 1023, 1024, 2051} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			t.Parallel()
			c := lru.New(size)
			if c.Cap() != size {
				t.Errorf("Cap = %d, want %d", c.Cap(), size)
			}
			for i := range 4 * size { // enough to fill the unluckiest shard
				c.Set(strconv.Itoa(i), &tier.Entry{})
				if i%size == 0 && c.Len() > size {
					t.Fatalf("Len = %d after %d Sets", c.Len(), i+1)
				}
			}
			if c.Len() != size {
				t.Errorf("Len = %d, want %d", c.Len(), size)
			}
		})
	}
}

func TestSizeBelowOneMeansDefault(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, -1} {
		if got := lru.New(size).Cap(); got != lru.DefaultSize {
			t.Errorf("New(%d).Cap() = %d, want %d", size, got, lru.DefaultSize)
		}
	}
}

// TestSmallCacheIsAnExactLRU compares every answer, and who leaves when, with
// golang-lru's own.
func TestSmallCacheIsAnExactLRU(t *testing.T) {
	t.Parallel()
	for size := 1; size < 8; size++ {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(uint64(size), 1))
			var out, wantOut []string
			c := lru.New(size)
			c.OnEvict(func(key string, e *tier.Entry) { out = append(out, fmt.Sprint(key, e.Value)) })
			model, err := simplelru.NewLRU[string, *tier.Entry](size, nil)
			if err != nil {
				t.Fatal(err)
			}
			for step := range 3000 {
				key := strconv.Itoa(rnd.IntN(2*size + 2))
				switch n := rnd.IntN(100); {
				case n < 45:
					want, _ := model.Get(key)
					if got := c.Get(key); got != want {
						t.Fatalf("step %d: Get(%s) = %v, want %v", step, key, got, want)
					}
				case n < 60:
					want, _ := model.Peek(key)
					if got := c.Peek(key); got != want {
						t.Fatalf("step %d: Peek(%s) = %v, want %v", step, key, got, want)
					}
				case n < 94:
					e := &tier.Entry{Value: step}
					if !model.Contains(key) && model.Len() == size {
						k, left, _ := model.RemoveOldest()
						wantOut = append(wantOut, fmt.Sprint(k, left.Value))
					}
					model.Add(key, e)
					c.Set(key, e)
				case n < 99:
					model.Remove(key)
					c.Delete(key)
				default:
					model.Purge()
					c.Clear()
				}
				if got, want := fmt.Sprint(out), fmt.Sprint(wantOut); got != want {
					t.Fatalf("step %d: OnEvict heard %s, want %s", step, got, want)
				}
				out, wantOut = nil, nil
				if c.Len() != model.Len() {
					t.Fatalf("step %d: Len = %d, want %d", step, c.Len(), model.Len())
				}
			}
		})
	}
}

// TestWhatIsUsedStays asks for one key all the while others pass through.
func TestWhatIsUsedStays(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 7, 8, 9, 100, 2000} {
		c := lru.New(size)
		hot := &tier.Entry{}
		c.Set("hot", hot)
		for i := range 5 * size {
			if size > 1 {
				c.Set(strconv.Itoa(i), &tier.Entry{})
			}
			if c.Get("hot") != hot {
				t.Fatalf("size %d: the key in use left after %d others came", size, i+1)
			}
		}
	}
}

func TestPeekIsNotAUse(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 7, 8, 9, 100, 1000} {
		c := lru.New(size)
		c.Set("cold", &tier.Entry{})
		for i := range size - 1 {
			c.Set(strconv.Itoa(i), &tier.Entry{})
			if c.Peek("cold") == nil {
				t.Fatalf("size %d: not found with room for all", size)
			}
		}
		c.Set("one more", &tier.Entry{})
		if c.Peek("cold") != nil {
			t.Errorf("size %d: the oldest stayed because of Peek", size)
		}
	}
}

func TestSetReplaces(t *testing.T) {
	t.Parallel()
	c := lru.New(2)
	c.OnEvict(func(key string, _ *tier.Entry) { t.Errorf("%q left", key) })
	first, second := &tier.Entry{Value: 1}, &tier.Entry{Value: 2}
	c.Set("a", first)
	c.Set("b", first)
	c.Set("a", second)
	if c.Get("a") != second || c.Peek("a") != second || c.Get("b") != first || c.Len() != 2 {
		t.Errorf("a is %v, b is %v, Len is %d", c.Get("a"), c.Get("b"), c.Len())
	}
}

func TestForgets(t *testing.T) {
	t.Parallel()
	for _, size := range []int{5, 5000} {
		c := lru.New(size)
		c.OnEvict(func(key string, _ *tier.Entry) { t.Errorf("%q left for want of room", key) })
		forget := map[string]func(string){"Delete": c.Delete, "Clear": func(string) { c.Clear() }}
		for name, f := range forget {
			for i := range size / 5 {
				c.Set(strconv.Itoa(i), &tier.Entry{})
			}
			for i := range size / 5 {
				key := strconv.Itoa(i)
				f(key)
				f(key) // an absent key is nothing special
				if c.Get(key) != nil || c.Peek(key) != nil {
					t.Fatalf("size %d: found %s after %s", size, key, name)
				}
			}
			if c.Len() != 0 {
				t.Errorf("size %d: Len = %d after %s", size, c.Len(), name)
			}
		}
	}
}
