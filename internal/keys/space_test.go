package keys_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/internal/keys"
)

func TestSpaceLayout(t *testing.T) {
	t.Parallel()
	s, ok := newSpace(t, "shop")
	if !ok {
		return
	}
	room := 250 - len("shop:v:")
	plain := strings.Repeat("k", room)
	spaced := strings.Repeat("k", room-3) + " "
	for _, c := range []struct{ name, got, want string }{
		{"plain", s.Value("user:7"), "shop:v:user:7"},
		{"empty", s.Value(""), "shop:v:"},
		{"percent is legal", s.Value("a%20b"), "shop:v:a%20b"},
		{"other bytes are legal", s.Value("größe\xff"), "shop:v:größe\xff"},
		{"space", s.Value("a b"), "shop:e:a%20b"},
		{"percent among unsafe bytes", s.Value("100%\r\n\x00\x7f"), "shop:e:100%25%0D%0A%00%7F"},
		{"longest plain", s.Value(plain), "shop:v:" + plain},
		{"too long", s.Value(plain + "k"), "shop:h:738f9689c341ab6c9560b85639808694da271bd2"},
		{"longest escaped", s.Value(spaced), "shop:e:" + strings.Repeat("k", room-3) + "%20"},
		{"too long once escaped", s.Value("k" + spaced), "shop:h:bde13e0641e84826b319a43fab1951db428560b1"},
		{"seq", s.Seq(), "shop:seq"},
		{"rotation", s.Rotation(), "shop:rot"},
		{"roster", s.Roster(), "shop:roster"},
		{"list", s.List(7, []string{"a:1", "b:1"}), "shop:u:bec8ac68c0a657319f35567e8e39332cb49342a5"},
		{"list of one name", s.List(7, []string{"a:1b:1"}), "shop:u:413cc846c42dbf37c8e6e13c7aa95c3e7f6fec18"},
		{"first record", s.Record(0), "shop:g:0"},
		{"last record", s.Record(math.MaxUint64), "shop:g:3w5e11264sgsf"},
		{"lock", s.Lock("shop:v:user:7", 71), "shop:l:1z:32da793bf1a162b3e3e963f1ff136d73135a7f47"},
	} {
		mustBeLegal(t, c.got)
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestPrefixesDoNotMeet(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{
		"a":                        "a:v:v:k",
		"a:v":                      "a%3Av:v:v:k",
		"a%3Av":                    "a%253Av:v:v:k",
		"my shop\n":                "my%20shop%0A:v:v:k",
		strings.Repeat("\x7f", 64): strings.Repeat("%7F", 64) + ":v:v:k",
	} {
		s, ok := newSpace(t, prefix)
		if !ok {
			continue
		}
		if got := s.Value("v:k"); got != want {
			t.Errorf("prefix %q: got %q, want %q", prefix, got, want)
		}
		mustBeLegal(t, s.Value(strings.Repeat("k", 1000)))
		mustBeLegal(t, s.Record(math.MaxUint64))
	}
}

func TestNewSpaceSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{
		"":                      "keys: the prefix is empty: set it to the name of your service, so that others on the same memcached do not meet its keys",
		strings.Repeat("p", 65): "keys: the prefix has 65 bytes: shorten it to 64",
	} {
		if _, err := keys.NewSpace(prefix); err == nil || err.Error() != want {
			t.Errorf("NewSpace(%q): %v", prefix, err)
		}
	}
}

func TestValueAllocatesItsResultOnly(t *testing.T) { // not parallel: it counts the allocations of the process
	s, ok := newSpace(t, "shop")
	if !ok {
		return
	}
	for _, c := range []struct {
		key  string
		want float64
	}{
		{"user:7", 1},
		{"a b", 1},
		{strings.Repeat("k", 5000), 2}, // and a copy to hash
	} {
		if got := testing.AllocsPerRun(100, func() { sink = s.Value(c.key) }); got > c.want {
			t.Errorf("%.20q: %v allocations, want at most %v", c.key, got, c.want)
		}
	}
	if got := testing.AllocsPerRun(100, func() { sink = s.Seq() }); got > 0 {
		t.Errorf("Seq: %v allocations", got)
	}
}

// A lock is that of one version in one place.
func TestLocksDoNotMeet(t *testing.T) {
	t.Parallel()
	s, ok := newSpace(t, "shop")
	if !ok {
		return
	}
	other, _ := newSpace(t, "shop2")
	seen := map[string]string{}
	for _, space := range []keys.Space{s, other} {
		for _, key := range []string{"", "k", "k2", "a b", strings.Repeat("k", 1000)} {
			for _, cas := range []uint64{1, 2, 36, 37, math.MaxUint64} {
				lock, what := space.Lock(space.Value(key), cas), fmt.Sprintf("version %d of %.20q", cas, space.Value(key))
				mustBeLegal(t, lock)
				if before := seen[lock]; before != "" {
					t.Errorf("%s and %s have one lock", what, before)
				}
				seen[lock] = what
				if again := space.Lock(space.Value(key), cas); again != lock {
					t.Errorf("%s has the locks %s and %s", what, lock, again)
				}
			}
		}
	}
	if place := s.Value("l:1:k"); strings.HasPrefix(place, "shop:l:") {
		t.Errorf("%s is a key's place, and may be a lock", place)
	}
}

func TestLockOfTheLongestPrefixIsLegal(t *testing.T) {
	t.Parallel()
	s, ok := newSpace(t, strings.Repeat("\x7f", keys.MaxPrefix))
	if !ok {
		return
	}
	for _, key := range []string{"k", strings.Repeat("k", 1000)} {
		mustBeLegal(t, s.Lock(s.Value(key), math.MaxUint64))
	}
}
