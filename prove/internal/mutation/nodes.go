package mutation

// nodes.go is about several servers: who is told, in which order, and what is read.

func nodes() []Mutation {
	return []Mutation{{
		Name:    "the logs of several servers are not opened first",
		Rule:    "What is about several servers opens the log of each before the first is told: values of the one are made of the other's.",
		File:    "memo/tell.go",
		Old:     "	if len(parts) > 1 {",
		New:     "	if false {",
		Package: "memo",
		Tests:   []string{"TestKeysOnSeveralNodesMadeOfEachOther"},
	}, {
		Name:    "a part from another server is judged by its number",
		Rule:    "Numbers of two servers cannot be compared: a part from another one is used only if all of its log was heard.",
		File:    "memo/need.go",
		Old:     "		l.apart = r.cache == l.cache\n",
		New:     "		l.apart = false\n",
		Package: "memo",
		Tests:   []string{"TestKeysOnSeveralNodesMadeOfEachOther"},
	}, {
		Name:    "what waits for one server is read from another",
		Rule:    "What waits for one server is not read from the others either, and they are told again when it is back: somebody may have made it of what the one still has.",
		File:    "memo/tell.go",
		Old:     "			p.domain.suspend(what, len(parts) > 1)\n",
		New:     "			p.domain.suspend(what, false)\n",
		Package: "memo",
		Tests:   []string{"TestWhatWaitsForOneNodeIsNotReadFromAnother"},
	}, {
		Name:    "a load is made of what was kept while its key was on no server",
		Rule:    "A part from L2 is used by what was heard of its server only if it was kept under that server.",
		File:    "memo/local.go",
		Old:     "	if l.exacting && e.Home != any(l.home) {",
		New:     "	if false {",
		Package: "memo",
		Tests:   []string{"TestNothingIsMadeOfWhatWasOnNoNode"},
	}, {
		Name:    "what L2 has of a key that has moved is used",
		Rule:    "An entry of L2 counts while its key is where it was: nobody tells its server of it any more.",
		File:    "memo/home.go",
		Old:     "	if h.moved != nil && h.moved(e) || h.fences",
		New:     "	if h.fences",
		Package: "memo",
		Tests:   []string{"TestKeyThatMovesIsNotReadFromWhereItWas"},
	}, {
		Name:    "what a server had of a key before it went and came back is used",
		Rule:    "What was stored on a server before its key was on another one is void.",
		File:    "memo/domain.go",
		Old:     " || c.members.void(d, e.Key, e.Stamp)\n",
		New:     "\n",
		Package: "memo",
		Tests:   []string{"TestKeyThatMovesAndComesBackIsNotReadAsItWas"},
	}, {
		Name:    "a server is used again with what it held in an earlier life",
		Rule:    "A server that comes into use begins a new epoch.",
		File:    "memo/roster.go",
		Old:     "	if todo.Rotate {\n",
		New:     "	if false {\n",
		Package: "memo",
		Tests:   []string{"TestNodeThatComesBackHasNothing"},
	}, {
		Name:    "who was stopped does not ask who is in use",
		Rule:    "An invalidation ends only if this process has lately heard which servers are in use.",
		File:    "memo/view.go",
		Old:     "	if v.Fresh(m.cache.clock.Exact()) {\n		return v\n	}\n	limited",
		New:     "	if true {\n		return v\n	}\n	limited",
		Package: "memo",
		Tests:   []string{"TestInvalidationOfAProcessThatWasStoppedReachesANewNode"},
	}}
}
