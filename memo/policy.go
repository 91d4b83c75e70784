package memo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/internal/keys"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/codec"
)

// Below a hit: what the options of New, of a call and of Amend come to.

// policy is what the options of one call come to.
type policy struct {
	ttl, negative       time.Duration // negative 0: a negative is not kept
	stale, staleIfError time.Duration
	jitter, early       float64
	loadTimeout         time.Duration
	clone               any      // func(V) V
	tags                []string // as the tiers have them
	vary                *varied  // of the ctx from which the options come
	tagsFrom            any      // func(V) []string
	place               place
	localTTL            time.Duration // 0: none
	skipNil             bool
	version             uint32
	unless              func(context.Context) bool
	codec               codec.Codec
	batchSize           int
	batchWindow         time.Duration
	name                string // in statistics; "": that of the key
}

// applyTo adds opts to p, for values of type t.
func (p *policy) applyTo(t reflect.Type, opts []Option) error {
	inGeneral := p.skipNil
	p.skipNil = false
	if err := p.apply(opts); err != nil {
		return err
	}
	return p.skipsNil(t, inGeneral)
}

// apply adds opts to p.
func (p *policy) apply(opts []Option) error {
	list, windowed := 0, false
	for i, o := range opts {
		windowed = windowed || o.kind == optionBatchWindow
		if o.kind == optionNearer {
			list = i
		}
		for _, before := range opts[list:i] {
			if problem := contradiction(before, o); problem != nil {
				return problem
			}
		}
		if err := p.add(o); err != nil {
			return err
		}
	}
	if windowed && p.batchWindow >= p.loadTimeout {
		return &UsageError{
			Problem: fmt.Sprintf("BatchWindow of %v, and LoadTimeout of %v: a load would be over before its loader runs", p.batchWindow, p.loadTimeout),
			Fix:     "give BatchWindow a few milliseconds, or 0 for none",
		}
	}
	return nil
}

func (p *policy) add(o Option) error {
	switch o.kind {
	case optionTTL:
		if o.d <= 0 {
			return badDuration("TTL", o.d, "above 0 (memo.NoExpiry for a value that does not end)")
		}
		p.ttl = o.d
	case optionLoadTimeout:
		if o.d <= 0 {
			return badDuration("LoadTimeout", o.d, "above 0")
		}
		p.loadTimeout = min(o.d, longest)
	case optionStale:
		return p.window(&p.stale, "Stale", o.d)
	case optionStaleIfError:
		return p.window(&p.staleIfError, "StaleIfError", o.d)
	case optionNegativeTTL:
		return p.window(&p.negative, "NegativeTTL", o.d)
	case optionJitter:
		if !(o.x >= 0 && o.x <= 1) {
			return &UsageError{Problem: fmt.Sprintf("Jitter of %v", o.x), Fix: "give the part of a TTL that chance may take off it, from 0 to 1, as 0.1"}
		}
		p.jitter = o.x
	case optionEarlyRefresh:
		if !(o.x >= 0 && o.x <= mostBeta) {
			return &UsageError{Problem: fmt.Sprintf("EarlyRefresh of %v", o.x), Fix: fmt.Sprintf("give 1, or another number from 0 (off) to %v", mostBeta)}
		}
		p.early = o.x
	case optionClone:
		if o.fn == nil {
			return &UsageError{Problem: "Clone has no function", Fix: "give it one, or leave Clone out"}
		}
		p.clone = o.fn
	case optionName:
		if problem := nameProblem(o.name); problem != "" {
			return &UsageError{Problem: problem, Fix: "give it a constant, as Name(\"front page\"), or leave it out for the first part of the key"}
		}
		p.name = o.name
	case optionTags:
		return p.tag(o.tags)
	case optionTagsFunc: // not bound
		return &UsageError{Problem: "TagsFunc sees the argument of a Func, and there is none", Fix: "give it to NewFunc, and Tags to other calls"}
	case optionUnlessFunc:
		return &UsageError{Problem: "UnlessFunc sees the argument of a Func, and there is none", Fix: "give it to NewFunc, and Unless to other calls"}
	case optionTagsFrom:
		if o.fn == nil {
			return &UsageError{Problem: "TagsFrom has no function", Fix: "give it one, or leave TagsFrom out"}
		}
		p.tagsFrom = o.fn
	case optionLocalOnly, optionSharedOnly, optionLocalTTL, optionNoStore:
		return p.puts(o)
	case optionSkipNil:
		p.skipNil = true
	case optionVersion:
		return p.dates(o)
	case optionUnless:
		return p.exempts(o)
	case optionBatchSize:
		if o.d < 1 {
			return &UsageError{Problem: fmt.Sprintf("BatchSize of %d", int(o.d)), Fix: "give the most keys that one call of the loader can take, 1 or more"}
		}
		p.batchSize = int(o.d)
	case optionBatchWindow:
		return p.window(&p.batchWindow, "BatchWindow", o.d)
	case optionCodec:
		p.codec, _ = o.fn.(codec.Codec)
		if _, problem, fix := codecName(p.codec); problem != "" {
			return &UsageError{Problem: problem, Fix: fix}
		}
	}
	return nil
}

func (p *policy) window(field *time.Duration, name string, d time.Duration) error {
	if d < 0 {
		return badDuration(name, d, "above 0, or 0 for none")
	}
	*field = d
	return nil
}

// varies has p, which is of New's options, be of a call under v: the tags too.
func (p *policy) varies(v *varied) error {
	if v == nil {
		return nil
	}
	tags := p.tags
	p.tags, p.vary = nil, v
	asked := make([]string, len(tags))
	for i, tag := range tags {
		asked[i] = keys.Asked(tag)
	}
	return p.tag(asked)
}

func (p *policy) tag(tags []string) error {
	kept := make([]string, len(tags))
	for i, tag := range tags {
		problem := tagProblem(tag)
		if problem == nil {
			kept[i], problem = p.vary.keepTag(tag)
		}
		if problem != nil {
			return problem
		}
	}
	if p.tags = mergeTags(slices.Clip(p.tags), kept); len(p.tags) > wire.MaxTags {
		return &UsageError{Problem: fmt.Sprintf("%d tags, more than %d", len(p.tags), wire.MaxTags), Fix: "name what they have in common, or invalidate by InvalidateTree"}
	}
	return nil
}

func badDuration(name string, d time.Duration, which string) error {
	return &UsageError{Problem: fmt.Sprintf("%s of %v", name, d), Fix: "give a duration " + which}
}

// jittered is ttl less what chance takes off it.
func (p *policy) jittered(ttl time.Duration) time.Duration {
	if ttl == NoExpiry || p.jitter == 0 {
		return ttl
	}
	return max(ttl-time.Duration(p.jitter*rand.Float64()*float64(ttl)), 1)
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
