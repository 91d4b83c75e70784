package keys

import "strings"

// This file reads what Join wrote: where a key stands in the tree of keys. It
// serves statistics, and the invalidation of a tree.

// Name returns the first part of key as it is written, which is what statistics
// are kept by. Of a key without ':' that is the whole key.
func Name(key string) string {
	name, _, _ := strings.Cut(key, ":")
	return name
}

// Under reports whether key is parent, or stands below it in the tree of keys:
// Join("user", 7, "orders") is under Join("user", 7), Join("user", 70) is not.
func Under(key, parent string) bool {
	n := len(parent)
	return strings.HasPrefix(key, parent) && (len(key) == n || key[n] == ':')
}
