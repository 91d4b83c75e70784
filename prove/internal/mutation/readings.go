package mutation

// readings.go is about what a process hears of the others, and until when it may
// go on without.

func readings() []Mutation {
	return []Mutation{{
		Name:    "the log is read and not obeyed",
		Rule:    "What a record is about is dropped from L2.",
		File:    "memo/poll.go",
		Old:     "	for _, r := range act.Drop {\n",
		New:     "	for _, r := range act.Drop[:0] {\n",
		Package: "memo",
		Tests:   []string{"TestG05_OtherProcessesSeeItAfterAPoll", "TestInvalidateTagsReachesWhatCarriesThem"},
	}, {
		Name:    "L2 is used without having heard the log",
		Rule:    "An entry of L2 is used for StaleBound after the last poll that heard everything, and no longer.",
		File:    "memo/home.go",
		Old:     "h == nil || now > h.horizon.Load() && now-e.Loaded > h.bound.Load() {\n",
		New:     "h == nil {\n",
		Package: "memo",
		Tests:   []string{"TestG05_BoundHoldsWhenTheLogIsNotHeard"},
	}, {
		Name:    "a load of any age is joined",
		Rule:    "A load in flight is joined by the same bound, from its begin.",
		File:    "memo/lead.go",
		Old:     "	case now > l.home.horizon.Load() && now-r.started > l.home.bound.Load():\n",
		New:     "	case now < 0:\n",
		Package: "memo",
		Tests:   []string{"TestG05_LoadThatIsOlderThanTheBoundIsNotJoined"},
	}, {
		Name:    "a record that is missing is nothing",
		Rule:    "A number without its record is a hole: it is waited for, and then everything is forgotten.",
		File:    "internal/coherence/log.go",
		Old:     "	if data == nil {\n",
		New:     "	if data == nil {\n		return\n	}\n	if data == nil {\n",
		Package: "memo",
		Tests:   []string{"TestHoleIsWaitedForAndThenEverythingIsForgotten", "TestG07_RefusedRecordIsAHole"},
	}, {
		Name:    "a hole is given up and nothing is forgotten",
		Rule:    "Who gives a hole up forgets everything, whatever it was about.",
		File:    "internal/coherence/log.go",
		Old:     "			act.Purge, act.Lost = true, true // whatever it was about\n",
		New:     "",
		Package: "memo",
		Tests:   []string{"TestHoleIsWaitedForAndThenEverythingIsForgotten"},
	}, {
		Name:    "a poll that left a hole open counts",
		Rule:    "While a hole is open the log is not heard, and the bound runs.",
		File:    "internal/coherence/log.go",
		Old:     "	act.Complete = !act.More && len(l.holes) == 0 && l.settled == 0\n",
		New:     "	act.Complete = !act.More && l.settled == 0\n",
		Package: "internal/coherence",
		Tests:   []string{"TestLog"},
	}, {
		Name:    "a poll that has not read to the end counts",
		Rule:    "While there are more records than a poll has asked for the log is not heard, and the bound runs.",
		File:    "internal/coherence/log.go",
		Old:     "	act.Complete = !act.More && len(l.holes) == 0 && l.settled == 0\n",
		New:     "	act.Complete = len(l.holes) == 0 && l.settled == 0\n",
		Package: "internal/coherence",
		Tests:   []string{"TestLog", "TestRoomIsForWhatTheLastPollFound"},
	}, {
		Name:    "what a poll has no room for waits for the next one",
		Rule:    "A poll that has not read to the end is followed by another one at once.",
		File:    "memo/poll.go",
		Old:     "	return act.More\n",
		New:     "	return false\n",
		Package: "memo",
		Tests:   []string{"TestRoundTripsOfAPoll", "TestABurstIsHeardInOnePollAndForgotten"},
	}, {
		Name:    "a new process trusts what it reads at once",
		Rule:    "Who begins to read the log in its midst covers nothing until what is under way must have ended, and then forgets.",
		File:    "internal/coherence/log.go",
		Old:     "		l.settled = now + int64(l.GiveUp)\n",
		New:     "",
		Package: "memo",
		Tests:   []string{"TestG05_ProcessThatStartsBetweenTheCountAndTheDelete", "TestG05_FarBehindBetweenTheCountAndTheDelete"},
	}, {
		Name:    "an epoch is read from where it is",
		Rule:    "Of an epoch that was met all records are read, from the first one.",
		File:    "internal/coherence/log.go",
		Old:     "		l.restart(first)\n",
		New:     "		l.restart(seq)\n",
		Package: "memo",
		Tests:   []string{"TestG05_EpochFoundWithACountInIt"},
	}, {
		Name:    "a new epoch empties nothing",
		Rule:    "Who meets another epoch forgets everything.",
		File:    "memo/poll.go",
		Old:     "	if act.Purge {\n",
		New:     "	if act.Purge && !anew {\n",
		Package: "memo",
		Tests:   []string{"TestG05_InvalidateAllReachesTheOthersAfterAPoll"},
	}}
}
