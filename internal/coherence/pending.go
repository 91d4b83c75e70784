package coherence

// A Pending holds the invalidations that this process could not deliver. Reads
// of what it covers must not use the store. The zero Pending is empty. It is not
// safe for concurrent use.
type Pending struct {
	// Most bounds the keys. Beyond it everything is pending: one message.
	Most int

	turn uint64
	keys map[string]uint64 // the turn in which it was asked for last
	all  uint64            // the same for everything; 0: not asked for
}

// A Batch is what is to be delivered.
type Batch struct {
	All  bool
	Keys []string
	turn uint64
}

// Add queues keys.
func (p *Pending) Add(keys ...string) {
	p.turn++
	if p.keys == nil {
		p.keys = map[string]uint64{}
	}
	for _, k := range keys {
		p.keys[k] = p.turn
	}
	if len(p.keys) > p.Most {
		p.AddAll()
	}
}

// AddAll queues the invalidation of everything.
func (p *Pending) AddAll() {
	p.turn++
	p.all = p.turn
	p.keys = nil
}

// Len is the number of keys that wait, everything counting as one.
func (p *Pending) Len() int {
	if p.all != 0 {
		return len(p.keys) + 1
	}
	return len(p.keys)
}

// All reports whether everything is queued.
func (p *Pending) All() bool { return p.all != 0 }

// Covers reports whether reads of key must not use the store.
func (p *Pending) Covers(key string) bool {
	if p.all != 0 {
		return true
	}
	_, ok := p.keys[key]
	return ok
}

// Next returns what to deliver, at most most keys.
func (p *Pending) Next(most int) Batch {
	b := Batch{All: p.all != 0, turn: p.turn}
	if b.All {
		return b
	}
	for k := range p.keys {
		if len(b.Keys) == most {
			break
		}
		b.Keys = append(b.Keys, k)
	}
	return b
}

// Delivered takes b out of the queue, but for what was asked for again while b
// was under way: its write came after b's delete.
func (p *Pending) Delivered(b Batch) {
	if b.All {
		if p.all <= b.turn {
			p.all = 0
		}
		for k, turn := range p.keys {
			if turn <= b.turn {
				delete(p.keys, k)
			}
		}
		return
	}
	for _, k := range b.Keys {
		if p.keys[k] <= b.turn {
			delete(p.keys, k)
		}
	}
}
