package memo

// ForgetUncached makes the package forget what it has logged about calls that
// found no cache, as in a process that begins.
func ForgetUncached() {
	uncached.mu.Lock()
	defer uncached.mu.Unlock()
	clear(uncached.seen)
}
