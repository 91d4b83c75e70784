package scaling

// price.go is what each thing that a process does costs the server that is asked: the
// commands of docs/operations.md, in bytes as they go over the wire. A test holds each
// of them against the counters of a real memcached, byte by byte.

import (
	"math"
	"strconv"
	"time"
)

// Of the protocol between processes, as memo has it.
const (
	fewest, most = 8, 256          // numbers beyond the last one that a poll asks for
	mostPolls    = 32              // in a row
	renewal      = 2 * time.Second // between two looks at a server's roster, if StaleBound is that of the defaults

	counterSize = 19          // the decimal counter, and every marker
	seqName     = len(":seq") // after the prefix
	recordName  = 3 + 13      // ":g:" and the number in base 36
	kindName    = len(":v:")  // before a key, a tag, or the name of a tree
	leaseSize   = 25          // envelope
	recordSize  = 26          // envelope, without its names
	nameSize    = 1           // of the length of a name in it
	valueSize   = 54          // envelope, without key and payload
)

// Sizes is how long things are, in bytes.
type Sizes struct {
	Prefix int // Config.Prefix
	Name   int // the first part of a key, "user" of "user:42"
	Key    int // a whole key
	Tag    int
	Value  int // as the codec makes it
	CAS    int // digits of memcached's CAS ids: it counts its writes
	Server int // the name of a server, "10.0.0.10:11211"
}

// gets asks for keys of these lengths, and gets those of found.
func gets(s Sizes, asked []int, found ...item) Traffic {
	t := Traffic{Commands: 1, Gets: float64(len(asked)), In: float64(len("gets\r\n")), Out: float64(len("END\r\n"))}
	for _, key := range asked {
		t.In += float64(1 + key)
	}
	for _, i := range found {
		t.Out += float64(len("VALUE  0  \r\n\r\n") + i.key + digits(i.data) + s.CAS + i.data)
	}
	return t
}

// item is the lengths of a key and of what stands under it.
type item struct{ key, data int }

// store is `add`, or `cas`, of what is stored.
func store(s Sizes, verb string, i item, ttl time.Duration) Traffic {
	in := len(verb) + len("  0  \r\n\r\n") + i.key + digits(expiry(ttl)) + digits(i.data) + i.data
	if verb == "cas" {
		in += 1 + s.CAS
	}
	return Traffic{Commands: 1, Sets: 1, In: float64(in), Out: float64(len("STORED\r\n"))}
}

// expiry is the number that stands for ttl: a second is added to what is asked for. 0
// is for ever.
func expiry(ttl time.Duration) int {
	if ttl == 0 {
		return 0
	}
	return int(ttl/time.Second) + 1
}

func digits(n int) int { return len(strconv.Itoa(n)) }

func (s Sizes) seq() item    { return item{s.Prefix + seqName, counterSize} }
func (s Sizes) value() item  { return item{s.Prefix + kindName + s.Key, valueSize + s.Key + s.Value} }
func (s Sizes) lease() item  { return item{s.value().key, leaseSize} }
func (s Sizes) ofName() item { return item{s.Prefix + kindName + s.Name, counterSize} }
func (s Sizes) ofTag() item  { return item{s.Prefix + kindName + s.Tag, counterSize} }
func (s Sizes) record(of int) item {
	return item{s.Prefix + recordName, recordSize + nameSize + of}
}

// poll reads the counter and the next n numbers.
func (s Sizes) poll(n int) Traffic {
	asked := make([]int, 1, 1+n)
	asked[0] = s.seq().key
	for range n {
		asked = append(asked, s.record(0).key)
	}
	return gets(s, asked, s.seq())
}

// room is how many numbers a poll asks for that expects n.
func room(n int) int { return min(max(n+n/4+6, fewest), most) }

// polls is what a process asks in one PollInterval, in which so many records come on
// average, at random, of a name that is so long. A poll expects what the last one has
// found; what it has no room for costs further commands, of which each knows how much
// is left.
func (s Sizes) polls(records float64, name int) Traffic {
	from, chances := poisson(records)
	var rooms [most + 1]float64 // how often a poll has so much
	for i, chance := range chances {
		rooms[room(from+i)] += chance
	}
	var commands, numbers float64
	for i, chance := range chances {
		for first := fewest; first <= most; first++ {
			asked, size, left := 1, first, from+i-first
			for ; left > 0 && asked < mostPolls; asked++ {
				more := room(left)
				size, left = size+more, left-more
			}
			commands += chance * rooms[first] * float64(asked)
			numbers += chance * rooms[first] * float64(size)
		}
	}
	counter, number := s.poll(0), s.poll(1).Plus(s.poll(0).Times(-1))
	t := counter.Times(commands).Plus(number.Times(numbers))
	t.Out += records * (gets(s, nil, s.record(name)).Out - gets(s, nil).Out)
	return t
}

