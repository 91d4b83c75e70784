package keys_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/internal/keys"
)

// seeds are lists of parts that lie close together.
var seeds = []string{
	"",
	"\x00\x00\x04user\x02",
	"\x01\x00\x04user\x00\x02\x00\x07\x00",
	"\x01\x00\x04user\x00\x00\x017\x00",
	"\x02\x00\x01a\x00\x00\x01b\x00\x00\x03a:b\x00",
	"\x00\x00\x04true\x00", "\x00\x00\x03nil\x00", "\x00\x00\x03\xff%A\x00", "\x00\x00\x00\x00",
	"\x00\x02\x07\xff\xff\xff\xff\xff\xff\xff\xff\x00", "\x00\x02\x07\xff\xff\xff\xff\xff\xff\xff\xff\x0a",
	"\x00\x04\x07\x00\x00\x00\x00\x00\x00\xf0\x3f", "\x00\x04\x07\x00\x00\x00\x00\x00\x00\x00\x80", "\x00\x05\x03\x00\x00\xc0\x7f\x00",
	"\x00\x06\x01\x07\x00\x00\x00\x00\x00\x00\xf0\x7f", "\x00\x07\x01\x01", "\x01\x08\x00\x08\x02",
	"\x00\x09\x04abcd\x01", "\x00\x0a\x03x,y\x01", "\x00\x0b\x02\x00\x01a\x00\x00\x01b\x00\x01", "\x00\x0b\x01\x00\x03a,b\x00",
	"\x00\x0c\x00\x01a\x00\x02\x00\x01\x00\x02", "\x00\x0c\x00\x01a\x00\x02\x00\x01\x00\x03",
	"\x00\x0d\x02\x01a\x01\x07\x01\x00\x01b\x00\x08\x00", "\x00\x0d\x00", "\x00\x0b\x00",
}

// A key says what its parts are, no more and no less: it can be read back, and
// two lists of parts have one key if and only if they mean the same.
func FuzzJoinInjective(f *testing.F) {
	for i, a := range seeds {
		f.Add([]byte(a), []byte(seeds[(i+1)%len(seeds)]))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, meansX := (&source{a}).parts()
		y, meansY := (&source{b}).parts()
		keyX, keyY := keys.Join(x...), keys.Join(y...)
		if _, problem, refused := keys.Refused(keyX); refused {
			t.Fatalf("Join(%#v) is refused: %s", x, problem)
		}
		if again := keys.Join(x...); again != keyX {
			t.Fatalf("Join(%#v) is %q, then %q", x, keyX, again)
		}
		if got := decode(keyX); !slices.Equal(got, meansX) {
			t.Fatalf("Join(%#v) = %q\n reads %q\n means %q", x, keyX, got, meansX)
		}
		if same := slices.Equal(meansX, meansY); (keyX == keyY) != same {
			t.Fatalf("Join(%#v) = %q\nJoin(%#v) = %q\nequal lists: %v", x, keyX, y, keyY, same)
		}
		if i := strings.IndexFunc(keyX, func(r rune) bool { return r <= ' ' || r == 0x7f }); i >= 0 {
			t.Fatalf("Join(%#v) = %q has the byte %#x", x, keyX, keyX[i])
		}
	})
}

// The tree of keys is the tree of lists, and on any strings Under is a question
// about whole parts.
func FuzzUnder(f *testing.F) {
	for i, a := range seeds {
		f.Add([]byte(a), []byte(seeds[(i+1)%len(seeds)]), "user:7:orders", "user:7")
	}
	f.Fuzz(func(t *testing.T, a, b []byte, key, parent string) {
		x, meansX := (&source{a}).parts()
		y, meansY := (&source{b}).parts()
		above := len(meansY) <= len(meansX) && slices.Equal(meansX[:len(meansY)], meansY)
		keyX, keyY := keys.Join(x...), keys.Join(y...)
		if keys.Under(keyX, keyY) != above {
			t.Fatalf("Under(%q, %q) = %v", keyX, keyY, !above)
		}
		for n := range x {
			if top := keys.Join(x[:n+1]...); !keys.Under(keyX, top) {
				t.Fatalf("%q is not under %q", keyX, top)
			}
		}
		if keyX0 := keys.Join(x[0]); keys.Name(keyX) != keyX0 {
			t.Fatalf("Name(%q) = %q, want %q", keyX, keys.Name(keyX), keyX0)
		}
		if got, want := keys.Under(key, parent), strings.HasPrefix(key+":", parent+":"); got != want {
			t.Fatalf("Under(%q, %q) = %v", key, parent, got)
		}
		if !keys.Under(key+":"+parent, key) || !keys.Under(key, keys.Name(key)) {
			t.Fatalf("%q is not under itself", key)
		}
	})
}

// All wire keys are legal, and no two things share one.
func FuzzValue(f *testing.F) {
	long := strings.Repeat("k", 300)
	f.Add("user:7", "user:8", "shop", "shop", uint64(1))
	f.Add("v:k", "k", "a", "a:v", uint64(1))
	f.Add("a b", "a%20b", "p", "p", uint64(1))
	f.Add("a b", "a%20b", "p%", "p%25", uint64(1))
	f.Add(long, long+"k", "p", "p", uint64(1<<63))
	f.Add(long[:246], long[:247], "p", "p", uint64(0))
	f.Add(strings.Repeat(" ", 82), strings.Repeat(" ", 83), "p", "p", uint64(0))
	f.Add("", "\x00", strings.Repeat("\xff:", 32), strings.Repeat(" ", 64), uint64(35))
	f.Add("seq", "", "p:seq", "p", uint64(7))
	f.Fuzz(func(t *testing.T, key1, key2, prefix1, prefix2 string, n uint64) {
		s1, ok1 := newSpace(t, prefix1)
		s2, ok2 := newSpace(t, prefix2)
		if !ok1 || !ok2 {
			return
		}
		wire1, wire2 := s1.Value(key1), s2.Value(key2)
		if same := key1 == key2 && prefix1 == prefix2; (wire1 == wire2) != same {
			t.Fatalf("%q of %q is %q, %q of %q is %q", key1, prefix1, wire1, key2, prefix2, wire2)
		}
		seen := map[string]bool{}
		for _, wire := range []string{wire1, s1.Seq(), s1.Rotation(), s1.Record(n), s1.Record(n + 1)} {
			if seen[wire] {
				t.Fatalf("two keys of %q are %q", prefix1, wire)
			}
			seen[wire] = true
			mustBeLegal(t, wire)
		}
		if prefix1 == prefix2 {
			return
		}
		for _, wire := range []string{wire2, s2.Seq(), s2.Rotation(), s2.Record(n)} {
			if seen[wire] {
				t.Fatalf("%q and %q share %q", prefix1, prefix2, wire)
			}
		}
	})
}

func newSpace(t *testing.T, prefix string) (keys.Space, bool) {
	t.Helper()
	s, err := keys.NewSpace(prefix)
	if want := len(prefix) >= 1 && len(prefix) <= 64; (err == nil) != want {
		t.Fatalf("NewSpace(%q): %v", prefix, err)
	}
	return s, err == nil
}

func mustBeLegal(t *testing.T, wire string) {
	t.Helper()
	if len(wire) < 1 || len(wire) > 250 {
		t.Fatalf("%q has %d bytes", wire, len(wire))
	}
	for i := range len(wire) {
		if wire[i] <= ' ' || wire[i] == 0x7f {
			t.Fatalf("%q has the byte %#x", wire, wire[i])
		}
	}
}
