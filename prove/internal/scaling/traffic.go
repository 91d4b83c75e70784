package scaling

// traffic.go is what one server sees, in the terms of its own `stats`.

// Traffic is what was asked of one server; or a second of it.
type Traffic struct {
	Commands float64 // lines that were sent and answered, however many keys a `gets` has
	Gets     float64 // keys that were asked for: memcached's cmd_get, which counts each key of a `gets`
	Sets     float64 // cmd_set: add and cas, whether they stored or not
	Deletes  float64 // delete_hits and delete_misses
	Incrs    float64 // incr_hits and incr_misses
	Touches  float64 // cmd_touch
	In, Out  float64 // bytes_read and bytes_written
}

// Plus is a and b together.
func (a Traffic) Plus(b Traffic) Traffic {
	return Traffic{
		Commands: a.Commands + b.Commands, Gets: a.Gets + b.Gets, Sets: a.Sets + b.Sets, Deletes: a.Deletes + b.Deletes,
		Incrs: a.Incrs + b.Incrs, Touches: a.Touches + b.Touches, In: a.In + b.In, Out: a.Out + b.Out,
	}
}

// Times is n of a.
func (a Traffic) Times(n float64) Traffic {
	return Traffic{
		Commands: a.Commands * n, Gets: a.Gets * n, Sets: a.Sets * n, Deletes: a.Deletes * n,
		Incrs: a.Incrs * n, Touches: a.Touches * n, In: a.In * n, Out: a.Out * n,
	}
}

// sum is all of them together.
func sum(all ...Traffic) (total Traffic) {
	for _, one := range all {
		total = total.Plus(one)
	}
	return total
}
