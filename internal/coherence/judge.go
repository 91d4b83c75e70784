package coherence

import (
	"errors"
	"math"
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
	Valid                  // a value to use, if it is fresh, or the reader content with one that is not
	Past                   // a value that nobody may use any more; a refresh may be about to replace it
	Foreign                // a value for readers of another release: load, and leave it alone
)

// clockSkew is how far ahead of this process's clock another's may be before
// its values count as written now.
const clockSkew = 5 * time.Second

// Reader is who asks: the key, the version of its code, and the form of values that it
// can decode.
type Reader struct {
	Key         string
	Version     uint32
	Codec       string
	Fingerprint uint64
}

// Of two versions of the code the later one wins: its readers take what the earlier one
// has left for void, and replace it, and those of the earlier one take what is there then
// for foreign. With both readers alike, the two would replace each other's values in turn,
// or the one that came first would keep the place until its value ends.
//
// Judge decides about item, which was read after the counter seq at the time now
// in unix milliseconds. v is filled for Valid, its payload being a part of the
// item; for Leased only its Stamp: what the holder will store is at least that
// new; for Past and Foreign its Stamp and Tags, which are zero where its version is
// not known. For the other verdicts v is undefined.
//
// What is valid may all the same be older than an invalidation that counted to
// seq, or to less: it deletes and counts at once, and a reader may come between.
// Its record drops by the Stamp, which is that of the load and not seq.
func Judge(r Reader, item tier.Item, seq uint64, now int64, v *wire.Value) Verdict {
	if !item.Found() {
		return Absent
	}
	if wire.KindOf(item.Value) != wire.KindLease {
		return r.judge(item.Value, seq, now, v)
	}
	var l wire.Lease
	err := wire.ParseLease(item.Value, &l)
	if errors.Is(err, wire.ErrVersion) {
		return Foreign
	}
	if err != nil || !SameEpoch(l.Stamp, seq) {
		return Void // its holder's value would be void as well
	}
	v.Stamp = l.Stamp
	switch {
	case l.Version < r.Version:
		return Void
	case l.Version > r.Version:
		return Foreign
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
	if v.Created > now+clockSkew.Milliseconds() {
		v.Fresh = earlier(v.Fresh, v.Created-now) // Created stays: it tells one version from the next
	}
	foreign := v.Version > r.Version ||
		!v.Negative && (v.Codec != r.Codec || v.Fingerprint != r.Fingerprint) // a negative has no form
	switch over := v.Expires() <= now; {
	case !SameEpoch(v.Stamp, seq), v.Key != r.Key, over && foreign:
		return Void
	case v.Version < r.Version:
		return Void // whatever its form
	case foreign:
		return Foreign
	case over:
		return Past
	}
	return Valid
}

// earlier moves the end of a value by so many milliseconds. What has no end
// keeps none, and an end before all time, which only nonsense has, does not come
// out on the far side as one that never comes.
func earlier(end, by int64) int64 {
	if end == int64(tier.NoExpiry) {
		return end
	}
	return max(end, math.MinInt64+by) - by
}
