package fleet

// acks.go is what a checker knows of the invalidations that have returned.

import (
	"cmp"
	"slices"
)

// ack is one key of a write, as a reader of that key sees it.
type ack struct {
	process   int
	operation Operation
	version   uint64
	newest    uint64 // the largest version of this and all earlier acks
	returned  int64
	deferred  bool
	since     int64         // when the others could hear of it
	lags      map[int]int64 // by process, of those that have read something older
}

// acks are the invalidations by key, in the order in which they returned.
type acks struct {
	byKey     map[Key][]*ack
	processes int
}

func (l *acks) add(k Key, a *ack) { l.byKey[k] = append(l.byKey[k], a) }

func (l *acks) sort() {
	for _, list := range l.byKey {
		slices.SortFunc(list, func(a, b *ack) int { return cmp.Compare(a.returned, b.returned) })
		var newest uint64
		for _, a := range list {
			newest = max(newest, a.version)
			a.newest = newest
		}
	}
}

// forget gives done those that returned before a time, and keeps of them the newest
// of each key and process: who reads something older than that later on is stale
// against it, and no other one would show more.
func (l *acks) forget(before int64, done func(*ack)) {
	for k, list := range l.byKey {
		newest := map[int]*ack{}
		for _, a := range list {
			if n := newest[a.process]; n == nil || a.version > n.version {
				newest[a.process] = a
			}
		}
		l.byKey[k] = slices.DeleteFunc(list, func(a *ack) bool {
			if a.returned >= before || newest[a.process] == a {
				return false
			}
			done(a)
			return true
		})
	}
}

func (l *acks) each(fn func(*ack)) {
	for _, list := range l.byKey {
		for _, a := range list {
			fn(a)
		}
	}
}
