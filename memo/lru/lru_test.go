package lru_test

import (
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// set stores value under key, and returns its entry.
func set(c *lru.Cache, key string, value any) *tier.Entry {
	e := &tier.Entry{Key: key, Value: value}
	c.Set(key, e)
	return e
}

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
				set(c, strconv.Itoa(i), nil)
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

// TestWhatIsUsedStays asks for one key all the while others pass through.
func TestWhatIsUsedStays(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 7, 8, 9, 100, 2000} {
		c := lru.New(size)
		hot := set(c, "hot", nil)
		for i := range 5 * size {
			if size > 1 {
				set(c, strconv.Itoa(i), nil)
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
		set(c, "cold", nil)
		for i := range size - 1 {
			set(c, strconv.Itoa(i), nil)
			if c.Peek("cold") == nil {
				t.Fatalf("size %d: not found with room for all", size)
			}
		}
		set(c, "one more", nil)
		if c.Peek("cold") != nil {
			t.Errorf("size %d: the oldest stayed because of Peek", size)
		}
	}
}

func TestSetReplaces(t *testing.T) {
	t.Parallel()
	c := lru.New(2)
	c.OnEvict(func(key string, _ *tier.Entry) { t.Errorf("%q left", key) })
	set(c, "a", 1)
	first, second := set(c, "b", 1), set(c, "a", 2)
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
				set(c, strconv.Itoa(i), nil)
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
