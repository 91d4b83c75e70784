package scope_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/scope"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// carrier is a context with a scope, as packages memo and reqcache make them.
type carrier struct {
	context.Context
	scope *scope.Scope
}

func (c carrier) Value(key any) any {
	if _, ok := key.(scope.Key); ok {
		return c.scope
	}
	return c.Context.Value(key)
}

// open returns a table of a new scope.
func open(t *testing.T, limit int) (*scope.Scope, *scope.Table) {
	t.Helper()
	s := new(scope.Scope)
	s.Init(limit)
	return s, s.Table("test")
}

// val makes what is kept: a pointer in an any.
func val(n int) any { return &n }

// holds fails unless key has the value n, or none for n < 0.
func holds(t *testing.T, table *scope.Table, key string, n int) {
	t.Helper()
	v := table.Get(key)
	switch {
	case n < 0 && v != nil:
		t.Errorf("%q holds %d, want nothing", key, *v.(*int))
	case n >= 0 && v == nil:
		t.Errorf("%q holds nothing, want %d", key, n)
	case n >= 0 && *v.(*int) != n:
		t.Errorf("%q holds %d, want %d", key, *v.(*int), n)
	}
}

// room counts the keys that s still takes, and takes them.
func room(s *scope.Scope) int {
	type owner struct{}
	t, v, before := s.Table(owner{}), val(0), s.Len()
	for i := 0; ; i++ {
		t.Add("room"+string(rune('a'+i)), v)
		if s.Len() == before+i {
			return i
		}
	}
}
