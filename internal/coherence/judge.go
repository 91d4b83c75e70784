package coherence

import (
	"errors"
	"time"

	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// A Verdict says what stands under a key.
type Verdict uint8

const (
	Absent  Verdict = iota // nothing: Add a lease
	Void                   // something that no reader may use: replace it by a lease
	Leased                 // another process loads: wait
	Valid                  // a value to use
	Foreign                // a value for readers of another release: load, and leave it alone
)

// clockSkew is how far ahead of this process's clock another's may be before
// its values count as written now.
const clockSkew = 5 * time.Second

// Reader is who asks: the key, and the form of values that it can decode.
type Reader struct {
	Key         string
	Codec       string
	Fingerprint uint64
}

// Judge decides about item, which was read after the counter seq at the time now
// in unix milliseconds. v is filled for Valid only; its payload is a part of the
// item.
//
// That the counter was read first matters. Read last, it could be beyond an
// invalidation that the item is not:
//
//  1. the server reads the item
//  2. an invalidation deletes it and counts to n
//  3. the server reads the counter: n
//  4. the old item counts as valid at n, and the record n does not drop it
func Judge(r Reader, item tier.Item, seq uint64, now int64, v *wire.Value) Verdict {
	if !item.Found() {
		return Absent
	}
	if wire.KindOf(item.Value) != wire.KindLease {
		return r.judge(item.Value, seq, now, v)
	}
	var l wire.Lease
	if wire.ParseLease(item.Value, &l) != nil || !SameEpoch(l.Stamp, seq) {
		return Void // its holder's value would be void as well
	}
	return Leased
}

func (r Reader) judge(data []byte, seq uint64, now int64, v *wire.Value) Verdict {
	v.Codec, v.Key = r.Codec, r.Key // what is as expected is not copied
	err := wire.ParseValue(data, v)
	if errors.Is(err, wire.ErrVersion) {
		return Foreign
	}
	if err != nil {
		return Void
	}
	if ahead := v.Created - now; ahead > clockSkew.Milliseconds() {
		v.Created -= ahead
		if v.Fresh != int64(tier.NoExpiry) {
			v.Fresh -= ahead
			v.Expires -= ahead
		}
	}
	switch {
	case !SameEpoch(v.Stamp, seq), v.Fresh <= now, v.Key != r.Key:
		return Void
	case v.Codec != r.Codec, v.Fingerprint != r.Fingerprint:
		return Foreign
	}
	return Valid
}
