package mutation

// outages.go is about invalidations that memcached did not hear, and about its
// return.

func outages() []Mutation {
	return []Mutation{{
		Name:    "an invalidation that could not be told is dropped",
		Rule:    "What could not be told waits, and is told when memcached answers.",
		File:    "memo/queue.go",
		Old:     "	add(&d.pending)\n",
		New:     "",
		Package: "memo",
		Tests:   []string{"TestG07_DeferredInvalidationIsDelivered", "TestDeferredTagsAndTreesAreDelivered"},
	}, {
		Name:    "what waits is read from memcached",
		Rule:    "Reads of what waits to be told do not use memcached.",
		File:    "memo/domain.go",
		Old:     "		covered := d.pending.Covers(key) || d.pending.CoversTags(tags)\n",
		New:     "		covered := false\n",
		Package: "memo",
		Tests:   []string{"TestTagThatWaitsIsNotReadFromTheSharedTier", "TestAddWhereAnInvalidationWaits", "TestG07_RefusedExpireWaitsAndReadsPassTheSharedTier"},
	}, {
		Name:    "no epoch begins after a long outage",
		Rule:    "Who saw an outage longer than StaleBound begins a new epoch: a process that died in it may have taken invalidations with it.",
		File:    "internal/coherence/health.go",
		Old:     "		if now-h.lost > int64(h.Blip) {\n",
		New:     "		if false {\n",
		Package: "memo",
		Tests:   []string{"TestG07_InvalidationLostWithItsProcessIsCoveredByANewEpoch"},
	}, {
		Name:    "an epoch that could not begin is forgotten",
		Rule:    "An epoch that could not begin is owed: memcached stays down until it has.",
		File:    "memo/epoch.go",
		Old:     "	if !d.owing {\n",
		New:     "	if true {\n",
		Package: "memo",
		Tests:   []string{"TestG07_EpochThatCouldNotBeginIsOwed"},
	}, {
		Name:    "reads use memcached as soon as it answers",
		Rule:    "After a short outage reads stay off memcached until the others have told what waited.",
		File:    "internal/coherence/health.go",
		Old:     "		h.state = Quiet\n",
		New:     "",
		Package: "memo",
		Tests:   []string{"TestG07_ShortOutageKeepsWhatIsStored"},
	}}
}
