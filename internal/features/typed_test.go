package features_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/tiermemo/tiermemo/memo"
)

// typed are the memoized functions of the other process: of one text, under the name
// that a request gives, declared when it is asked for the first time. Its rows are
// those of the keys.
type typed struct {
	w    *worker
	mu   sync.Mutex
	made map[string]*memo.Func[string, string]
}

func newTyped(w *worker) *typed { return &typed{w: w, made: map[string]*memo.Func[string, string]{}} }

func (t *typed) get(name string) *memo.Func[string, string] {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.made[name] == nil {
		t.made[name] = function(t.w.cache, name, t.w.load)
	}
	return t.made[name]
}

// function is a Func of one text whose rows are those of its keys.
func function(c *memo.Cache, name string, load func(key string) func(context.Context) (string, error), opts ...memo.Option) *memo.Func[string, string] {
	return memo.NewFunc(c, name, func(ctx context.Context, arg string) (string, error) {
		return load(memo.Key(name, arg))(ctx)
	}, opts...)
}

// answer does what a asks for with the function of the first of its keys; the others
// are arguments.
func (t *typed) answer(a ask) (string, error) {
	if len(a.Keys) == 0 {
		return "", fmt.Errorf("no such request: %s", a.Op)
	}
	f, ks := t.get(a.Keys[0]), a.Keys[1:]
	switch a.Op {
	case "func.do":
		return f.Do(t.w.ctx, ks[0], a.Opts.list()...)
	case "func.fresh":
		return f.Do(memo.Fresh(t.w.ctx), ks[0], a.Opts.list()...)
	case "func.refresh":
		return f.Refresh(t.w.ctx, ks[0], a.Opts.list()...)
	case "func.invalidate":
		return "", f.Invalidate(t.w.ctx, ks...)
	case "func.invalidateAll":
		return "", f.InvalidateAll(t.w.ctx)
	}
	return "", fmt.Errorf("no such request: %s", a.Op)
}
