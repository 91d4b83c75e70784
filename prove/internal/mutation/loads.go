package mutation

// loads.go is about what a load stores for everyone, and what a reader takes.

func loads() []Mutation {
	return []Mutation{{
		Name: "the value is stored over whatever is there",
		Rule: "A value is swapped for the lease of its own load, and never set.",
		File: "memo/lease.go",
		Old:  `	return s.domain.swap(context.WithoutCancel(ctx), s.place, s.cas, data, ttl)`,
		New: `	ctx = context.WithoutCancel(ctx)
	at, err := s.domain.look(ctx, s.place)
	if err != nil {
		return err
	}
	return s.domain.put(ctx, s.place, at.item, data, ttl)`,
		Package: "memo",
		Tests:   []string{"TestG06_AnotherProcessesLoadIsNotFilledAfterTheDelete"},
	}, {
		Name:    "a value that could not be stored is kept in L2",
		Rule:    "A load whose lease was deleted keeps nothing, neither for others nor for its own process.",
		File:    "memo/fill.go",
		Old:     "		kept = true // by somebody else, or by nobody: there is nothing to release\n",
		New:     "		kept = true\n		l.keep(f, e)\n",
		Package: "memo",
		Tests:   []string{"TestG06_AnotherProcessesLoadIsNotFilledAfterTheDelete"},
	}, {
		Name:    "the stamp is the counter from after the load",
		Rule:    "The stamp of a value is the counter from before its load.",
		File:    "memo/fill.go",
		Old:     "	e.Stamp = at.seq\n",
		New:     "	e.Stamp = at.seq\n	if now, err := d.look(ctx, s.place); err == nil {\n		e.Stamp = now.seq\n	}\n",
		Package: "memo",
		Tests:   []string{"TestG06_LoadThatEndsBetweenTheCountAndTheDelete"},
	}, {
		Name:    "L2 keeps a value with the counter at which it was read",
		Rule:    "A value that was read from memcached keeps the stamp of its load.",
		File:    "memo/shared.go",
		Old:     "= value, v.Stamp,",
		New:     "= value, at.seq,",
		Package: "memo",
		Tests:   []string{"TestG06_ValueReadBetweenTheCountAndTheDelete"},
	}, {
		Name:    "a read of memcached is as new as the counter",
		Rule:    "A read of memcached is overtaken by what is newer than the value that it found, and not than the counter beside it.",
		File:    "memo/shared.go",
		Old:     "		if e, err := l.decode(&v, at); err == nil && !l.home.hidesAt(e, at.exact) {\n",
		New:     "		f.Stamp(at.seq)\n		if e, err := l.decode(&v, at); err == nil && !l.home.hidesAt(e, at.exact) {\n",
		Package: "memo",
		Tests:   []string{"TestG06_ValueDecodedAcrossTheRecord"},
	}, {
		Name:    "a batch keeps what it saw before an invalidation",
		Rule:    "A batch watches the keys that it looks at, and keeps nothing that was invalidated meanwhile.",
		File:    "memo/glance.go",
		Old:     "		a.watch.End(func() { l.put(e) })\n",
		New:     "		a.watch.End(nil)\n		l.put(e)\n",
		Package: "memo",
		Tests:   []string{"TestG06_BatchThatLooksKeepsNothingThatWasInvalidatedMeanwhile"},
	}, {
		Name:    "a load uses what its batch saw before an invalidation",
		Rule:    "What was seen for a load ahead of it is not used if its key was invalidated before the load was in flight.",
		File:    "memo/glance.go",
		Old:     "	return a.watch.End(nil)\n",
		New:     "	a.watch.End(nil)\n	return true\n",
		Package: "memo",
		Tests:   []string{"TestG06_LoadTakesNothingAlongThatWasInvalidatedMeanwhile", "TestG06_LoadTakesNothingAlongThatItsCallerSawBeforeAnInvalidation"},
	}, {
		Name:    "a read keeps what it saw before an invalidation",
		Rule:    "A read that looks by itself watches its key, and keeps nothing that was invalidated meanwhile.",
		File:    "memo/glimpse.go",
		Old:     "			a.watch.End(func() { l.put(e) })\n			return e\n",
		New:     "			a.watch.End(nil)\n			l.put(e)\n			return e\n",
		Package: "memo",
		Tests:   []string{"TestG06_ReadThatLooksKeepsNothingThatWasInvalidatedMeanwhile"},
	}, {
		Name:    "a whole crowd looks",
		Rule:    "One caller of a key looks by himself, and all others share a load.",
		File:    "internal/flight/watch.go",
		Old:     "	if k := s.keys[key]; k != nil {\n",
		New:     "	if k := s.keys[key]; k != nil && !k.glances {\n",
		Package: "internal/flight",
		Tests:   []string{"TestGlance"},
	}, {
		Name:    "a batch gives back the place of a read that it has met",
		Rule:    "Who came to a key while a batch looked at it is found by invalidations when the batch is done.",
		File:    "memo/row.go",
		Old:     "m.load != nil || !m.seen.watch.Free() {\n",
		New:     "m.load != nil {\n",
		Package: "memo",
		Tests:   []string{"TestG06_ReadThatOutlivesTheBatchThatItMet"},
	}, {
		Name:    "a batch keeps what it saw before a load landed",
		Rule:    "Who reads without a load keeps nothing if a load of the key landed meanwhile, which has read later.",
		File:    "internal/flight/run.go",
		Old:     "	k.missed = k.missed || k.glances\n",
		New:     "",
		Package: "memo",
		Tests:   []string{"TestWhoReadsBesideARefreshKeepsNothingOlder"},
	}, {
		Name:    "a Get keeps what it saw before a load landed",
		Rule:    "Who reads without a load keeps nothing if a load of the key landed meanwhile, which has read later.",
		File:    "internal/flight/run.go",
		Old:     "w.dirty = w.dirty || !w.write //",
		New:     "w.dirty = w.dirty //",
		Package: "memo",
		Tests:   []string{"TestWhoReadsBesideARefreshKeepsNothingOlder"},
	}, {
		Name:    "a batch gives back the place of a load that goes on",
		Rule:    "A load that outlives its batch is of the key that it was begun for.",
		File:    "memo/row.go",
		Old:     "m.load != nil || !m.seen.watch.Free() {\n",
		New:     "!m.seen.watch.Free() {\n",
		Package: "memo",
		Tests:   []string{"TestLoadsThatOutliveTheirBatchKeepTheirKeys"},
	}, {
		Name:    "values of an old epoch count",
		Rule:    "A value of another epoch is void.",
		File:    "internal/coherence/judge.go",
		Old:     "	case !SameEpoch(v.Stamp, seq), v.Key != r.Key, over && foreign:\n",
		New:     "	case v.Key != r.Key, over && foreign:\n",
		Package: "memo",
		Tests:   []string{"TestG07_SwapFromBeforeARestart", "TestG07_InvalidationLostWithItsProcessIsCoveredByANewEpoch"},
	}, {
		Name:    "leases of an old epoch are waited for",
		Rule:    "A lease of another epoch is void: its holder's value would be.",
		File:    "internal/coherence/judge.go",
		Old:     "	if err != nil || !SameEpoch(l.Stamp, seq) {\n",
		New:     "	if err != nil {\n",
		Package: "internal/coherence",
		Tests:   []string{"TestJudge"},
	}, {
		Name:    "the lease is not renewed",
		Rule:    "A lease lives for as long as its load, and for 2 s more if its process dies.",
		File:    "memo/renew.go",
		Old:     "	k.domain.renew(context.Background(), due)\n",
		New:     "	_ = due\n",
		Package: "memo",
		Tests:   []string{"TestG03_OneLoadForTheFleet"},
	}, {
		Name:    "a Set takes no lease",
		Rule:    "A Set takes the place of a load's lease before it draws its number, so that older loads lose.",
		File:    "memo/set.go",
		Old:     "		if err := d.placeLease(ctx, place, at, mine); err != nil && tier.IsAnswer(err) {\n",
		New:     "		if !at.item.Found() {\n			_ = d.placeLease(ctx, place, at, mine)\n		}\n		if err := error(nil); err != nil && tier.IsAnswer(err) {\n",
		Package: "memo",
		Tests:   []string{"TestG06_LoadInFlightDoesNotReplaceASet"},
	}}
}
