package keys

import (
	"iter"
	"strings"
)

// This file reads what Join wrote: where a key stands in the tree of keys. It
// serves statistics, and the invalidation of a tree.

// Name returns the first part of key as it is written, which is what statistics
// are kept by. Of a key without ':' that is the whole key.
func Name(key string) string {
	name, _, _ := strings.Cut(key, ":")
	return name
}

// Kind returns what may be shown of key: the first part of one that was made of
// several, if that reads like the name of a kind of thing, else "". A key of one
// part may be a session's token, and a first part with an @ in it is an address.
func Kind(key string) string {
	const most = 64
	name, _, several := strings.Cut(key[:min(len(key), most+1)], ":")
	if !several || name == "" || !letter(name[0]) {
		return ""
	}
	for i := range len(name) {
		if c := name[i]; !letter(c) && (c < '0' || c > '9') && strings.IndexByte(" _-./", c) < 0 {
			return ""
		}
	}
	return name
}

func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// Under reports whether key is parent, or stands below it in the tree of keys:
// Join("user", 7, "orders") is under Join("user", 7), Join("user", 70) is not.
func Under(key, parent string) bool {
	n := len(parent)
	return strings.HasPrefix(key, parent) && (len(key) == n || key[n] == ':')
}

// Depth is how many parts of a caller's key have markers in the shared tier, see
// Space.Tree: as many are read with each value of a deep key, and one more for each
// value that it is varied by.
const Depth = 4

// Above yields the keys that key stands below: of Join("user", 7, "orders")
// Join("user") and Join("user", 7). It allocates nothing.
func Above(key string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range len(key) {
			if key[i] == ':' && !yield(key[:i]) {
				return
			}
		}
	}
}

// Trees yields those of the keys above key of which the markers say all that is to be
// said of key: beyond Depth one has the marker of another that is there.
func Trees(key string) iter.Seq[string] {
	return func(yield func(string) bool) {
		depth, root := 0, rooted(key)
		for above := range Above(key) {
			if len(above) >= root {
				depth++
			}
			if depth > Depth || !yield(above) {
				return
			}
		}
	}
}

// SameTrees reports whether Trees yields the same for a and b.
func SameTrees(a, b string) bool {
	var above [2 * Depth]string
	n, same := 0, true
	for t := range Trees(a) {
		if n == len(above) {
			return a == b
		}
		above[n] = t
		n++
	}
	i := 0
	for t := range Trees(b) {
		same = same && i < n && above[i] == t
		i++
	}
	return same && i == n
}

// head is the first parts of key, at most n.
func head(key string, n int) string {
	for i := range len(key) {
		if key[i] != ':' {
			continue
		}
		if n--; n == 0 {
			return key[:i]
		}
	}
	return key
}
