package fleet

// Remembered is how many invalidations c still compares reads with.
func Remembered(c *Checker) (n int) {
	c.acks.each(func(*ack) { n++ })
	return n
}
