package keys

import "strings"

// This file makes of a caller's key the one under which all tiers keep it. A caller
// that varies its keys, by a tenant say, has a tree of its own:
//
//	user:7                          Join("user", 7)
//	~tenant=42:user:7               the same, varied by ("tenant", 42)
//	~tenant=42:~lang=de:user:7      and in that by ("lang", "de")
//	~~x                             "~x", which somebody wrote by hand
//
// Join begins no part with a '~', but a key may be any text: one that begins with it
// gets another one. What is kept under a key that was varied is so out of reach of
// every other caller, whatever he asks for.
//
// Refused: a '\x00' in place of '~', which nobody would have to escape, as each varied
// key would be escaped for memcached then, and nobody could read it there. Refused too: a
// prefix of its own for each tenant, which would have a log, an epoch and a poller each.

const varied = '~'

// Vary returns the root of what is varied by name and value in the tree below outer,
// which is such a root, or "" for none. For a value that makes no key it returns
// a text that Refused recognises.
func Vary(outer, name string, value any) string {
	text := Join(value)
	if _, _, refused := Refused(text); refused {
		return text
	}
	part := string(varied) + Join(name) + "=" + text
	if outer == "" {
		return part
	}
	return outer + ":" + part
}

// AppendKept appends to b the key under which key is kept below root, a root or "".
// Two pairs of root and key have one such key only if both are equal.
func AppendKept(b []byte, root, key string) []byte {
	if root != "" {
		b = append(append(b, root...), ':')
	}
	if Odd(key) {
		b = append(b, varied)
	}
	return append(b, key...)
}

// Odd reports whether key is not kept as it is, although it is not varied.
func Odd(key string) bool { return key != "" && key[0] == varied }

// Asked returns the key that its caller has asked for of kept, the one under which it
// is kept: what statistics go by, and what may be shown. Of a root it is "".
func Asked(kept string) string {
	own := kept[rooted(kept):]
	if Odd(own) {
		return own[1:]
	}
	return own
}

// rooted is where in kept begins what is not its root.
func rooted(kept string) (n int) {
	for Odd(kept[n:]) && !Odd(kept[n+1:]) {
		end := strings.IndexByte(kept[n:], ':')
		if end < 0 {
			return len(kept)
		}
		n += end + 1
	}
	return n
}
