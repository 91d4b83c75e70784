package lru_test

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// key_test.go is how keys are hashed and compared.

// TestKeysThatDifferInOneByte compares keys of all lengths with what differs from them anywhere.
func TestKeysThatDifferInOneByte(t *testing.T) {
	t.Parallel()
	h := lru.NewHasher()
	for n := range 40 {
		key := strings.Repeat("k", n)
		same := strings.Clone(key)
		if !lru.Equal(key, same) || h.Hash(key) != h.Hash(same) {
			t.Errorf("a key of %d bytes is not equal to itself", n)
		}
		if lru.Equal(key, key+"k") || h.Hash(key) == h.Hash(key+"k") {
			t.Errorf("keys of %d and %d bytes are the same", n, n+1)
		}
		for i := range n {
			other := key[:i] + "x" + key[i+1:]
			if lru.Equal(key, other) || h.Hash(key) == h.Hash(other) {
				t.Errorf("keys of %d bytes that differ in number %d are the same", n, i)
			}
		}
	}
}

// wordsOf is what Words are said to be.
func wordsOf(key string) (w keys.Words) {
	word := func(s string) uint64 {
		var room [8]byte
		copy(room[:], s)
		return binary.LittleEndian.Uint64(room[:])
	}
	half := 8
	if len(key) < 8 {
		half = 4
	}
	w.Head, w.Tail, w.Len = word(key[:half]), word(key[len(key)-half:]), len(key)
	if len(key) > 16 {
		w.Mid = word(key[8:16])
	}
	return w
}

// TestKeysAreFoundByTheirWords looks for what has no text as for what has one, and among so many
// others that each shard has some.
func TestKeysAreFoundByTheirWords(t *testing.T) {
	t.Parallel()
	const text = "abcdefghijklmnopqrstuvwxyz"
	c := lru.New(100_000)
	if c.GetWords(wordsOf("user:7")) != nil {
		t.Error("a key is found where there is nothing")
	}
	for i := range 20_000 {
		set(c, "user:"+strconv.Itoa(i), i)
	}
	for i := range 20_000 {
		if e := c.GetWords(wordsOf("user:" + strconv.Itoa(i))); e == nil || e.Value != i {
			t.Fatalf("user:%d is %v", i, e)
		}
	}
	for size := 4; size <= 24; size++ {
		key := text[:size]
		e := set(c, key, size)
		before := e.Local
		if c.GetWords(wordsOf(key)) != e {
			t.Errorf("%q is not found", key)
		}
		if e.Local == before {
			t.Errorf("%q was found, and that is not noted", key)
		}
		for i := range size {
			other := []byte(key)
			other[i]++
			if c.GetWords(wordsOf(string(other))) != nil {
				t.Errorf("%q is found as %q", key, other)
			}
		}
		if size < 24 && c.GetWords(wordsOf(text[:size+1])) != nil {
			t.Errorf("%q is found under another length", key)
		}
		c.Delete(key)
		if c.GetWords(wordsOf(key)) != nil {
			t.Errorf("%q is found after its Delete", key)
		}
	}
}

// TestWordsWithOnePrint has the table alone, where the hash says nothing: the words decide.
func TestWordsWithOnePrint(t *testing.T) {
	t.Parallel()
	const text = "abcdefghijklmnopqrstuvwxyz"
	for size := 4; size <= 24; size++ {
		table := lru.NewTable(1)
		key := text[:size]
		table.Put(7, &tier.Entry{Key: key})
		if table.FindWords(7, wordsOf(key)) == nil {
			t.Errorf("%q is not found", key)
		}
		for i := range size {
			other := []byte(key)
			other[i]++
			if table.FindWords(7, wordsOf(string(other))) != nil {
				t.Errorf("%q is found as %q", key, other)
			}
		}
		table.Put(7, &tier.Entry{Key: strings.Repeat("a", size)})
		if size < 24 && table.FindWords(7, wordsOf(strings.Repeat("a", size+1))) != nil {
			t.Errorf("a key of %d bytes is found under another length", size)
		}
	}
}

// TestNoTwoCachesHashAlike: who has found keys that collide in one has found nothing.
func TestNoTwoCachesHashAlike(t *testing.T) {
	t.Parallel()
	one, other := lru.NewHasher(), lru.NewHasher()
	for n := range 40 {
		if key := strings.Repeat("k", n); one.Hash(key) == other.Hash(key) {
			t.Errorf("a key of %d bytes has one hash in two caches", n)
		}
	}
}

// TestHashesSpread throws keys as programs have them, which differ little, into as many bins, by
// the highest bits, by the lowest and by those between, and counts how many stay empty: of a
// random throw it would be 1/e.
func TestHashesSpread(t *testing.T) {
	t.Parallel()
	const bins = 1 << 14
	h := lru.NewHasher()
	var number [8]byte
	for name, key := range map[string]func(i int) string{
		"numbers":      strconv.Itoa,
		"names":        func(i int) string { return "user:" + strconv.Itoa(i) },
		"long names":   func(i int) string { return "user:" + strconv.Itoa(i) + ":of:a:long:name" },
		"longer names": func(i int) string { return "user:" + strconv.Itoa(i) + strings.Repeat(":and:so:on", 4) },
		"inner":        func(i int) string { return "a:long:name:" + strconv.Itoa(i) + ":of:a:user" },
		"low numbers":  func(i int) string { binary.LittleEndian.PutUint64(number[:], uint64(i)); return string(number[:]) },
		"high numbers": func(i int) string { binary.BigEndian.PutUint64(number[:], uint64(i)<<40); return string(number[:]) },
		"zeros":        func(i int) string { return strings.Repeat("\x00", 4) + strconv.Itoa(i) },
	} {
		for _, shift := range []int{0, 7, 25, 64 - 14} {
			var hit [bins]bool
			empty := bins
			for i := range bins {
				if bin := h.Hash(key(i)) >> shift % bins; !hit[bin] {
					hit[bin] = true
					empty--
				}
			}
			if got := float64(empty) / bins; math.Abs(got-1/math.E) > 0.02 {
				t.Errorf("%s, from bit %d: %.3f of the bins are empty, want %.3f", name, shift, got, 1/math.E)
			}
		}
	}
}
