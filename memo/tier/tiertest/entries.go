package tiertest

import (
	"fmt"
	"reflect"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// entries.go checks a Local.

// local opens a Local and calls OnEvict once, before use, as the engine does.
func (j *judge) local(open func(int) tier.Local, capacity int) (tier.Local, *evicted) {
	j.Helper()
	l := open(capacity)
	if has := l.Cap(); has < capacity || has > 2*capacity {
		j.Fatalf("open was asked for a Local of %d entries, and returned one whose Cap is %d", capacity, has)
	}
	e := &evicted{heard: map[*tier.Entry]string{}}
	l.OnEvict(e.hear)
	return l, e
}

func entry(key string) *tier.Entry {
	return &tier.Entry{Key: key, Value: key, Early: 1 << 62}
}

// name makes the ith key of a kind.
func name(kind string, i int) string { return fmt.Sprint(kind, ":", i) }

func fill(l tier.Local, kind string, n int) []*tier.Entry {
	all := make([]*tier.Entry, n)
	for i := range all {
		all[i] = entry(name(kind, i))
		l.Set(all[i].Key, all[i])
	}
	return all
}

func setStores(j *judge, open func(int) tier.Local) {
	l, _ := j.local(open, 1000)
	if e := l.Get("none"); e != nil {
		j.broken("Get of a key that was never set returned %+v", e)
	}
	if e := l.Peek("none"); e != nil {
		j.broken("Peek of a key that was never set returned %+v", e)
	}
	for _, e := range fill(l, "k", 100) {
		for method, got := range map[string]*tier.Entry{"Get": l.Get(e.Key), "Peek": l.Peek(e.Key)} {
			if got == nil {
				j.broken("%s found nothing of %q, which is one of 100 entries in a Local for 1000", method, e.Key)
			}
			if got.Key != e.Key {
				j.broken("%s of %q returned the entry of %q", method, e.Key, got.Key)
			}
		}
	}
}

func setReplaces(j *judge, open func(int) tier.Local) {
	l, _ := j.local(open, 1000)
	fill(l, "k", 10)
	for i := range 10 {
		e := entry(name("k", i))
		e.Stamp = 2
		l.Set(e.Key, e)
		if got := l.Get(e.Key); got == nil || got.Stamp != 2 {
			j.broken("after a second Set of %q, Get returned the entry of the first, or none", e.Key)
		}
	}
	if n := l.Len(); n != 10 {
		j.broken("10 keys were set twice, and Len is %d", n)
	}
}

func entriesAreShared(j *judge, open func(int) tier.Local) {
	l, _ := j.local(open, 100)
	e := &tier.Entry{
		Key: "k", Value: &struct{ n int }{7}, Stamp: 1, Loaded: 2, Early: 3, Micros: 5, More: &tier.More{Tags: []string{"a", "b"}},
	}
	was := *e
	l.Set("k", e)
	for method, got := range map[string]*tier.Entry{"Get": l.Get("k"), "Peek": l.Peek("k")} {
		if got != nil && got != e {
			j.broken("%s returned another *Entry than the one that was set", method)
		}
	}
	fill(l, "other", 500)
	before, after := reflect.ValueOf(was), reflect.ValueOf(*e)
	for i := range before.NumField() {
		if before.Type().Field(i).Name == "Local" { // its own
			continue
		}
		if b, a := before.Field(i).Interface(), after.Field(i).Interface(); !reflect.DeepEqual(a, b) {
			j.broken("the Local changed an entry: its %s was %v and is %v", before.Type().Field(i).Name, b, a)
		}
	}
}

func timeIsIgnored(j *judge, open func(int) tier.Local) {
	l, _ := j.local(open, 100)
	for name, e := range map[string]*tier.Entry{
		"of 1ns":          {Loaded: 1, Early: 1},
		"of the past":     {Loaded: -1e9, Early: -2},
		"without an end":  {Loaded: 1, Early: 1<<63 - 1},
		"with zero times": {},
	} {
		e.Key = name
		l.Set(name, e)
		if l.Get(name) == nil {
			j.broken("an entry %s (Loaded %d, Early %d, Fresh %d) was not found after Set", name, e.Loaded, e.Early, e.Fresh())
		}
	}
}

func present(l tier.Local, entries []*tier.Entry) (n int) {
	for _, e := range entries {
		if l.Peek(e.Key) != nil {
			n++
		}
	}
	return n
}

func deleteForgets(j *judge, open func(int) tier.Local) {
	l, _ := j.local(open, 1000)
	fill(l, "k", 10)
	fill(l, "k", 10)
	l.Delete("none")
	l.Delete(name("k", 3))
	if l.Get(name("k", 3)) != nil || l.Peek(name("k", 3)) != nil {
		j.broken("a key was set twice and deleted, and an entry of it is still found")
	}
	if n := l.Len(); n != 9 {
		j.broken("one of 10 entries was deleted, and Len is %d", n)
	}
	if l.Get(name("k", 4)) == nil {
		j.broken("Delete of one key deleted another")
	}
	j.forgets(l, "Delete", func(keys []string) {
		for _, key := range keys {
			l.Delete(key)
		}
	})
}

func clearForgets(j *judge, open func(int) tier.Local) {
	l, _ := j.local(open, 1000)
	all := fill(l, "k", 500)
	l.Clear()
	if n := present(l, all); n > 0 {
		j.broken("after Clear %d of 500 entries are still found", n)
	}
	if n := l.Len(); n != 0 {
		j.broken("after Clear Len is %d", n)
	}
	again := fill(l, "k", 10)
	if n := present(l, again); n != 10 {
		j.broken("of 10 entries that were set after Clear %d are found", n)
	}
	j.forgets(l, "Clear", func([]string) { l.Clear() })
}

// forgets lets each of several goroutines set keys of its own, and forget them
// while the others read all of them.
func (j *judge) forgets(l tier.Local, method string, forget func(keys []string)) {
	j.Helper()
	errs := together(crowd, func(i int) error {
		keys := make([]string, 4)
		for round := range 100 {
			for k := range keys {
				keys[k] = fmt.Sprint(i, round, k)
				l.Set(keys[k], entry(keys[k]))
				l.Get(fmt.Sprint((i+1)%crowd, round, k))
			}
			forget(keys)
			for _, key := range keys {
				if l.Get(key) != nil {
					return stale{fmt.Sprintf("while others used the Local, a Get that began after %s had returned found what was there", method)}
				}
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			j.broken("%v", err)
		}
	}
}

func localAtOnce(j *judge, open func(int) tier.Local) {
	l, _ := j.local(open, 64)
	errs := together(2*crowd, func(i int) error {
		for round := range 500 {
			key := name("any", (i*31+round)%200)
			switch (i + round) % 8 {
			case 0, 1:
				l.Set(key, entry(key))
			case 2:
				l.Delete(key)
			case 3:
				l.Len()
			case 4:
				if round%100 == 0 {
					l.Clear()
				}
			default:
				for _, e := range []*tier.Entry{l.Get(key), l.Peek(key)} {
					if e != nil && e.Key != key {
						return stale{fmt.Sprintf("a read of %q returned the entry of %q", key, e.Key)}
					}
				}
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			j.broken("%v", err)
		}
	}
}
