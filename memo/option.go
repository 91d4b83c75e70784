package memo

import (
	"time"

	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// A hit only asks whether its options change anything; below it they become the
// policy of one load (policy.go). The options about what is past its time are in
// stale.go.

// NoExpiry as a TTL keeps a value until it is evicted or invalidated.
const NoExpiry = tier.NoExpiry

const (
	defaultTTL         = 5 * time.Minute
	defaultLoadTimeout = 30 * time.Second
)

// Option is what the author of the code decides. Options of New, of a call and of
// Amend are read in that order and the last one of a kind wins, but Tags add up. The
// zero Option changes nothing. An Option may be used any number of times, at once too.
//
// An Option that makes no sense, as a duration below 0, is a *UsageError of New or of
// the call that gets it, and so are two of one list that contradict each other, as
// LocalOnly and SharedOnly; of two lists the nearer one wins. One that says nothing about what a call does is checked and
// has no effect, as a LoadTimeout of Set.
type Option struct {
	kind   optionKind
	quiet  bool // it is in order, and changes nothing about a hit
	places bool // it is about the place of the value, and may contradict another one
	d      time.Duration
	x      float64
	fn     any
	tags   []string
	name   string
}

// An Option is a plain struct: the slice of them that a call builds stays on its
// stack. As an interface, or as a closure, each would be an allocation on every
// hit.

type optionKind uint8

const (
	optionNone optionKind = iota
	optionTTL
	optionJitter
	optionStale
	optionStaleIfError
	optionEarlyRefresh
	optionNegativeTTL
	optionLoadTimeout
	optionClone
	optionCodec
	optionTags
	optionTagsFunc
	optionName
	optionTagsFrom
	optionLocalOnly
	optionSharedOnly
	optionLocalTTL
	optionNoStore
	optionSkipNil
	optionVersion
	optionUnless
	optionUnlessFunc
	optionBatchSize
	optionBatchWindow
	optionNearer // and not the user's: what follows is a nearer list than what came before
)

// TTL is how long a value is fresh, above 0; 5 minutes if not given. It ends at
// most 20 ms late.
func TTL(d time.Duration) Option { return Option{kind: optionTTL, d: d, quiet: d > 0} }

// Jitter takes up to this fraction off each TTL, from 0 to 1, at random, so that
// values that were stored together do not end together: with Jitter(0.1) a TTL of 10
// minutes ends after 9 to 10. It holds for NegativeTTL too, and not for NoExpiry.
func Jitter(fraction float64) Option {
	return Option{kind: optionJitter, x: fraction, quiet: fraction >= 0 && fraction <= 1}
}

// LoadTimeout bounds one run of the loader; 30 seconds if not given. When it
// ends the loader's ctx is cancelled and the callers get an error that is
// context.DeadlineExceeded, whether the loader heeds its ctx or not.
func LoadTimeout(d time.Duration) Option {
	return Option{kind: optionLoadTimeout, d: d, quiet: d > 0}
}

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
// leaves the entry alone, and Get returns ErrMiss. So give a key the same codec
// everywhere, or its type a codec by codec.ByType in Config. Two codecs of one name
// are one format: either reads what the other wrote. Of calls that wait for one load,
// the one that started it decides.
func Codec(c codec.Codec) Option {
	_, problem, _ := codecName(c)
	return Option{kind: optionCodec, fn: c, quiet: problem == ""}
}

// Tags are names by which InvalidateTags forgets an entry, at most 64 of up to 250
// bytes. The Tags of New, of the call and of Amend add up. A hit does not look at
// them: an entry has the tags with which it was stored.
func Tags(tags ...string) Option { return Option{kind: optionTags, tags: tags, quiet: true} }

// silent reports whether opts change nothing about a hit. Only a call of which
// that is true may answer without looking at them.
func silent(opts []Option) bool {
	_, ok := heard(opts)
	return ok
}

// heard is silent, and the Name that opts give, or "". A hit asks for both in one pass.
func heard(opts []Option) (name string, silent bool) {
	places := false
	for i := range opts {
		o := &opts[i]
		if !o.quiet && o.kind != optionNone || places && o.places {
			return "", false // or maybe two that contradict each other
		}
		places = places || o.places
		if o.kind == optionName {
			name = o.name
		}
	}
	return name, true
}
