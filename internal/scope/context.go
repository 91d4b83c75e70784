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
