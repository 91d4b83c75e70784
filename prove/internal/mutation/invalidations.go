package mutation

// invalidations.go is about what an invalidation does to memcached, and in which
// order.

func invalidations() []Mutation {
	return []Mutation{{
		Name:    "the record is written before the delete",
		Rule:    "The items are deleted before the record can be seen.",
		File:    "memo/deliver.go",
		Old:     "			func() error { return both(func() error { return p.void(ctx) }, func() error { return p.count(ctx) }) },\n			func() error { return p.record(ctx) },\n",
		New:     "			func() error { return p.count(ctx) },\n			func() error { return p.record(ctx) },\n			func() error { return p.void(ctx) },\n",
		Package: "memo",
		Tests:   []string{"TestG06_RecordIsNotSeenBeforeTheDelete"},
	}, {
		Name:    "several keys are deleted beside their number",
		Rule:    "Several keys are deleted between their number and its record, since they may be made of each other.",
		File:    "memo/deliver.go",
		Old:     "		func() error { return p.count(ctx) },\n		func() error { return p.void(ctx) },\n",
		New:     "		func() error { return both(func() error { return p.void(ctx) }, func() error { return p.count(ctx) }) },\n",
		Package: "memo",
		Tests:   []string{"TestG06_KeysMadeOfEachOther"},
	}, {
		Name:    "an invalidation that took too long counts as told",
		Rule:    "A writer that took longer than WriteTimeout has not told: others may have given its number up.",
		File:    "memo/deliver.go",
		Old:     "	if end, ok := ctx.Deadline(); ok && time.Now().After(end) {\n",
		New:     "	if end, ok := ctx.Deadline(); ok && false && time.Now().After(end) {\n",
		Package: "memo",
		Tests:   []string{"TestG07_InvalidationThatWasStoppedOnItsWayIsNotDone"},
	}, {
		Name:    "the counter is set to its new epoch",
		Rule:    "The counter is moved by a swap, and to another epoch each time: a command that is repeated would turn it back.",
		File:    "memo/epoch.go",
		Old:     "	for {\n		next := coherence.NewEpoch(rand.Uint64(), seq)\n",
		New:     "	next := coherence.NewEpoch(rand.Uint64(), seq)\n	for {\n",
		Package: "memo",
		Tests:   []string{"TestG07_SwapOfTheCounterThatWasRepeated"},
	}}
}
