package tiertest_test

import (
	"sync"
	"time"

	"github.com/tiermemo/tiermemo/memo/lru"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// brokenlocal_test.go has the mistakes that one makes in a Local, one at a time.

type brokenLocal struct {
	breaks string // the rule
	how    string
	saying string // a part of what the suite says
	open   func(good *lru.Cache) tier.Local
}

// bentLocal is a good Local with some methods replaced.
type bentLocal struct {
	tier.Local
	get, peek func(key string) *tier.Entry
	set       func(key string, e *tier.Entry)
	forget    func(key string)
	clear     func()
	size      func() int
	onEvict   func(fn func(string, *tier.Entry))
}

func (b *bentLocal) Get(key string) *tier.Entry {
	if b.get != nil {
		return b.get(key)
	}
	return b.Local.Get(key)
}

func (b *bentLocal) Peek(key string) *tier.Entry {
	if b.peek != nil {
		return b.peek(key)
	}
	return b.Local.Peek(key)
}

func (b *bentLocal) Set(key string, e *tier.Entry) {
	if b.set != nil {
		b.set(key, e)
		return
	}
	b.Local.Set(key, e)
}

func (b *bentLocal) Delete(key string) {
	if b.forget != nil {
		b.forget(key)
		return
	}
	b.Local.Delete(key)
}

func (b *bentLocal) Clear() {
	if b.clear != nil {
		b.clear()
		return
	}
	b.Local.Clear()
}

func (b *bentLocal) Len() int {
	if b.size != nil {
		return b.size()
	}
	return b.Local.Len()
}

func (b *bentLocal) OnEvict(fn func(string, *tier.Entry)) {
	if b.onEvict != nil {
		b.onEvict(fn)
		return
	}
	b.Local.OnEvict(fn)
}

func brokenLocals() []brokenLocal {
	return []brokenLocal{
		{"Set stores", "two keys are one", `Get of "k:77" returned the entry of "k:7"`, func(good *lru.Cache) tier.Local {
			return &bentLocal{Local: good, get: func(key string) *tier.Entry {
				if key == "k:77" {
					key = "k:7"
				}
				return good.Get(key)
			}}
		}},
		{"Set replaces", "the first value stays", "Get returned the entry of the first", func(good *lru.Cache) tier.Local {
			return &bentLocal{Local: good, set: func(key string, e *tier.Entry) {
				if good.Peek(key) == nil {
					good.Set(key, e)
				}
			}}
		}},
		{"entries are shared and not changed", "a copy is returned", "returned another *Entry", func(good *lru.Cache) tier.Local {
			return &bentLocal{Local: good, get: func(key string) *tier.Entry {
				e := good.Get(key)
				if e == nil {
					return nil
				}
				return &tier.Entry{Key: e.Key, Value: e.Value, Early: e.Early, Stamp: e.Stamp, Loaded: e.Loaded} // what is written by atomic operations cannot be copied beside them
			}}
		}},
		{"entries are shared and not changed", "the time is noted in the entry", "the Local changed an entry", func(good *lru.Cache) tier.Local {
			return &bentLocal{Local: good, set: func(key string, e *tier.Entry) {
				e.Micros = 64
				good.Set(key, e)
			}}
		}},
		{"a Local knows nothing of time", "Expires is compared with the time of day", "was not found after Set", func(good *lru.Cache) tier.Local {
			return &bentLocal{Local: good, get: func(key string) *tier.Entry {
				if e := good.Get(key); e != nil && e.Expires() > time.Now().UnixNano() {
					return e
				}
				return nil
			}}
		}},
		{"a Get is a use", "first in, first out", "of 16 entries that were read before each Set", func(good *lru.Cache) tier.Local {
			return &bentLocal{Local: good, get: good.Peek}
		}},
		{"a Peek is no use", "Peek is Get", "of 16 entries that were peeked at 16 stayed, and of 16 that were not only 0", func(good *lru.Cache) tier.Local {
			return &bentLocal{Local: good, peek: good.Get}
		}},
		{"Delete", "deletes wait for the next Set", "set twice and deleted", func(good *lru.Cache) tier.Local {
			var mu sync.Mutex
			var waiting []string
			b := &bentLocal{Local: good}
			b.forget = func(key string) {
				mu.Lock()
				defer mu.Unlock()
				waiting = append(waiting, key)
			}
			b.set = func(key string, e *tier.Entry) {
				mu.Lock()
				defer mu.Unlock()
				for _, key := range waiting {
					good.Delete(key)
				}
				waiting = nil
				good.Set(key, e)
			}
			return b
		}},
		{"Delete", "Len is the number of Sets", "one of 10 entries was deleted, and Len is 10", func(good *lru.Cache) tier.Local {
			var mu sync.Mutex
			keys := map[string]bool{}
			b := &bentLocal{Local: good}
			b.set = func(key string, e *tier.Entry) {
				mu.Lock()
				defer mu.Unlock()
				keys[key] = true
				good.Set(key, e)
			}
			b.clear = func() {
				mu.Lock()
				defer mu.Unlock()
				clear(keys)
				good.Clear()
			}
			b.size = func() int {
				mu.Lock()
				defer mu.Unlock()
				return min(len(keys), good.Cap())
			}
			return b
		}},
		{"Clear", "nothing is cleared", "after Clear 500 of 500 entries are still found", func(good *lru.Cache) tier.Local {
			return &bentLocal{Local: good, clear: func() {}}
		}},
		{"Len is never above Cap", "a map without a bound", "and Cap is", func(good *lru.Cache) tier.Local {
			unbounded := lru.New(1 << 20)
			return &bentLocal{
				Local: good, get: unbounded.Get, peek: unbounded.Peek, set: unbounded.Set, forget: unbounded.Delete,
				clear: unbounded.Clear, size: unbounded.Len, onEvict: unbounded.OnEvict,
			}
		}},
		{"OnEvict hears of each entry that left for want of room", "nobody is told", "fn was called 0 times", func(good *lru.Cache) tier.Local {
			return &bentLocal{Local: good, onEvict: func(func(string, *tier.Entry)) {}}
		}},
		{"OnEvict hears of nothing else", "Delete is told too", "fn was called 50 times", func(good *lru.Cache) tier.Local {
			b := &bentLocal{Local: good}
			b.onEvict = func(fn func(string, *tier.Entry)) {
				good.OnEvict(fn)
				b.forget = func(key string) {
					if e := good.Peek(key); e != nil {
						fn(key, e)
					}
					good.Delete(key)
				}
			}
			return b
		}},
		{"all methods at once", "Peek hashes into a buffer that it shares", "returned the entry of", func(good *lru.Cache) tier.Local {
			var mu sync.Mutex
			var buffer string
			return &bentLocal{Local: good, peek: func(key string) *tier.Entry {
				mu.Lock()
				buffer = key
				mu.Unlock()
				time.Sleep(time.Nanosecond) // whoever else is here is so at once: time stands still until all wait
				mu.Lock()
				defer mu.Unlock()
				return good.Peek(buffer)
			}}
		}},
	}
}
