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

// Kind returns what may be shown of key: the first part of one that was made of
// several, which is the name of a kind of thing, else "". A key of one part may be
// a session's token, and what is long is no name.
func Kind(key string) string {
	const most = 64
	head := key[:min(len(key), most+1)]
	if !strings.Contains(head, ":") {
		return ""
	}
	return Name(head)
}

// Under reports whether key is parent, or stands below it in the tree of keys:
// Join("user", 7, "orders") is under Join("user", 7), Join("user", 70) is not.
func Under(key, parent string) bool {
	n := len(parent)
	return strings.HasPrefix(key, parent) && (len(key) == n || key[n] == ':')
}
