package memo

import "fmt"

// On the way back up from fn: tags that nobody knew before there was a value.

// TagsFrom adds the tags that fn makes of the value, to those of Tags and of Amend. They
// are known only after the load, which costs a round trip more than Tags that are known
// before it. fn is called for each value that is loaded, set or added, not for ErrNotFound
// and for what SkipNil leaves out, and concurrently; it is a part of the loader, also if
// it panics. A hit does not look at it. Of several the nearest counts.
//
// V is the type of the value. With another one, TagsFrom is a *UsageError of each call that
// L1 and L2 cannot answer; and so is a tag that Tags would refuse, after the load.
func TagsFrom[V any](fn func(value V) []string) Option {
	if fn == nil {
		return Option{kind: optionTagsFrom}
	}
	return Option{kind: optionTagsFrom, fn: fn, quiet: true}
}

// tagger returns p's TagsFrom for values of type T.
func tagger[T any](p *policy) (func(v any) []string, error) {
	if p.tagsFrom == nil {
		return nil, nil
	}
	fn, ok := p.tagsFrom.(func(T) []string)
	if !ok {
		return nil, &UsageError{Problem: fmt.Sprintf("TagsFrom has a %T for a value of type %T", p.tagsFrom, *new(T)), Fix: "give a function of the value's own type"}
	}
	return func(v any) []string {
		value, _ := v.(T) // a nil of an interface type forgets which
		return fn(value)
	}, nil
}

// tagsOf are the tags that are made of v.
func (l *load) tagsOf(v any) []string {
	if l.tagger == nil || l.skips(v) {
		return nil
	}
	return l.tagger(v)
}

// tagged adds tags to l's policy.
func (l *load) tagged(tags []string) error {
	if len(tags) == 0 {
		return nil
	}
	return l.owns().tag(tags)
}

// skips reports whether v is not stored because it is nil.
func (l *load) skips(v any) bool { return l.policy.skipNil && isNil(v) }
