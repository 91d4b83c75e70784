package mutation

// flights.go is about loads of one process, and an invalidation in the same one.

func flights() []Mutation {
	return []Mutation{{
		Name:    "an invalidation leaves loads in flight where they are",
		Rule:    "Who asks after an invalidation joins no load that began before it.",
		File:    "internal/flight/invalidate.go",
		Old:     "	c.dirty = true\n	g.vacate(k)\n",
		New:     "	c.dirty = true\n",
		Package: "memo",
		Tests:   []string{"TestG04_WhoAsksAfterAnInvalidationJoinsNoOlderLoad"},
	}, {
		Name:    "a load that was overtaken keeps its value in L2",
		Rule:    "A load that an invalidation has marked keeps nothing.",
		File:    "internal/flight/call.go",
		Old:     "	if c.dirty || c.settled {\n",
		New:     "	if c.settled {\n",
		Package: "memo",
		Tests:   []string{"TestG06_LoadThatOverlappedAnInvalidationIsStoredNowhere", "TestG06_ReadOfTheSharedTierThatWasOvertakenIsNotKept"},
	}, {
		Name:    "to look and to keep are two steps",
		Rule:    "That a load is not marked, and that it keeps its value, is one step against an invalidation.",
		File:    "internal/flight/call.go",
		Old:     "	store()\n	if c.write {\n",
		New:     "	c.shard.mu.Unlock()\n	store()\n	c.shard.mu.Lock()\n	if c.write {\n",
		Package: "internal/flight",
		Tests:   []string{"TestKeepAndInvalidateAreOneStepEach"},
	}, {
		Name:    "several keys are forgotten one after the other",
		Rule:    "Keys of one call are forgotten in one step, since they may be made of each other.",
		File:    "internal/flight/invalidate.go",
		Old:     "		s.mu.Lock()\n		defer s.mu.Unlock()\n	}\n	for _, key := range keys {\n",
		New:     "		s.mu.Lock()\n		s.mu.Unlock()\n	}\n	for _, key := range keys {\n",
		Package: "internal/flight",
		Tests:   []string{"TestAnInvalidationOfSeveralKeysIsOneStep"},
	}, {
		Name:    "a load that began during a Set keeps its value",
		Rule:    "A Set makes loads out of date when it stores, too: they may have read what was there before it.",
		File:    "internal/flight/call.go",
		Old:     "		c.group.invalidate(c.shard.keys[c.key], Always)\n",
		New:     "",
		Package: "memo",
		Tests:   []string{"TestG06_LoadThatBeganDuringASetDoesNotReplaceIt"},
	}, {
		Name:    "L2 forgets before memcached does",
		Rule:    "An invalidation runs against the direction of a read: memcached first, then the flights and L2.",
		File:    "memo/invalidate.go",
		Old:     "	parts, err := c.tell(ctx, what)\n	switch what.about {\n	case everything:\n		c.forgetAll(table)\n	case wire.Keys:\n		c.forgetKeys(table, what.names)\n",
		New:     "	if what.about == wire.Keys {\n		c.forgetKeys(table, what.names)\n	}\n	parts, err := c.tell(ctx, what)\n	switch what.about {\n	case everything:\n		c.forgetAll(table)\n	case wire.Keys:\n",
		Package: "memo",
		Tests:   []string{"TestR26_ReaderDuringAnInvalidationBringsNothingBack"},
	}, {
		Name:    "a request keeps what it waited for while it forgot the key",
		Rule:    "What a request gets from a load of others is not kept in it, if anything of it was forgotten meanwhile.",
		File:    "memo/joins.go",
		Old:     "entryOf(n.table.AddSince(b.epoch, itemOf(e)))",
		New:     "entryOf(n.table.Add(itemOf(e)))",
		Package: "memo",
		Tests:   []string{"TestWhoJoinsInARequestThatInvalidatesMeanwhileKeepsNothingThere"},
	}}
}
