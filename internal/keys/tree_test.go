package keys_test

import (
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/internal/keys"
)

func TestName(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"":                       "",
		"user":                   "user",
		"user:7:orders":          "user",
		":7":                     "",
		keys.Join("a:b", 1):      "a%3Ab",
		keys.Join(query{1, ":"}): "{ID=1,Text='%3A}",
	} {
		if got := keys.Name(key); got != want {
			t.Errorf("Name(%q) = %q, want %q", key, got, want)
		}
	}
}

func TestUnder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key, parent string
		want        bool
	}{
		{"user:7", "user:7", true},
		{"user:7:orders", "user:7", true},
		{"user:7:orders", "user", true},
		{"user:70", "user:7", false},
		{"user", "user:7", false},
		{"users", "user", false},
		{"", "", true},
		{"user", "", false},
		{keys.Join("user", "7:x"), keys.Join("user", "7"), false},
		{keys.Join("user", []int{7}), keys.Join("user", 7), false},
		{keys.Join("user", "", 1), keys.Join("user", ""), true},
	} {
		if got := keys.Under(c.key, c.parent); got != c.want {
			t.Errorf("Under(%q, %q) = %v", c.key, c.parent, got)
		}
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"user:7:orders": "user", "user:": "user", "": "", "0a1b2c3d": "", // the last may be a session's token
		"0a1b:7": "", "ada@example.com:7": "", keys.Join("ada@example.com", 7): "", ":7": "", "tenant-1/user:7": "tenant-1/user",
		strings.Repeat("x", 64) + ":7": strings.Repeat("x", 64), strings.Repeat("x", 65) + ":7": "",
	} {
		if got := keys.Kind(key); got != want {
			t.Errorf("Kind(%q) = %q, want %q", key, got, want)
		}
	}
}

func TestRefusedKeysKeepTheirKind(t *testing.T) {
	t.Parallel()
	bad := make(chan int)
	for want, key := range map[string]string{"user": keys.Join("user", 7, bad), "": keys.Join(bad, "user")} {
		if kind, _, ok := keys.Refused(key); !ok || kind != want {
			t.Errorf("Refused says %q, %v, want %q", kind, ok, want)
		}
	}
}

func TestSameTrees(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"user:1", "user:2", true}, {"user", "page", true}, {"user:1", "page:1", false}, {"user:1", "user:1:orders", false},
		{"a:b:c:d:e:1", "a:b:c:d:e:2", true}, {"a:b:c:d:e:1", "a:b:c:x:e:1", false}, {"user:1", "user", false}, {"", "", true},
	} {
		for range 2 {
			if got := keys.SameTrees(c.a, c.b); got != c.want {
				t.Errorf("SameTrees(%q, %q) = %t", c.a, c.b, got)
			}
			c.a, c.b = c.b, c.a
		}
	}
}
