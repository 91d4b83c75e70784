package features_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/adapters/nethttp"
	"github.com/tiermemo/tiermemo/internal/census"
	"github.com/tiermemo/tiermemo/internal/mcserver"
	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/memcached"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// keyedcache: direct use of keys, and the memory of a request.

func TestK01_AValueIsSetForAsLongAsItSays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := two(t)
		must(t, memo.Set(a, memo.Key("test", 1), "v", memo.TTL(2*time.Second)))
		v, err := memo.Get[string](b, memo.Key("test", 1))
		must(t, err)
		same(t, "value", v, "v")
		time.Sleep(3 * time.Second)
		_, err = memo.Get[string](a, memo.Key("test", 1))
		is(t, "after its end", err, memo.ErrMiss)
		must(t, memo.Set(a, memo.Key("value", "length", "default", "children"), 1)) // no word is reserved
	})
}

func TestK02_WhatIsNotThereIsErrMiss(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	key := memo.Key("test", 1)
	_, err := memo.Get[string](ctx, key)
	is(t, "Get", err, memo.ErrMiss)
	if errors.Is(err, memo.ErrMiss) {
		must(t, memo.Set(ctx, key, "found elsewhere"))
	}
	v, err := memo.Get[string](ctx, key)
	must(t, err)
	same(t, "value", v, "found elsewhere")
	c.SetEnabled(false)
	if v, ok := memo.Peek[string](ctx, key); ok {
		t.Errorf("a cache that is off has %q", v)
	}
	_, err = memo.Get[string](ctx, key)
	is(t, "Get while it is off", err, memo.ErrMiss)
}

func TestK03_NamedPartsHaveOneOrder(t *testing.T) {
	t.Parallel()
	same(t, "pairs", memo.Key("a", map[string]int{"b": 2, "a": 1}), memo.Key("a", map[string]int{"a": 1, "b": 2}))
	same(t, "a pair, in order", memo.Key("product", 123), "product:123")
}

// keyedcache joins what is different into one key: 'a b' and 'a.b', objects of two
// classes with one number, 1 and '1'.
func TestK04_DifferentPartsAreDifferentKeys(t *testing.T) {
	t.Parallel()
	type shop struct{ PK int }
	type company struct{ PK, N int }
	seen := map[string]int{}
	for i, parts := range [][]any{
		{"a b"}, {"a.b"}, {"a:b"}, {"a", "b"}, {"a::b"}, {"a", "", "b"}, {1}, {"1"}, {1.0}, {true}, {"true"}, {nil}, {"nil"}, {""}, {"", ""},
		{shop{1}}, {company{1, 0}}, {[]int{1, 2}}, {[]int{2, 1}}, {[]any{[]int{1}, 2}}, {[]any{1, []int{2}}}, {map[string]int{"a": 1}}, {map[string]string{"a": "1"}},
	} {
		key := memo.Key(parts...)
		if was, twice := seen[key]; twice {
			t.Errorf("%d and %d have the key %q", i, was, key)
		}
		seen[key] = i
	}
	one := []int{1, 2}
	same(t, "equal lists", memo.Key(one), memo.Key(slices.Clone(one)))

	for _, c := range []struct{ got, want string }{ // as a reader of memcached sees them
		{memo.Key("test"), "test"}, {memo.Key("test", 2), "test:2"}, {memo.Key("test", "more", "yes"), "test:more:yes"}, {memo.Key("test", 3, "more", "yes"), "test:3:more:yes"},
	} {
		same(t, "key", c.got, c.want)
	}
}

func TestK05_AKeyIsAValue(t *testing.T) {
	t.Parallel()
	_, ctx := bound(t, memo.Config{})
	key := memo.Key("SHIP_company", map[string]float64{"weight": 1.5})
	known := map[string]bool{key: true}
	n := &counter{}
	same(t, "loaded", n.do(t, ctx, key), 1)
	v, ok := memo.Peek[int](ctx, key)
	same(t, "peeked", v, 1)
	same(t, "there", ok && known[key], true)
	must(t, memo.Invalidate(ctx, key))
	same(t, "after Invalidate", n.do(t, ctx, key), 2)
}

