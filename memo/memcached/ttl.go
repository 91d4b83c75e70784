package memcached

// ttl.go turns a ttl into the expiration that the server understands: whole
// seconds, or a time of day when they are many.

import (
	"errors"
	"math"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// relativeLimit is the largest expiration that memcached takes for seconds from
// now. A larger one is a Unix time: 31 days in seconds would lie in January
// 1970, and the item would be gone at once.
const relativeLimit = 30 * 24 * 60 * 60

// expired is an expiration that makes an item vanish as it is stored.
const expired = -1

var errNoTTL = errors.New("memcached: the ttl must be more than 0: for an item without expiry use tier.NoExpiry")

// expiration returns how long the server is to keep an item, so that it lives
// for ttl at least. It is one second more than ttl rounded up: memcached's clock
// ticks once a second, and a lifetime of N that begins just before a tick ends
// after N-1.
//
// An end after January 2038 does not fit the protocol of gomemcache (int32) and
// is moved there.
func expiration(ttl time.Duration, now time.Time) (int32, error) {
	if ttl <= 0 {
		return 0, errNoTTL
	}
	if ttl == tier.NoExpiry {
		return 0, nil
	}
	seconds := int64(ttl / time.Second)
	if ttl%time.Second > 0 {
		seconds++
	}
	seconds++
	if seconds <= relativeLimit {
		return int32(seconds), nil
	}
	return int32(min(now.Unix()+1+seconds, math.MaxInt32)), nil // 1: the begun second of now
}