// poisson returns the chances of exactly from, from+1 and so on, as far as they matter,
// where on average so many come at random.
func poisson(average float64) (from int, chances []float64) {
	if average == 0 {
		return 0, []float64{1}
	}
	width := 10*math.Sqrt(average) + 20
	from = int(max(average-width, 0))
	for n := from; n < int(average+width); n++ {
		factorial, _ := math.Lgamma(float64(n) + 1)
		chances = append(chances, math.Exp(float64(n)*math.Log(average)-average-factorial))
	}
	return from, chances
}

// hit is a read that memcached answers.
func (s Sizes) hit() Traffic {
	return gets(s, []int{s.ofName().key, s.seq().key, s.value().key}, s.ofName(), s.seq(), s.value())
}

// load is a read that nobody answers: look, lease, and when it stands look again, fill.
func (s Sizes) load(ttl time.Duration) Traffic {
	return sum(
		gets(s, []int{s.ofName().key, s.seq().key, s.value().key}, s.ofName(), s.seq()),
		store(s, "add", s.lease(), 2*time.Second),
		gets(s, []int{s.seq().key, s.value().key}, s.seq(), s.lease()),
		store(s, "cas", s.value(), ttl),
	)
}

// draw is the next number of the counter.
func (s Sizes) draw() Traffic {
	return Traffic{Commands: 1, Incrs: 1, In: float64(len("incr  1\r\n") + s.seq().key), Out: float64(counterSize + len("\r\n"))}
}

// forget deletes a key that is there.
func (s Sizes) forget(key int) Traffic {
	return Traffic{Commands: 1, Deletes: 1, In: float64(len("delete \r\n") + key), Out: float64(len("DELETED\r\n"))}
}

// tell writes the record of a name that is so long.
func (s Sizes) tell(name int) Traffic { return store(s, "add", s.record(name), 5*time.Minute) }

// raise looks at a marker and moves it.
func (s Sizes) raise(marker item) Traffic {
	return gets(s, []int{marker.key}, marker).Plus(store(s, "cas", marker, 0))
}

// open draws one number more and leaves an empty record there: where a call concerns
// several servers, their logs are incomplete until all are told.
func (s Sizes) open() Traffic {
	t := s.draw().Plus(s.tell(0))
	t.In -= nameSize
	return t
}

// renew touches the lease of the list of servers, reads the roster, with the names of
// all of them twice, and the leases of the lists in it: there is one, as a rule.
func (s Sizes) renew(servers int, poll time.Duration) Traffic {
	const perName = 1 + 1 + 8 // their lengths, and since when it is in use
	list := item{s.Prefix + len(":u:") + 40, 1}
	roster := item{s.Prefix + len(":roster"), 52 + servers*(2*s.Server+perName)}
	touch := Traffic{Commands: 1, Touches: 1, In: float64(len("touch  \r\n") + list.key + digits(expiry(max(10*time.Second, 4*poll)))), Out: float64(len("TOUCHED\r\n"))}
	return sum(touch, gets(s, []int{roster.key}, roster), gets(s, []int{list.key}, list))
}

// key, tag and tree are an invalidation, for the server that is told.
func (s Sizes) key() Traffic { return sum(s.forget(s.value().key), s.draw(), s.tell(s.Key)) }
func (s Sizes) tag() Traffic { return sum(s.draw(), s.raise(s.ofTag()), s.tell(s.Tag)) }

// tree is that of all keys of a first part, at each server; and named what is deleted
// where a key of that name has its place. There is none.
func (s Sizes) tree() Traffic { return sum(s.draw(), s.raise(s.ofName()), s.tell(s.Name)) }

func (s Sizes) named() Traffic {
	t := s.forget(s.Prefix + kindName + s.Name)
	t.Out += float64(len("NOT_FOUND") - len("DELETED"))
	return t
}
