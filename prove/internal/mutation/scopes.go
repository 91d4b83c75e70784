package mutation

// scopes.go is about who a value belongs to: a function, a tenant, a transaction.

func scopes() []Mutation {
	return []Mutation{{
		Name:    "a load in a transaction goes the way of others",
		Rule:    "What a transaction loads may be uncommitted, or old: it is stored in no tier, and shared with nobody.",
		File:    "memo/request.go",
		Old:     "	if p := n.inTx(); p != nil {\n		return p.read(ctx, n, l)\n",
		New:     "	if p := n.inTx(); p != nil && l.forced {\n		return p.read(ctx, n, l)\n",
		Package: "memo",
		Tests:   []string{"TestUncommittedValueReachesNobodyElse", "TestOldRowOfASnapshotIsNotStored"},
	}, {
		Name:    "an invalidation in a transaction is told at once",
		Rule:    "What a transaction invalidates is told when it has committed: before, readers would store the old rows again.",
		File:    "memo/txwrite.go",
		Old:     "	p := n.inTx()\n	if p == nil {\n		return false\n	}\n	p.mu.Lock()\n",
		New:     "	p := n.inTx()\n	if p == nil || what.about != everything {\n		return false\n	}\n	p.mu.Lock()\n",
		Package: "memo",
		Tests:   []string{"TestInvalidationWaitsForTheCommit"},
	}, {
		Name:    "all tenants have one key",
		Rule:    "Under Vary a key is kept below its tenant's root: what is one's is never another's.",
		File:    "memo/vary.go",
		Old:     "	if v == nil && !keys.Odd(text) {\n		return text, nil\n",
		New:     "	if v == nil || v.problem == \"\" {\n		return text, nil\n",
		Package: "memo",
		Tests:   []string{"TestG12_VariedKeysAreOthersInEveryTier"},
	}, {
		Name:    "two functions share a name",
		Rule:    "A name is one function's in a cache: two would take each other's values.",
		File:    "memo/declare.go",
		Old:     "taken && other != any(f)",
		New:     "taken && other == nil",
		Package: "memo",
		Tests:   []string{"TestTwoFuncsOfOneNameAreRefused"},
	}, {
		Name:    "an older release reads what a newer one has stored",
		Rule:    "Values of another Version are nobody's but its own, in whichever order the two are.",
		File:    "internal/coherence/judge.go",
		Old:     "	foreign := v.Version > r.Version ||",
		New:     "	foreign := false ||",
		Package: "memo",
		Tests:   []string{"TestVersionsSideBySide"},
	}}
}
