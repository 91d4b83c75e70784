package keys_test

import (
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/tiermemo/tiermemo/internal/keys"
)

type hidden struct {
	ID int
	//lint:ignore U1000 what cannot be seen is what this type is for
	since int
}

type box struct{ time.Time }

type boxed struct {
	box
	User int
}

type inner struct{ N int }

type embeds struct{ inner }

func TestJoinRefuses(t *testing.T) {
	t.Parallel()
	self := make([]any, 2)
	self[0], self[1] = self, self
	ring := map[string]any{}
	ring["ring"] = ring
	at := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	round := &loop{}
	round.loop = round

	const (
		pointer = "is a pointer: pass what it points to, or give its type a CacheKey method"
		nothing = "has no value to make a key of"
		nesting = "contains itself, or is nested deeper than 32"
	)
	for _, c := range []struct {
		parts []any
		want  string
	}{
		{nil, "no parts"},
		{parts("user", make(chan int)), "part 2 (chan int) " + nothing},
		{parts((chan int)(nil)), "part 1 (chan int) " + nothing},
		{parts(func() {}), "part 1 (func()) " + nothing},
		{parts((func())(nil)), "part 1 (func()) " + nothing},
		{parts(uintptr(1)), "part 1 (uintptr) " + nothing},
		{parts(unsafe.Pointer(nil)), "part 1 (unsafe.Pointer) " + nothing},
		{parts(1, 2, new(int)), "part 3 (*int) " + pointer},
		{parts(new(*time.Time)), "part 1 (**time.Time) " + pointer},
		{parts(&query{}), "part 1 (*keys_test.query) " + pointer},

		{parts(hidden{}), "part 1 (keys_test.hidden) has the unexported field since: give keys_test.hidden a CacheKey method"},
		{parts(embeds{}), "part 1 (keys_test.embeds) has the unexported field inner: give keys_test.embeds a CacheKey method"},
		{parts(&sync.Mutex{}), "part 1 (*sync.Mutex) " + pointer},
		{parts([]any{1, hidden{}}), "part 1 ([]interface {}), element 1 (keys_test.hidden) has the unexported field since: give keys_test.hidden a CacheKey method"},
		{parts(nested{Any: map[string]any{"secret": []func(){nil}}}),
			"part 1 (keys_test.nested), field Any (map[string]interface {}), a value ([]func()), element 0 (func()) " + nothing},
		{parts(map[any]int{new(int): 1}), "part 1 (map[interface {}]int), a key (*int) " + pointer},
		{parts(map[any]int{int(7): 1, int64(7): 2}), "part 1 (map[interface {}]int) has two keys that are written alike"},

		{parts("x", broken{}), "part 2 (keys_test.broken) has no text: out of ink"},
		{parts(&broken{}), "part 1 (*keys_test.broken) has no text: out of ink"},
		{parts(visit{at, 7}), lent("keys_test.visit", "Time", "User", "keys_test.visit")},
		{parts(&visit{at, 7}), lent("*keys_test.visit", "Time", "User", "keys_test.visit")},
		{parts(deep{visit{at, 7}}), lent("keys_test.deep", "Time", "User", "keys_test.visit")},
		{parts(Pointed{&at, 7}), lent("keys_test.Pointed", "Time", "User", "keys_test.Pointed")},
		{parts(lentNil{nil, 7}), lent("keys_test.lentNil", "quiet", "User", "keys_test.lentNil")},
		{parts(lentAny{said("any7"), 7}), lent("keys_test.lentAny", "speaker", "User", "keys_test.lentAny")},
		{parts(boxed{box{at}, 7}), lent("keys_test.boxed", "box", "User", "keys_test.boxed")},
		{parts(round), "part 1 (*keys_test.loop) " + nesting},

		{parts(self), "part 1 ([]interface {}) " + nesting},
		{parts(ring), "part 1 (map[string]interface {}) " + nesting},
	} {
		key := keys.Join(c.parts...)
		_, problem, ok := keys.Refused(key)
		if !ok || problem != c.want {
			t.Errorf("Refused(Join(...)) = %q, %v\nwant %q", problem, ok, c.want)
		}
		if strings.Contains(problem, "secret") {
			t.Errorf("%q shows a value", problem)
		}
	}
}

func lent(part, lender, other, typ string) string {
	return "part 1 (" + part + ") goes by the text of its embedded field " + lender + ", which leaves out the field " + other +
		": give " + typ + " a CacheKey method that has it, or the embedded field a name"
}

func TestAKeyIsNotRefused(t *testing.T) {
	t.Parallel()
	refused := keys.Join(new(int))
	for _, key := range []string{"", "user:7", "\x00", "memo:refused", refused[:len("\x00memo:refused")], keys.Join(refused)} {
		if _, problem, ok := keys.Refused(key); ok || problem != "" {
			t.Errorf("Refused(%q) = %q, %v", key, problem, ok)
		}
	}
}