func TestK06_TheCachesTTLIsTheDefault(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, ctx := bound(t, memo.Config{}, memo.TTL(10*time.Second))
		n := &counter{}
		n.do(t, ctx, "default")
		n.do(t, ctx, "own", memo.TTL(30*time.Second))
		time.Sleep(11 * time.Second)
		same(t, "of the cache", n.do(t, ctx, "default"), 2)
		same(t, "of the call", n.do(t, ctx, "own"), 1)
	})
}

func TestK07_WithTiersThatKeepNothingARequestStillAsksOnce(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{Local: forgetful{}})
	n := &counter{}
	for i := range 3 {
		ctx, end := c.Begin(background)
		same(t, "in a request", n.do(t, ctx, "k"), i+1)
		same(t, "again in it", n.do(t, ctx, "k"), i+1)
		end()
	}
	_, err := memo.New(memo.Config{}, memo.TTL(0))
	if u := (*memo.UsageError)(nil); !errors.As(err, &u) {
		t.Errorf("a TTL of 0, which turns keyedcache off, is %v", err)
	}
}

func TestK08_WhatIsSetWhileItIsOffIsNotKept(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	key := memo.Key("disabled")
	must(t, memo.Set(ctx, key, false))
	v, err := memo.Get[bool](ctx, key)
	must(t, err)
	same(t, "false is a value", v, false)
	c.SetEnabled(false)
	same(t, "enabled", c.Enabled(), false)
	must(t, memo.Invalidate(ctx, "another"))
	_, err = memo.Get[bool](ctx, key)
	is(t, "while it is off", err, memo.ErrMiss)
	c.SetEnabled(true)
	v, err = memo.Get[bool](ctx, key)
	must(t, err)
	same(t, "the old value is back", v, false)

	together(8, func(i int) { c.SetEnabled(i%2 == 0); (&counter{}).do(t, ctx, "k") })
}

// keyedcache returns a list of the keys that this process knows. Here the answer is that
// it is done, whoever knows the key.
func TestK09_AKeyThatNobodyKnowsIsInvalidatedAllTheSame(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := two(t)
		n := &counter{}
		same(t, "stored", n.do(t, a, "k"), 1)
		must(t, memo.Invalidate(b, "k")) // which b has never seen
		time.Sleep(aPoll)
		same(t, "after it", n.do(t, a, "k"), 2)
	})
}

func TestK10_AHandlerSeesItsOwnInvalidationAtOnce(t *testing.T) {
	for name, end := range map[string]func(context.Context) error{
		"a key":  func(ctx context.Context) error { return memo.Invalidate(ctx, memo.Key("user", 7)) },
		"a tag":  func(ctx context.Context) error { return memo.InvalidateTags(ctx, "users") },
		"a tree": func(ctx context.Context) error { return memo.InvalidateTree(ctx, "user") },
		"all":    memo.InvalidateAll,
		"soft":   func(ctx context.Context) error { return memo.Expire(ctx, memo.Key("user", 7)) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, _ := bound(t, memo.Config{Shared: tiertest.NewMemory()})
				row, runs := "old", 0
				read := func(ctx context.Context) string {
					v, err := memo.Do(ctx, memo.Key("user", 7), func(context.Context) (string, error) { runs++; return row, nil }, memo.Tags("users"))
					must(t, err)
					return v
				}
				served := serveOnce(c, func(ctx context.Context) {
					same(t, "before", read(ctx), "old")
					row = "new"
					same(t, "the write is not invalidated yet", read(ctx), "old")
					must(t, end(ctx))
					same(t, "after it", read(ctx), "new")
					same(t, "again", read(ctx), "new")
				})
				same(t, "status", served, http.StatusOK)
				same(t, "runs", runs, 2)
			})
		})
	}
}

// serveOnce is one request to a handler behind the middleware; the status says how it
// ended.
func serveOnce(c *memo.Cache, handler func(ctx context.Context)) (status int) {
	w := httptest.NewRecorder()
	nethttp.Middleware(c)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { handler(r.Context()) })).
		ServeHTTP(w, httptest.NewRequestWithContext(background, http.MethodGet, "/", nil))
	return w.Code
}

