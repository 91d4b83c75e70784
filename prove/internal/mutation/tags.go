package mutation

// tags.go is about tags and trees: markers in memcached, fences in the process.

func tags() []Mutation {
	return []Mutation{{
		Name:    "a marker that is missing says nothing against a value",
		Rule:    "What stands below a marker that is missing is void: the server may have evicted it.",
		File:    "internal/coherence/mark.go",
		Old:     "return len(m.Unknown) > 0 || stamp < m.Last",
		New:     "return stamp < m.Last",
		Package: "memo",
		Tests:   []string{"TestEvictedMarkerHidesWhatItMarked"},
	}, {
		Name:    "a marker says nothing against a value",
		Rule:    "A value whose stamp is smaller than a marker of it is void.",
		File:    "internal/coherence/mark.go",
		Old:     "return len(m.Unknown) > 0 || stamp < m.Last",
		New:     "return len(m.Unknown) > 0",
		Package: "memo",
		Tests:   []string{"TestTagIsInvalidatedFromAProcessThatNeverLoadedIt", "TestG06_LoadThatATagOvertookIsStoredNowhere"},
	}, {
		Name:    "a missing marker is added with the number",
		Rule:    "A missing marker is added as one that hides everything, and gets its number afterwards.",
		File:    "memo/mark.go",
		Old:     "				return d.node.Add(ctx, marks[i], wire.AppendSeq(nil, coherence.Unborn), tier.NoExpiry)\n			})\n",
		New:     "				return d.node.Add(ctx, marks[i], wire.AppendSeq(nil, n), tier.NoExpiry)\n			})\n			done[i] = err == nil\n",
		Package: "memo",
		Tests:   []string{"TestG06_MarkerThatWasEvictedWhileAnotherOneRaisedIt"},
	}, {
		Name:    "a marker is set to a smaller number",
		Rule:    "A marker is only raised.",
		File:    "memo/mark.go",
		Old:     "		case err == nil && coherence.SameEpoch(known, n) && known >= n:\n",
		New:     "		case err == nil && known == n:\n",
		Package: "memo",
		Tests:   []string{"TestG06_MarkerThatAnotherOneRaisedHigher"},
	}, {
		Name: "a marker is set, whatever is there",
		Rule: "A marker is moved by a swap: another one may have raised it higher in between.",
		File: "memo/mark.go",
		Old:  "				return d.node.CompareAndSwap(ctx, marks[i], items[i].CAS, wire.AppendSeq(nil, n), tier.NoExpiry)\n",
		New: `					at := []tier.Item{items[i]}
					for {
						err := d.node.CompareAndSwap(ctx, marks[i], at[0].CAS, wire.AppendSeq(nil, n), tier.NoExpiry)
						if !errors.Is(err, tier.ErrConflict) {
							return err
						}
						if err := d.node.GetMulti(ctx, []string{marks[i]}, at); err != nil {
							return err
						}
					}
`,
		Package: "memo",
		Tests:   []string{"TestG06_MarkerThatAnotherOneRaisedHigher"},
	}, {
		Name:    "the key that a tree is named by is not deleted",
		Rule:    "The key itself that a tree is named by is deleted: it stands below no marker of the tree.",
		File:    "memo/tell.go",
		Old:     "	if what.about == wire.Tags {\n",
		New:     "	if what.about == wire.Tags || what.about == wire.Trees {\n",
		Package: "memo",
		Tests:   []string{"TestInvalidateTreeReachesWhatStandsBelow"},
	}, {
		Name:    "the first value of a tag is stored whatever was counted meanwhile",
		Rule:    "A marker that a fill brings in has the number of the counter, unless no tag and no tree was invalidated since the load began.",
		File:    "memo/mark.go",
		Old:     "		if d.quiet(ctx, e, seq) {\n",
		New:     "		if true {\n",
		Package: "memo",
		Tests:   []string{"TestG06_FirstValueOfATagThatWasInvalidatedMeanwhile"},
	}, {
		Name:    "fences of this process are not put up",
		Rule:    "An invalidation of a tag or tree hides what its own process has, from its return on.",
		File:    "memo/tags.go",
		Old:     "		h.fences.made(what.about, what.names)\n",
		New:     "		_ = h\n",
		Package: "memo",
		Tests:   []string{"TestInvalidateTagsReachesWhatCarriesThem", "TestInvalidateTreeReachesWhatStandsBelow", "TestG06_LoadThatATagOvertookIsStoredNowhere"},
	}, {
		Name:    "fences of other processes are not put up",
		Rule:    "The record of a tag or tree hides what is older than it.",
		File:    "memo/poll.go",
		Old:     "			d.home.fences.heard(r)\n",
		New:     "",
		Package: "memo",
		Tests:   []string{"TestInvalidateTagsReachesWhatCarriesThem", "TestG06_ValueReadBetweenTheRecordAndTheMarker"},
	}, {
		Name:    "a fence of another process hides by the time at which it was heard",
		Rule:    "A fence of another process hides by its number: the record can be read before the marker is raised.",
		File:    "internal/coherence/fence.go",
		Old:     "	f.put(fence{seq: seq}, targets)\n",
		New:     "	f.put(fence{turn: f.turn}, targets)\n",
		Package: "memo",
		Tests:   []string{"TestG06_ValueReadBetweenTheRecordAndTheMarker"},
	}, {
		Name:    "who joined a load is not told of its tags",
		Rule:    "What a load ends with is compared with the fences by who asked after they were put up: nobody knew its tags before.",
		File:    "memo/load.go",
		Old:     "	return e.Began >= l.asked || !l.home.hides(e)\n",
		New:     "	return true\n",
		Package: "memo",
		Tests:   []string{"TestG06_LoadThatATagOvertookIsStoredNowhere"}, // who asks after the fences are up joins no such load: foredoomed, in lead.go
	}, {
		Name:    "fences that were forgotten hide nothing",
		Rule:    "What is remembered of tags is bounded, and what was forgotten hides all that was not looked at since.",
		File:    "internal/coherence/fence.go",
		Old:     "	if began < f.everything || checked < f.lostTurn && f.lost.hides(stamp, began) {\n",
		New:     "	if began < f.everything {\n",
		Package: "internal/coherence",
		Tests:   []string{"TestForgottenFencesHideWhatWasNotChecked"},
	}}
}
