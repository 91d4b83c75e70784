package roster

// Among is the choice between names under secret.
func Among(secret string, names ...string) func(key string) string {
	return newRanking(secret).among(names...).Lookup
}

// Foreign is how many names of others r remembers.
func Foreign(r *Roster) int { return len(r.foreign) }