// The tree of keyedcache's own test: del, del::x::N and del::x::N::y::M for ten and five.
func TestK11_ATreeIsForgottenAndNothingBeside(t *testing.T) {
	t.Parallel()
	server, db := mcserver.ForTest(t), newRows(t)
	here, there := pair(t, server, db)
	keys := []string{memo.Key("del")}
	for n := range 10 {
		keys = append(keys, memo.Key("del", "x", n+1))
		for m := range 5 {
			keys = append(keys, memo.Key("del", "x", n+1, "y", m))
		}
	}
	stored := map[string]int{}
	for _, key := range keys {
		db.write(t, key, "v")
		here.call("do", key)
		there.call("do", key)
		stored[key] = db.reads(t, key)
	}
	gone := func(what string, of func(key string) bool) {
		t.Helper()
		there.call("catchUp")
		here.call("catchUp")
		for _, key := range keys {
			for who, p := range map[string]*process{"here": here, "there": there} {
				if _, err := p.send("get", options{}, key)(); (err != nil) != of(key) {
					t.Errorf("%s, %s: %s is gone: %t", what, who, key, err != nil)
				}
			}
		}
	}
	below := func(top string) func(string) bool {
		return func(key string) bool { return key == top || len(key) > len(top) && key[:len(top)+1] == top+":" }
	}
	one := memo.Key("del", "x", 1)
	here.call("invalidate", one)
	gone("one", func(key string) bool { return key == one })
	there.call("invalidateTree", one)
	gone("its children", below(one)) // and not those of del:x:10
	here.call("invalidateTree", memo.Key("del"))
	gone("all", below("del"))
}

func TestK12_EverythingIsThisPrefixAlone(t *testing.T) {
	t.Parallel()
	server := mcserver.ForTest(t)
	there := stranger(t, server)
	_, ctx := bound(t, on(t, server))
	cfg := on(t, server)
	cfg.Prefix = "neighbour"
	_, neighbour := bound(t, cfg)
	n := &counter{}
	same(t, "stored", n.do(t, ctx, "k"), 1)
	same(t, "stored by a neighbour", n.do(t, neighbour, "k"), 2)
	must(t, memo.InvalidateAll(ctx))
	same(t, "ours", n.do(t, ctx, "k"), 3)
	same(t, "the neighbour's", n.do(t, memo.Fresh(neighbour), "k"), 2)
	there()
}

func TestK13_AFunctionIsRunOncePerArgument(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, ctx := bound(t, memo.Config{})
		n := &counter{}
		fn := memo.NewFunc(c, "inner_func", func(_ context.Context, k int) (int, error) { return n.run(memo.Key(k)), nil }, memo.TTL(2*time.Second))
		read := func(k int) int {
			v, err := fn.Do(ctx, k)
			must(t, err)
			return v
		}
		same(t, "first", read(1), 1)
		same(t, "again", read(1), 1)
		same(t, "another", read(2), 1)
		time.Sleep(3 * time.Second)
		same(t, "after its end", read(1), 2)
		same(t, "name", fn.Name(), "inner_func")
	})
}

// keyedcache deletes nothing when it is given the decorated function, and a load under
// way stores the old value again.
func TestK14_AFunctionIsForgottenWithItsLoads(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		c, a := bound(t, memo.Config{Shared: store})
		_, b := bound(t, memo.Config{Shared: store})
		row, g := "old", newGate()
		fn := memo.NewFunc(c, "f", func(_ context.Context, k int) (string, error) {
			v := row
			if k == 2 && v == "old" {
				g.pass()
			}
			return v, nil
		})
		v, err := fn.Do(a, 1)
		must(t, err)
		same(t, "stored", v, "old")
		underWay := later(t, func() (string, error) { return fn.Do(a, 2) })
		<-g.begun
		row = "new"
		must(t, fn.InvalidateAll(a))
		close(g.release)
		same(t, "who waited", underWay(), "old")
		for k := range 3 {
			v, err := fn.Do(a, k)
			must(t, err)
			same(t, "after it", v, "new")
			v, err = memo.Get[string](b, fn.Key(k))
			must(t, err)
			same(t, "elsewhere", v, "new")
		}
	})
}

