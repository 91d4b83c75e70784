package targets

// Reasons are those of why.go.
func Reasons() (all []string) {
	for _, r := range reasons {
		all = append(all, r.why)
	}
	return all
}
