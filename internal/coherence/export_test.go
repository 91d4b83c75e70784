package coherence

// Ordered is how many entries the order of p has, those that are out of date included.
func (p *Pending) Ordered() int { return len(p.order) }
