package keys_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/internal/keys"
)

func kept(root, key string) string { return string(keys.AppendKept(nil, root, key)) }

func TestVaryWrites(t *testing.T) {
	t.Parallel()
	tenant := keys.Vary("", "tenant", 42)
	for _, c := range []struct{ root, key, want string }{
		{"", "user:7", "user:7"},
		{"", "", ""},
		{"", "~x", "~~x"},
		{"", "~~x", "~~~x"},
		{"", "~tenant=42:user:7", "~~tenant=42:user:7"},
		{tenant, "user:7", "~tenant=42:user:7"},
		{tenant, "~x", "~tenant=42:~~x"},
		{tenant, ":x", "~tenant=42::x"},
		{keys.Vary(tenant, "lang", "de"), "user:7", "~tenant=42:~lang=de:user:7"},
		{keys.Vary("", "ten:ant=", "4:2="), "user", "~ten%3Aant%3D='4%3A2%3D:user"},
		{keys.Vary("", "~", "~"), "user", "~'~='~:user"},
		{keys.Vary("", "shop", struct{ ID, Page int }{1, 2}), "user", "~shop={ID=1,Page=2}:user"},
	} {
		if got := kept(c.root, c.key); got != c.want {
			t.Errorf("%q below %q: got %q, want %q", c.key, c.root, got, c.want)
		}
		if got := keys.Asked(c.want); got != c.key {
			t.Errorf("Asked(%q) = %q, want %q", c.want, got, c.key)
		}
	}
	if got := keys.Asked(tenant); got != "" {
		t.Errorf("Asked(%q) = %q", tenant, got)
	}
	bad := make(chan int)
	for _, root := range []string{keys.Vary("", "tenant", bad), keys.Vary(tenant, "tenant", bad)} {
		if _, _, refused := keys.Refused(root); !refused {
			t.Errorf("%q is not refused", root)
		}
	}
}

func TestVariedTreesHaveMarkersOfTheirOwn(t *testing.T) {
	t.Parallel()
	s, _ := newSpace(t, "shop")
	tenant := keys.Vary("", "tenant", 42)
	both := keys.Vary(tenant, "lang", "de")
	for want, all := range map[string][]string{
		"shop:r:": {"user", "~~x", "~~tenant=42"},
		"shop:n:": {tenant, both, kept(tenant, "user"), kept(both, "user"), kept(tenant, "~x")},
		"shop:b:": {"user:7", "~~x:7", kept(tenant, "user:7"), kept(both, "a:b:c:d:e")},
	} {
		for _, key := range all {
			if got := s.Tree(key); !strings.HasPrefix(got, want) {
				t.Errorf("Tree(%q) = %q, want one of %q", key, got, want)
			}
		}
	}
	if a, b := s.Tree(kept(both, "a:b:c:d")), s.Tree(kept(both, "a:b:c:d:e")); a != b {
		t.Errorf("beyond Depth: %q and %q", a, b)
	}
	if a, b := s.Tree(kept(both, "a:b:c:d")), s.Tree(kept(both, "a:b:c")); a == b {
		t.Errorf("%q is the marker of two", a)
	}
	want := []string{"~tenant=42", "~tenant=42:~lang=de", both + ":a", both + ":a:b", both + ":a:b:c", both + ":a:b:c:d"}
	if got := slices.Collect(keys.Trees(kept(both, "a:b:c:d:e:f"))); !slices.Equal(got, want) {
		t.Errorf("Trees: %q, want %q", got, want)
	}
	if got := slices.Collect(keys.Trees("a:b:c:d:e:f")); !slices.Equal(got, []string{"a", "a:b", "a:b:c", "a:b:c:d"}) {
		t.Errorf("Trees: %q", got)
	}
}

// A caller is a root of up to two values, and a key of his.
type caller struct {
	root  string
	means []string // the values, and the key
}

func newCaller(name1, value1, name2, value2, key string, depth byte) caller {
	c := caller{means: []string{}}
	for _, v := range [][2]string{{name1, value1}, {name2, value2}}[:depth%3] {
		c.root = keys.Vary(c.root, v[0], v[1])
		c.means = append(c.means, v[0], v[1])
	}
	c.means = append(c.means, key)
	return c
}

// Whatever keys callers write: two of them meet in one key only if they are one, what is
// shown of it is what was asked for, and each stands below its own root and below no
// other that is not above that.
func FuzzVaryInjective(f *testing.F) {
	for _, key := range []string{"user:7", "~tenant=acme:user:7", "~~tenant=acme:user:7", "tenant=acme:user:7", ":", "~", "~~", ""} {
		f.Add("tenant", "acme", "lang", "de", byte(1), key, "tenant", "acme", "lang", "de", byte(0), "~tenant=acme:user:7")
		f.Add("tenant", "acme", "lang", "de", byte(2), key, "tenant", "acme", "", "", byte(1), "~lang=de:"+key)
		f.Add("tenant", "a:c", "lang", "de", byte(1), key, "tenant", "a", "", "", byte(1), "c:"+key)
		f.Add("a=b", "c", "", "", byte(1), key, "a", "b=c", "", "", byte(1), key)
		f.Add("a", "", "", "", byte(1), key, "a", "'", "", "", byte(1), key)
		f.Add("~a", "1", "", "", byte(1), key, "a", "1", "", "", byte(0), "~~a=1:"+key)
	}
	s, err := keys.NewSpace("shop")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2 string, d1 byte, k1, m1, w1, m2, w2 string, d2 byte, k2 string) {
		x, y := newCaller(n1, v1, n2, v2, k1, d1), newCaller(m1, w1, m2, w2, k2, d2)
		keptX, keptY := kept(x.root, k1), kept(y.root, k2)
		if same := slices.Equal(x.means, y.means); (keptX == keptY) != same {
			t.Fatalf("%q is kept as %q, %q as %q", x.means, keptX, y.means, keptY)
		}
		if got := keys.Asked(keptX); got != k1 {
			t.Fatalf("Asked(%q) = %q, want %q", keptX, got, k1)
		}
		if x.root != "" && !keys.Under(keptX, x.root) {
			t.Fatalf("%q is not under %q", keptX, x.root)
		}
		inside := len(y.means) <= len(x.means) && slices.Equal(x.means[:len(y.means)-1], y.means[:len(y.means)-1])
		if y.root != "" && k1 != "" && keys.Under(keptX, y.root) != inside {
			t.Fatalf("%q is under %q: not as %q is part of %q", keptX, y.root, x.means, y.means)
		}
		if k2 != "" && keys.Under(keptX, keptY) && x.root != y.root {
			t.Fatalf("%q is under the key %q of another one", keptX, keptY)
		}
		if k2 != "" && keys.Under(keptX, keptY) && keptX != keptY && !slices.Contains(marks(s, keptX), s.Tree(keptY)) {
			t.Fatalf("a value under %q does not see the marker of %q", keptX, keptY)
		}
		if x.root != "" && k1 != "" && !slices.Contains(marks(s, keptX), s.Tree(x.root)) {
			t.Fatalf("a value under %q does not see the marker of its root", keptX)
		}
	})
}

func marks(s keys.Space, key string) (all []string) {
	for above := range keys.Trees(key) {
		all = append(all, s.Tree(above))
	}
	return all
}
