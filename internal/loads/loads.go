// Package loads lets a test hear of each run of a loader. The engine says that
// one begins; who listens was put into the context of the load, below
// everything else, by way of memo.Config.LoadContext. In a program nobody
// listens, and the engine's question costs one look into a context a load.
package loads

import "context"

type listener struct{}

// Listen returns a ctx for LoadContext to return, under which hear is told the
// key of each load that begins. It is called by many goroutines.
func Listen(ctx context.Context, hear func(key string)) context.Context {
	return context.WithValue(ctx, listener{}, hear)
}

// Begins tells whoever listens in ctx that the loader of key is about to run.
func Begins(ctx context.Context, key string) {
	if hear, ok := ctx.Value(listener{}).(func(key string)); ok {
		hear(key)
	}
}
