package memo

import (
	"fmt"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// A hit only asks whether its options change anything; below it they become the
// policy of one load.

// NoExpiry as a TTL keeps a value until it is evicted or invalidated.
const NoExpiry = tier.NoExpiry

const (
	defaultTTL         = 5 * time.Minute
	defaultLoadTimeout = 30 * time.Second
)

// Option is what the author of the code decides. Options of New and Do are read
// in that order and the last one of a kind wins, but Tags add up. The zero Option changes
// nothing. An Option that makes no sense is a *UsageError of the call that gets
// it.
type Option struct {
	kind optionKind
	d    time.Duration
	fn   any
	tags []string
}

// An Option is a plain struct: the slice of them that a call builds stays on its
// stack. As an interface, or as a closure, each would be an allocation on every
// hit.

type optionKind uint8

const (
	optionNone optionKind = iota
	optionTTL
	optionLoadTimeout
	optionClone
	optionCodec
	optionTags
)

// TTL is how long a value is fresh, above 0; 5 minutes if not given. It ends at
// most 20 ms late.
func TTL(d time.Duration) Option { return Option{kind: optionTTL, d: d} }

// LoadTimeout bounds one run of the loader; 30 seconds if not given. When it
// ends the loader's ctx is cancelled and the callers get an error that is
// context.DeadlineExceeded, whether the loader heeds its ctx or not.
func LoadTimeout(d time.Duration) Option { return Option{kind: optionLoadTimeout, d: d} }

// Clone gives every caller a copy made by fn, for callers that write to what
// they get. The tiers keep the original. fn is called concurrently.
func Clone[V any](fn func(V) V) Option {
	if fn == nil {
		return Option{kind: optionClone}
	}
	return Option{kind: optionClone, fn: fn}
}

// Codec replaces Config.Codec for what a call stores in the shared tier and
// reads from there; given to New, for all calls. A hit in L1 or L2 does not look
// at it, as they keep the value itself.
//
// The entry carries the codec's name. Who asks for the key with a codec of another
// name, as Get and each call without the option do where Config's is another one,
// takes the entry for that of another release: Do loads for its own process and
// leaves the entry alone, and Get returns ErrMiss. So give a key the same codec everywhere, or its type a
// codec by codec.ByType in Config. Two codecs of one name are one format: either
// reads what the other wrote. Of calls that wait for one load, the one that started
// it decides.
func Codec(c codec.Codec) Option {
	if _, problem, _ := codecName(c); problem != "" {
		return Option{kind: optionCodec, fn: c}
	}
	return Option{kind: optionCodec, d: 1, fn: c} // above 0: a hit need not look at it
}

// Tags are names by which InvalidateTags forgets an entry, at most 64 of up to 250
// bytes. The Tags of New, of the call and of Amend add up. A hit does not look at
// them: an entry has the tags with which it was stored.
func Tags(tags ...string) Option { return Option{kind: optionTags, d: 1, tags: tags} }

// silent reports whether opts change nothing about a hit. Only a call of which
// that is true may answer without looking at them.
func silent(opts []Option) bool {
	for i := range opts {
		if opts[i].kind == optionClone || opts[i].kind != optionNone && opts[i].d <= 0 {
			return false
		}
	}
	return true
}

// policy is what the options of one call come to.
type policy struct {
	ttl         time.Duration
	loadTimeout time.Duration
	clone       any // func(V) V
	tags        []string
	codec       codec.Codec
}

// apply adds opts to p.
func (p *policy) apply(opts []Option) error {
	for _, o := range opts {
		switch o.kind {
		case optionTTL:
			if o.d <= 0 {
				return badDuration("TTL", o.d, " (memo.NoExpiry for a value that does not end)")
			}
			p.ttl = o.d
		case optionLoadTimeout:
			if o.d <= 0 {
				return badDuration("LoadTimeout", o.d, "")
			}
			p.loadTimeout = min(o.d, longest)
		case optionClone:
			if o.fn == nil {
				return &UsageError{Problem: "Clone has no function", Fix: "give it one, or leave Clone out"}
			}
			p.clone = o.fn
		case optionTags:
			for _, tag := range o.tags {
				if problem := tagProblem(tag); problem != nil {
					return problem
				}
			}
			if p.tags = mergeTags(slices.Clip(p.tags), o.tags); len(p.tags) > wire.MaxTags {
				return &UsageError{Problem: fmt.Sprintf("%d tags, more than %d", len(p.tags), wire.MaxTags), Fix: "name what they have in common, or invalidate by InvalidateTree"}
			}
		case optionCodec:
			p.codec, _ = o.fn.(codec.Codec)
			if _, problem, fix := codecName(p.codec); problem != "" {
				return &UsageError{Problem: problem, Fix: fix}
			}
		}
	}
	return nil
}

func badDuration(name string, d time.Duration, more string) error {
	return &UsageError{Problem: fmt.Sprintf("%s of %v", name, d), Fix: "give a duration above 0" + more}
}

// cloner returns p's Clone for values of type T.
func cloner[T any](p *policy) (func(T) T, error) {
	if p.clone == nil {
		return nil, nil
	}
	fn, ok := p.clone.(func(T) T)
	if !ok {
		return nil, &UsageError{Problem: fmt.Sprintf("Clone has a %T for a value of type %T", p.clone, *new(T)), Fix: "give a function of the value's own type"}
	}
	return fn, nil
}
