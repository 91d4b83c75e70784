package coherence

// A Pending holds the invalidations that this process could not deliver. Reads
// of what it covers must not use the store. The zero Pending is empty. It is not
// safe for concurrent use.
type Pending struct {
	// Most bounds the keys. Beyond it everything is pending: one message.
	Most int

	turn uint64
	keys map[string]wish
	all  uint64 // the turn in which everything was asked for last; 0: it was not
}

// A wish is to deliver the invalidation of one key.
type wish struct {
	turn uint64 // in which it was asked for last
	told bool   // delivered once, when others were still to come
}

// A Batch is what is to be delivered.
type Batch struct {
	All  bool
	Keys []string
	turn uint64
	more bool // others were not delivered even once
}

// Add queues keys.
func (p *Pending) Add(keys ...string) {
	p.turn++
	if p.keys == nil {
		p.keys = map[string]wish{}
	}
	for _, k := range keys {
		p.keys[k] = wish{turn: p.turn}
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

// Covers reports whether reads of key must not use the store.
func (p *Pending) Covers(key string) bool {
	if p.all != 0 {
		return true
	}
	_, ok := p.keys[key]
	return ok
}

// Next returns what to deliver, at most most keys. Keys may depend on each other,
// say A is made of B. If not all of them fit into one batch, all are delivered
// once, and then all but the last batch again:
//
//  1. a batch with A is delivered
//  2. another process, which has not heard of B, makes A of the B that it has,
//     and stores it
//  3. a batch with B is delivered
//  4. A is delivered again: the A of 2 is gone
func (p *Pending) Next(most int) Batch {
	b := Batch{All: p.all != 0, turn: p.turn}
	if b.All {
		return b
	}
	for _, told := range [...]bool{false, true} {
		for k, w := range p.keys {
			if w.told != told {
				continue
			}
			if len(b.Keys) == most {
				b.more = !told
				return b
			}
			b.Keys = append(b.Keys, k)
		}
		if len(b.Keys) > 0 {
			break
		}
	}
	return b
}

// Delivered notes that b was delivered. What was asked for again while b was
// under way stays in the queue: its write came after b's delete.
func (p *Pending) Delivered(b Batch) {
	if b.All {
		if p.all <= b.turn {
			p.all = 0
		}
		for k, w := range p.keys {
			if w.turn <= b.turn {
				delete(p.keys, k)
			}
		}
		return
	}
	for _, k := range b.Keys {
		w, ok := p.keys[k]
		switch {
		case !ok || w.turn > b.turn:
		case b.more:
			w.told = true
			p.keys[k] = w
		default:
			delete(p.keys, k)
		}
	}
}
