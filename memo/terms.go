package memo

import "context"

// Ahead of a Func's read that misses: what its own options come to in the cache that it
// has met. Nearly all calls bring no others, and to add up the same ones for each, in a
// list made for the call, was 240 B and a fifteenth of a miss.

// terms are what the options of a Func come to in one cache.
type terms struct {
	tally  *tally // where it is counted
	policy policy
	typ    *typeInfo
	tagger func(v any) []string
}

// agree returns f's terms in c, or nil if they are not the same for all calls: where an
// option goes by the argument, or is a mistake, which each call is to hear of.
func (f *Func[K, V]) agree(c *Cache, t *tally) *terms {
	for _, o := range f.opts {
		if o.kind == optionTagsFunc || o.kind == optionUnlessFunc {
			return nil
		}
	}
	opts := append([]Option{Name(f.name)}, f.opts...) // and not f.options, which has SetTTL's: that may end
	var l load
	if _, err := loadOf[V](&l, c, &node{cache: c, rare: &c.plain}, "", opts); err != nil {
		return nil
	}
	return &terms{tally: t, policy: *l.policy, typ: l.typ, tagger: l.tagger}
}

// terms are those of a call under n with opts, or nil if it has to add up its options.
func (f *Func[K, V]) terms(n *node, opts []Option) *terms {
	if n == nil || len(opts) > 0 || f.batch != nil || f.ttl.Load() > 0 || n.vary != nil || n.bypassed() {
		return nil
	}
	return f.known.Load().in(n.cache)
}

// readBy is read by terms.
func (f *Func[K, V]) readBy(t *terms, op string, ctx context.Context, n *node, k K, forced bool) (v V, err error) {
	key := f.Key(k)
	if err := checkCall(op, ctx, key); err != nil {
		return v, err
	}
	kept, problem := n.vary.keepKey(key)
	if problem != nil {
		return v, misuse(problem, op, f.name)
	}
	l := &load{cache: n.cache, tally: t.tally, kind: t.tally, key: kept, policy: &t.policy, typ: t.typ, tagger: t.tagger,
		fresh: n.mode&modeFresh != 0, forced: forced}
	return goOn(ctx, n, l, func(ctx context.Context) (V, error) { return f.loader(ctx, k) }, f.clone)
}