// keyedcache marks what is being computed, and who finds the mark computes as well; after
// an exception the mark stays.
func TestK15_OneOfTenComputesAndAFailureLeavesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := two(t)
		time.Sleep(2 * time.Second)
		n := &counter{}
		fail := errors.New("no")
		slow := func(context.Context) (int, error) {
			time.Sleep(50 * time.Millisecond)
			switch v := n.run("k"); v {
			case 1:
				return 0, fail
			case 2:
				panic(fail)
			default:
				return v, nil
			}
		}
		var failed counter
		together(10, func(int) {
			_, err := memo.Do(a, "k", slow)
			is(t, "each of ten", err, fail)
			failed.run("k")
		})
		same(t, "callers that failed", failed.runs("k"), 10)
		same(t, "runs", n.runs("k"), 1)
		func() {
			defer func() { same(t, "the panic", recover(), any(fail)) }()
			_, _ = memo.Do(a, "k", slow)
		}()
		wait := later(t, func() (int, error) { return memo.Do(a, "k", slow) })
		time.Sleep(20 * time.Millisecond) // while it is loaded:
		for _, ctx := range []context.Context{a, b} {
			if v, ok := memo.Peek[any](ctx, "k"); ok {
				t.Errorf("what is being loaded looks like %v", v)
			}
			_, err := memo.Get[any](ctx, "k")
			is(t, "Get while it is loaded", err, memo.ErrMiss)
		}
		same(t, "after the failures", wait(), 3)
		same(t, "it is kept", n.do(t, b, "k"), 3)
	})
}

// keyedcache's memories stay when the end of a request is not told, and a thread that
// writes after it makes a new one.
func TestK16_TenThousandRequestsLeaveNothing(t *testing.T) {
	t.Parallel()
	c := newCache(t, memo.Config{Local: forgetful{}})
	var left census.Census
	const requests = 10_000
	for i := range requests {
		func() {
			defer func() { _ = recover() }()
			serveOnce(c, func(ctx context.Context) {
				must(t, left.Visit(ctx))
				switch i % 3 {
				case 1:
					panic(http.ErrAbortHandler)
				case 2:
					ctx, cancel := context.WithCancel(ctx)
					cancel()
					_, _ = memo.Do(ctx, "k", func(context.Context) (int, error) { return 1, nil })
				}
			})
		}()
	}
	same(t, "requests with a memory", left.Visits(), requests)
	scopes, values := left.Left(0, 0, 30*time.Second)
	same(t, "memories that are left", scopes, 0)
	same(t, "values that are left", values, 0)
}

func TestK17_EachTierIsAskedBeforeTheNext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		_, other, _ := wired(t, store)
		c, _, _ := wired(t, store)
		n := &counter{}
		n.do(t, other, "shared")
		in := request(t, c)
		for _, step := range []struct{ key, want string }{
			{"new", "0 0 0 1"}, {"new", "1 0 0 1"}, {"shared", "1 0 1 1"}, {"shared", "2 0 1 1"},
		} {
			n.do(t, in, step.key)
			got := c.Snapshot().Total
			same(t, "L1, L2, L3, loads after "+step.key, fmt.Sprint(got.L1, got.L2, got.L3, got.Loads), step.want)
		}
		n.do(t, request(t, c), "shared")
		same(t, "L2 in another request", c.Snapshot().Total.L2, 1)
	})
}

func TestK18_ARequestSharesItsMemoryAndNobodyElseHasIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := newCache(t, memo.Config{Local: forgetful{}})
		n := &counter{}
		together(3, func(int) {
			ctx, end := c.Begin(background)
			defer end()
			own := &counter{}
			together(10, func(i int) {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond) // some while it is loaded, some after
				_, err := memo.Do(ctx, memo.Key("own", fmt.Sprintf("%p", own)), func(context.Context) (int, error) {
					time.Sleep(30 * time.Millisecond)
					n.run("all")
					return own.run("k"), nil
				})
				must(t, err)
			})
			same(t, "runs for one request", own.runs("k"), 1)
		})
		same(t, "runs for three", n.runs("all"), 3)

		first := request(t, c)
		n.do(t, first, "k")
		n.do(t, request(t, c), "k")
		same(t, "runs for the same key in two requests, one after the other", n.runs("k"), 2)
	})
}

