package scope

import "context"

// Key is what FromContext asks a context for. A context type of another package
// that carries a Scope answers Value(Key{}) with its *Scope, or with a nil
// *Scope to hide the one further out.
type Key struct{}

// FromContext returns the Scope of ctx, which may be closed, or nil. A nil ctx
// has none.
func FromContext(ctx context.Context) *Scope {
	if ctx == nil {
		return nil
	}
	s, _ := ctx.Value(Key{}).(*Scope)
	return s
}

// NewContext returns a ctx that carries s; a nil s hides the Scope of ctx.
func NewContext(ctx context.Context, s *Scope) context.Context {
	return &carrier{ctx, s}
}

type carrier struct {
	context.Context
	scope *Scope
}

func (c *carrier) Value(key any) any {
	if _, ok := key.(Key); ok {
		return c.scope
	}
	return c.Context.Value(key)
}

// String keeps a context that is printed from showing what the request
// remembers, and from reading it without its lock.
func (c *carrier) String() string { return "scope.NewContext" }
