package mutation

// soft.go is about what the verbs say: Expire, Refresh and Add; and about the
// pause after a refresh that has failed.

func soft() []Mutation {
	return []Mutation{{
		Name:    "a refresh that has failed is tried at once",
		Rule:    "What has failed is tried again a second later, and not by each reader.",
		File:    "memo/stale.go",
		Old:     "		e.More.Retry.Store(l.cache.clock.Exact() + int64(pause))\n",
		New:     "		_ = e\n",
		Package: "memo",
		Tests:   []string{"TestFailedRefreshIsTriedAgainASecondLater", "TestOldValueStandsInForAnError"},
	}, {
		Name:    "Expire leaves the value as it is in memcached",
		Rule:    "What is expired ceases to be the version that a load under way would replace.",
		File:    "memo/deliver.go",
		Old:     "				return p.domain.soften(ctx, p.places)\n",
		New:     "				return nil\n",
		Package: "memo",
		Tests:   []string{"TestG06_LoadThatOverlappedAnExpireIsKeptNowhere", "TestExpiredValueIsServedWhileTheFleetRefreshesItOnce"},
	}, {
		Name:    "the record of an Expire says nothing",
		Rule:    "What another process has expired is old here, too.",
		File:    "memo/expire.go",
		Old:     "		case e.Stamp < seq:\n			c.outlive(e)\n",
		New:     "",
		Package: "memo",
		Tests:   []string{"TestExpiredValueIsServedWhileTheFleetRefreshesItOnce"},
	}, {
		Name:    "an Expire lengthens the windows of what is old",
		Rule:    "The windows begin with the first end of the freshness, and a second Expire does not move it.",
		File:    "memo/age.go",
		Old:     "	if e.Fresh() <= now {\n		return e\n	}\n",
		New:     "",
		Package: "memo",
		Tests:   []string{"TestSecondExpireDoesNotLengthenTheWindows"},
	}, {
		Name:    "a Refresh tells nobody",
		Rule:    "The other processes hear of a Refresh as of an Expire.",
		File:    "memo/fill.go",
		Old:     "		d.announce(ctx, l.key)\n",
		New:     "",
		Package: "memo",
		Tests:   []string{"TestRefreshReachesAllTiersAndProcesses"},
	}, {
		Name:    "Add stores whatever is there",
		Rule:    "What has a value is left alone by an Add, in every tier.",
		File:    "memo/set.go",
		Old:     "			if found {\n				return written{taken: true}\n			}\n",
		New:     "			_ = found\n",
		Package: "memo",
		Tests:   []string{"TestAddLeavesAValueThatIsThere", "TestOfTwoProcessesThatAddOneDoes"},
	}}
}