// What a request has read it has: until it ends, or invalidates, or asks for what is new.
func TestK19_ARequestKeepsWhatItHasRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := tiertest.NewMemory()
		c, _ := bound(t, memo.Config{Shared: store})
		n := &counter{}
		in, other := request(t, c), request(t, c)
		same(t, "read", n.do(t, in, "k"), 1)
		must(t, memo.Invalidate(other, "k"))
		store.Flush()
		same(t, "the same request", n.do(t, in, "k"), 1)
		same(t, "another", n.do(t, other, "k"), 2)
		same(t, "the same request, asking for what is new", n.do(t, memo.Fresh(in), "k"), 2)
		same(t, "and from then on", n.do(t, in, "k"), 2)
	})
}

func TestK20_AWriteToAValueDoesNotReachMemcached(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := two(t)
		load := func(context.Context) (*sheet, error) { return &sheet{"a", []string{"one"}}, nil }
		p, err := memo.Do(a, "k", load)
		must(t, err)
		p.Title, p.Lines[0] = "mine", "mine" // a mistake: what Do returns is shared
		q, err := memo.Do(b, "k", load)
		must(t, err)
		same(t, "elsewhere", q.Title+" "+q.Lines[0], "a one")
		for range 2 {
			p, err := memo.Do(a, "copied", load, memo.Clone((*sheet).copy))
			must(t, err)
			same(t, "with Clone", p.Title, "a")
			p.Title = "mine"
		}
	})
}

func TestK21_WithoutARequestTheOtherTiersWork(t *testing.T) {
	t.Parallel()
	c, ctx := bound(t, memo.Config{})
	n := &counter{}
	same(t, "a job", n.do(t, ctx, "k"), 1)
	same(t, "a job, again", n.do(t, ctx, "k"), 1)
	got := c.Snapshot().Total
	same(t, "L1", got.L1, 0)
	same(t, "L2", got.L2, 1)
	same(t, "without a cache", n.do(t, background, "k"), 2)
	same(t, "without a cache, again", n.do(t, background, "k"), 3)
}

func TestK22_AnAddressThatIsNoneIsAnErrorAtTheStart(t *testing.T) {
	t.Parallel()
	for _, servers := range [][]string{{}, {""}, {"no port"}, {"127.0.0.1:99999"}, {"host:1", "host:1"}} {
		if c, err := memcached.New(servers...); err == nil {
			t.Errorf("New(%q) is no error", servers)
			must(t, c.Close())
		}
	}
}

func TestK23_ASharedTierNeedsAPrefix(t *testing.T) {
	t.Parallel()
	_, err := memo.New(memo.Config{Shared: tiertest.NewMemory()})
	if u := (*memo.UsageError)(nil); !errors.As(err, &u) {
		t.Errorf("without a prefix: %v", err)
	}
	newCache(t, memo.Config{}) // which shares nothing, needs none
}

func TestK23_TenantsOfOneProcessDoNotMeet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, a, b := two(t)
		n := &counter{}
		tenant := func(ctx context.Context, id int) context.Context { return memo.Vary(ctx, "tenant", id) }
		same(t, "the first", n.do(t, tenant(a, 1), "k", memo.Tags("tag")), 1)
		same(t, "the second", n.do(t, tenant(a, 2), "k", memo.Tags("tag")), 2)
		same(t, "nobody's", n.do(t, a, "k", memo.Tags("tag")), 3)
		same(t, "the first, elsewhere", n.do(t, tenant(b, 1), "k"), 1)
		for i, end := range []func(ctx context.Context) error{
			memo.InvalidateAll,
			func(ctx context.Context) error { return memo.Invalidate(ctx, "k") },
			func(ctx context.Context) error { return memo.InvalidateTags(ctx, "tag") },
			func(ctx context.Context) error { return memo.InvalidateTree(ctx, "k") },
		} {
			must(t, end(tenant(b, 1)))
			time.Sleep(aPoll)
			same(t, "the first, after it", n.do(t, tenant(a, 1), "k", memo.Tags("tag")), 4+i)
			same(t, "the second", n.do(t, tenant(a, 2), "k"), 2)
			same(t, "nobody's", n.do(t, a, "k"), 3)
		}
	})
}
