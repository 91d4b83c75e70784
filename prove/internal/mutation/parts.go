package mutation

// parts.go is about loads inside of loads: what a value for everyone is made of.

func parts() []Mutation {
	return []Mutation{{
		Name:    "a load inside of a load uses an L2 that has not read the log",
		Rule:    "A part from L2 is used only when this process has applied the log up to the counter of the whole.",
		File:    "memo/need.go",
		Old:     "	if l.sure = l.heard(); l.sure || l.domain == nil || !l.domain.up.Load() {\n",
		New:     "	if l.sure = true; l.sure || l.domain == nil || !l.domain.up.Load() {\n",
		Package: "memo",
		Tests:   []string{"TestNestedReadDoesNotUseAnL2ThatIsBehind"},
	}, {
		Name:    "a part that is too old is used where the log has a hole",
		Rule:    "Where a record is missing still, a part has to be as new by its own stamp.",
		File:    "memo/need.go",
		Old:     "	return coherence.SameEpoch(stamp, l.need.seq) && stamp >= l.need.seq\n",
		New:     "	return coherence.SameEpoch(stamp, l.need.seq)\n",
		Package: "memo",
		Tests:   []string{"TestG06_WholeMadeOfAPartThatWasGoodEnoughForAnother"},
	}, {
		Name:    "who joined a load does not look at what it ended with",
		Rule:    "A load that was joined is looked at again when it has landed: it may have been good enough for its leader alone.",
		File:    "memo/load.go",
		Old:     "	case !l.admits(e.Stamp, e.Loaded):\n		return false\n	case l.forced",
		New:     "	case l.forced",
		Package: "memo",
		Tests:   []string{"TestG06_WholeMadeOfAPartThatWasGoodEnoughForAnother"},
	}, {
		Name:    "a load inside of a load takes any value of memcached",
		Rule:    "A part from memcached, too, has to be as new as the whole: its delete may be under way.",
		File:    "memo/shared.go",
		Old:     "		case l.takes(e, a) && l.admits(e.Stamp, e.Loaded):\n",
		New:     "		case l.takes(e, a):\n",
		Package: "memo",
		Tests:   []string{"TestG06_ChainOfThreeAcrossProcesses"},
	}, {
		Name:    "what a poll has read counts as applied before it is",
		Rule:    "A record that was read is covered only when what it is about was dropped.",
		File:    "internal/coherence/log.go",
		Old:     "	l.done, l.busy = l.Covered(), true\n",
		New:     "",
		Package: "internal/coherence",
		Tests:   []string{"TestNothingIsCoveredBeforeItIsDone"},
	}}
}
