package mutation

// old.go is about values past their time: refreshes, Expire, and reads under Fresh.

func old() []Mutation {
	return []Mutation{{
		Name:    "the lock of a refresh is not named after the version",
		Rule:    "The lock of a refresh is that of one version: who holds that of the last one keeps nobody from the next.",
		File:    "internal/keys/space.go",
		Old:     "	b = append(strconv.AppendUint(b, cas, 36), ':')\n",
		New:     "	b = append(strconv.AppendUint(b, 0, 36), ':')\n",
		Package: "memo",
		Tests:   []string{"TestLockOfOneVersionIsNotThatOfTheNext"},
	}, {
		Name:    "the lock of a refresh is given back when the value is stored",
		Rule:    "The lock of a refresh is left behind: a late process that has read the old version cannot take it.",
		File:    "memo/fill.go",
		Old:     "		kept = true\n		l.tally.valueBytes",
		New:     "		kept = true\n		if s.tokenAt != s.place && s.tokenAt != \"\" {\n			_ = d.delete(ctx, []string{s.tokenAt})\n		}\n		l.tally.valueBytes",
		Package: "memo",
		Tests:   []string{"TestLateProcessDoesNotRefreshWhatIsNew"},
	}, {
		Name:    "the lock of a refresh is not renewed",
		Rule:    "A lock lives for as long as its load, and for 2 s more if its process dies.",
		File:    "memo/renew.go",
		Old:     "	k.domain.renew(context.Background(), due)\n",
		New:     "	_ = due\n",
		Package: "memo",
		Tests:   []string{"TestSlowRefreshKeepsItsLock"},
	}, {
		Name:    "a refresh takes no lock",
		Rule:    "One process refreshes an old value.",
		File:    "memo/lease.go",
		Old:     "		return d.holdOver(ctx, place, \"\", mine.Token, at), nil\n	case replace:\n",
		New:     "		return d.holdOver(ctx, place, \"\", mine.Token, at), nil\n	case replace:\n		return d.holdOver(ctx, place, \"\", mine.Token, at), nil\n	case 255:\n",
		Package: "memo",
		Tests:   []string{"TestOneLoadPerExpiryInAFleet"},
	}, {
		Name:    "what was invalidated is served past its time",
		Rule:    "An old value is served only if it is sound: no invalidation hides it.",
		File:    "memo/local.go",
		Old:     "a == gone || !sound(e, now) || !l.admits",
		New:     "a == gone || a >= early && !sound(e, now) || !l.admits",
		Package: "memo",
		Tests:   []string{"TestR24_WhatWasInvalidatedIsNotServedPastItsTime"},
	}, {
		Name:    "a load is made of an old part",
		Rule:    "A load is served nothing past its TTL: what it makes of it would be fresh for a TTL of its own.",
		File:    "memo/stale.go",
		Old:     "func (l *load) takesStale() bool { return !l.exacting && ",
		New:     "func (l *load) takesStale() bool { return ",
		Package: "memo",
		Tests:   []string{"TestLoaderWaitsForTheRefreshOfItsPart"},
	}, {
		Name:    "an Expire leaves loads in flight alone",
		Rule:    "A load that began before an Expire is kept for no later reader.",
		File:    "memo/expire.go",
		Old:     "		return d.node.CompareAndDelete(ctx, place, item.CAS)\n",
		New:     "		return nil\n",
		Package: "memo",
		Tests:   []string{"TestG06_LoadThatOverlappedAnExpireIsKeptNowhere"},
	}, {
		Name:    "a Fresh read does not hear the log",
		Rule:    "A read under Fresh uses L2 only when everything that had returned is applied.",
		File:    "memo/need.go",
		Old:     "	if l.sure = d.covered.Load() >= l.need.at; !l.sure",
		New:     "	if l.sure = true; !l.sure",
		Package: "memo",
		Tests:   []string{"TestFreshReadDoesNotTrustALogWithAHole", "TestFreshReadWhereTheSharedTierDoesNotAnswer"},
	}}
}
