package memo

import (
	"context"
	"fmt"
	"slices"
)

// Options that see the argument of a Func. They are of its K, which one list of options
// cannot have in its type, and become options that see nothing before a call looks at
// them.

// TagsFunc adds the tags that fn makes of the argument of a Func. They are known before
// the load, which saves a round trip to the shared tier where the value is looked for.
// With an owner among them, as in Key("user", k.User), InvalidateTags forgets all that
// is the owner's, of all functions. fn is called concurrently, where no entry is at
// hand. K is that of the Func, else NewFunc panics, and a call returns a *UsageError.
func TagsFunc[K any](fn func(K) []string) Option {
	if fn == nil {
		return Option{kind: optionTagsFunc}
	}
	return Option{kind: optionTagsFunc, fn: fn, quiet: true}
}

// UnlessFunc is Unless that sees the argument of a Func. Of an UnlessFunc and an Unless
// the nearer counts, and of one list the last. K is that of the Func, else NewFunc
// panics, and a call returns a *UsageError.
func UnlessFunc[K any](fn func(ctx context.Context, k K) bool) Option {
	if fn == nil {
		return Option{kind: optionUnlessFunc}
	}
	return Option{kind: optionUnlessFunc, fn: fn}
}

// bind returns what o comes to for the argument k.
func bind[K any](o Option, k K) (Option, error) {
	switch o.kind {
	case optionTagsFunc:
		fn, err := typed[func(K) []string](o, "TagsFunc")
		if err != nil {
			return o, err
		}
		return Tags(fn(k)...), nil
	case optionUnlessFunc:
		fn, err := typed[func(context.Context, K) bool](o, "UnlessFunc")
		if err != nil {
			return o, err
		}
		return Unless(func(ctx context.Context) bool { return fn(ctx, k) }), nil
	}
	return o, nil
}

// bindable returns those of opts that bind would return as they are, or what is wrong
// with another.
func bindable[K any](opts []Option) (rest []Option, err error) {
	for _, o := range opts {
		switch o.kind {
		case optionTagsFunc:
			_, err = typed[func(K) []string](o, "TagsFunc")
		case optionUnlessFunc:
			_, err = typed[func(context.Context, K) bool](o, "UnlessFunc")
		default:
			rest = append(rest, o)
		}
		if err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func typed[F any](o Option, name string) (fn F, err error) {
	fn, ok := o.fn.(F)
	switch {
	case o.fn == nil:
		return fn, &UsageError{Problem: name + " has no function", Fix: "give it one, or leave " + name + " out"}
	case !ok:
		return fn, &UsageError{Problem: fmt.Sprintf("%s has a %T, and the function's argument needs a %T", name, o.fn, fn), Fix: "give a function of the argument's own type"}
	}
	return fn, nil
}

// sees reports whether one of opts depends on the argument.
func sees(opts []Option) bool {
	return slices.ContainsFunc(opts, func(o Option) bool { return o.kind == optionTagsFunc || o.kind == optionUnlessFunc })
}

// appendFor appends opts to dst, bound to k.
func appendFor[K any](dst, opts []Option, k K) ([]Option, error) {
	for _, o := range opts {
		o, err := bind(o, k)
		if err != nil {
			return nil, err
		}
		dst = append(dst, o)
	}
	return dst, nil
}
