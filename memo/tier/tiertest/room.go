package tiertest

import (
	"fmt"
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// room.go checks what a Local does when there is no room: how many stay, which
// ones, and who is told of those that leave.

func getIsAUse(j *judge, open func(int) tier.Local) {
	l, _ := j.local(open, 64)
	used := fill(l, "used", 16)
	for i := range 10 * l.Cap() {
		for _, e := range used {
			l.Get(e.Key)
		}
		l.Set(name("new", i), entry(name("new", i)))
	}
	if stayed := present(l, used); stayed < 12 {
		j.broken("of 16 entries that were read before each Set of %d others, %d are left in a Local for %d", 10*l.Cap(), stayed, l.Cap())
	}
}

// peekIsNoUse compares with entries that nobody touches: which of those stay is
// up to the policy.
func peekIsNoUse(j *judge, open func(int) tier.Local) {
	l, _ := j.local(open, 64)
	var peeked, untouched []*tier.Entry
	for i := range 16 {
		for kind, set := range map[string]*[]*tier.Entry{"peeked": &peeked, "untouched": &untouched} {
			e := entry(name(kind, i))
			l.Set(e.Key, e)
			*set = append(*set, e)
		}
	}
	for i := range 10 * l.Cap() {
		for _, e := range peeked {
			l.Peek(e.Key)
		}
		l.Set(name("new", i), entry(name("new", i)))
	}
	if with, without := present(l, peeked), present(l, untouched); with >= without+8 {
		j.broken("of 16 entries that were peeked at %d stayed, and of 16 that were not only %d", with, without)
	}
}

func lenIsBounded(j *judge, open func(int) tier.Local) {
	for _, capacity := range []int{1, 64, 2000} {
		l, _ := j.local(open, capacity)
		over := together(crowd, func(i int) error {
			for k := range l.Cap() {
				l.Set(name(fmt.Sprint(i), k), entry(name(fmt.Sprint(i), k)))
				if n := l.Len(); k%64 == 0 && n > l.Cap() {
					return stale{fmt.Sprintf("Len is %d, and Cap is %d", n, l.Cap())}
				}
			}
			return nil
		})
		for _, err := range over {
			if err != nil {
				j.broken("%v", err)
			}
		}
		if n := l.Len(); n > l.Cap() || n < 1 {
			j.broken("after %d entries were set Len is %d, and Cap is %d", crowd*l.Cap(), n, l.Cap())
		}
	}
}

func evictionsAreTold(j *judge, open func(int) tier.Local) {
	l, out := j.local(open, 64)
	all := fill(l, "k", 10*l.Cap())
	left := func() int { return len(all) - present(l, all) }
	j.watch(time.Now(), patience, func() bool { return out.count() >= left() })
	if told := out.count(); told != left() {
		j.broken("%d entries were set and %d left for want of room; fn was called %d times", len(all), left(), told)
	}
	out.mu.Lock()
	defer out.mu.Unlock()
	for _, e := range all {
		key, told := out.heard[e]
		switch {
		case told && key != e.Key:
			j.broken("fn was told that the entry of %q left under the key %q", e.Key, key)
		case told && l.Peek(e.Key) != nil:
			j.broken("fn was told that %q left, and it is still there", e.Key)
		case !told && l.Peek(e.Key) == nil:
			j.broken("%q left, and fn was not told of this entry", e.Key)
		}
	}
}

func onlyEvictionsAreTold(j *judge, open func(int) tier.Local) {
	l, out := j.local(open, 1000)
	fill(l, "k", 100)
	fill(l, "k", 100)
	for i := range 50 {
		l.Delete(name("k", i))
	}
	l.Delete("none")
	l.Clear()
	fill(l, "k", 100)
	if n := out.count(); n > 0 {
		j.broken("fn was called %d times for entries that were replaced, deleted or cleared in a Local that was never full", n)
	}
}

// evicted is what OnEvict's fn has heard.
type evicted struct {
	mu    sync.Mutex
	heard map[*tier.Entry]string // by entry, the key that was told
	calls int
}

func (e *evicted) hear(key string, entry *tier.Entry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard[entry] = key
	e.calls++
}

func (e *evicted) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.calls
}
