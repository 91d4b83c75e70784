package clock

// Lock keeps everybody from waking c, and Unlock lets them.
func Lock(c *Clock)   { c.mu.Lock() }
func Unlock(c *Clock) { c.mu.Unlock() }
