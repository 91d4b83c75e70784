package roster_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tiermemo/tiermemo/internal/roster"
)

const many = 100_000

// keysLike returns keys as applications make them.
func keysLike(kind string, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		switch kind {
		case "numbers":
			keys[i] = fmt.Sprint(i)
		case "uuids":
			x := uint64(i) * 0x9e3779b97f4a7c15
			keys[i] = fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", uint32(x>>32), uint16(x>>16), x>>4&0xfff, x>>20&0xfff, (x*0xbf58476d1ce4e5b9)>>16)
		case "prefixes":
			keys[i] = fmt.Sprintf("tenant:%d:service:catalog:page:of:products:%d:v2", i%3, i)
		}
	}
	return keys
}

func nodes(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("cache-%d.internal:11211", i)
	}
	return list
}

func places(secret string, list, keys []string) []string {
	choice := roster.Among(secret, list...)
	at := make([]string, len(keys))
	for i, key := range keys {
		at[i] = choice(key)
	}
	return at
}

func TestOnlyTheNewNodeGetsKeysAndOnlyItsShare(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"numbers", "uuids", "prefixes"} {
		keys := keysLike(kind, many)
		three, four := places("s", nodes(3), keys), places("s", nodes(4), keys)
		moved := 0
		for i := range keys {
			if three[i] != four[i] {
				moved++
				if four[i] != nodes(4)[3] {
					t.Fatalf("%s moves from %s to %s, which is not new", keys[i], three[i], four[i])
				}
			}
		}
		// From four to three the same keys move back, and no other.
		if moved > many*26/100 || moved < many*24/100 {
			t.Errorf("%s: %d of %d move, want a quarter", kind, moved, many)
		}
	}
}

func TestTheOrderOfAListIsOfNoImportance(t *testing.T) {
	t.Parallel()
	keys := keysLike("numbers", 10_000)
	other := nodes(5)
	slices.Reverse(other)
	other = append(other, other[2], other[0])
	if !slices.Equal(places("s", nodes(5), keys), places("s", other, keys)) {
		t.Error("keys move with the order of the list, or with what is in it twice")
	}
}

func TestKeysAreSpreadEvenly(t *testing.T) {
	t.Parallel()
	for _, n := range []int{3, 5, 50} {
		for _, kind := range []string{"numbers", "uuids", "prefixes"} {
			count := map[string]int{}
			for _, at := range places("s", nodes(n), keysLike(kind, many)) {
				count[at]++
			}
			// Chance alone gives each of 50 a share with a deviation of 2.2 %.
			for _, name := range nodes(n) {
				if share := float64(count[name]) * float64(n) / many; share < 0.9 || share > 1.1 {
					t.Errorf("%d nodes, %s: %s has %.3f of its share", n, kind, name, share)
				}
			}
		}
	}
}

func TestWhoDoesNotKnowTheSecretCannotAim(t *testing.T) {
	t.Parallel()
	var aimed []string
	for i, at := range places("guess", nodes(4), keysLike("numbers", many)) {
		if at == nodes(4)[0] {
			aimed = append(aimed, fmt.Sprint(i))
		}
	}
	hit := 0
	for _, at := range places("secret", nodes(4), aimed) {
		if at == nodes(4)[0] {
			hit++
		}
	}
	if share := float64(hit) / float64(len(aimed)); share < 0.24 || share > 0.26 {
		t.Errorf("%.3f of the keys that were chosen for a node under another secret are at it, want a quarter", share)
	}
}

// What these say is stored in every fleet: another release has to find it there.
func TestPlacesAreTheCommittedOnes(t *testing.T) {
	t.Parallel()
	keys := []string{"", "a", "user:7", "user:7:orders", "größe", string(make([]byte, 300))}
	got := places("prefix", []string{"a:1", "b:1", "c:1", "d:1"}, keys)
	want := []string{"a:1", "b:1", "a:1", "d:1", "d:1", "d:1"}
	if !slices.Equal(got, want) {
		t.Errorf("keys are at %q, and were at %q", got, want)
	}
}
