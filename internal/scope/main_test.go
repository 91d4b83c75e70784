package scope_test

import (
	"context"
	"sync"
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

// table is a Table for tests, which say key and value, and have owners of any type.
type table struct {
	*scope.Table
}

// call is a Call of a table.
type call struct {
	*scope.Call
	key string
}

var owners sync.Map // any to *scope.Owner

func ownerOf(owner any) *scope.Owner {
	o, _ := owners.LoadOrStore(owner, new(scope.Owner))
	return o.(*scope.Owner)
}

func tableOf(s *scope.Scope, owner any) table { return table{s.Table(ownerOf(owner))} }

// open returns a table of a new scope.
func open(t *testing.T, limit int) (*scope.Scope, table) {
	t.Helper()
	s := new(scope.Scope)
	s.Init(limit)
	return s, tableOf(s, "test")
}

func valueOf(it *scope.Item) any {
	if it == nil {
		return nil
	}
	return it.Value
}

func (t table) Get(key string) any { return valueOf(t.Table.Get(key)) }
func (t table) Add(key string, v any) any {
	return valueOf(t.Table.Add(&scope.Item{Key: key, Value: v}))
}
func (t table) Put(key string, v any) { t.Table.Put(&scope.Item{Key: key, Value: v}) }
func (t table) PutSince(epoch uint64, key string, v any) {
	t.Table.PutSince(epoch, &scope.Item{Key: key, Value: v})
}

func (t table) AddSince(epoch uint64, key string, v any) any {
	return valueOf(t.Table.AddSince(epoch, &scope.Item{Key: key, Value: v}))
}

func (t table) Begin(key string) (v any, c *call, lead bool) { return t.BeginWithin(nil, key) }

func (t table) BeginWithin(parent *call, key string) (v any, c *call, lead bool) {
	it, begun, lead := t.Table.BeginWithin(parent.of(), key)
	if begun != nil {
		c = &call{begun, key}
	}
	return valueOf(it), c, lead
}

func (c *call) of() *scope.Call {
	if c == nil {
		return nil
	}
	return c.Call
}

func (c *call) Done(v any) any {
	it := &scope.Item{Value: v}
	if c != nil {
		it.Key = c.key
	}
	return valueOf(c.of().Done(it))
}

func (c *call) Fail(err error) { c.of().Fail(err) }

func (c *call) Wait(ctx context.Context) (any, error, bool) { return c.WaitWithin(ctx, nil) }

func (c *call) WaitWithin(ctx context.Context, parent *call) (any, error, bool) {
	it, err, retry := c.of().WaitWithin(ctx, parent.of())
	return valueOf(it), err, retry
}

// val makes what is kept: a pointer in an any.
func val(n int) any { return &n }

// holds fails unless key has the value n, or none for n < 0.
func holds(t *testing.T, table table, key string, n int) {
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
	t, v, before := tableOf(s, owner{}), val(0), s.Len()
	for i := 0; ; i++ {
		t.Add("room"+string(rune('a'+i)), v)
		if s.Len() == before+i {
			return i
		}
	}
}
