package coherence_test

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

const (
	wall  int64  = 1_700_000_000_000 // now, in unix milliseconds
	seq          = first + 100       // the counter
	never        = int64(tier.NoExpiry)
	skew         = int64(5000) // milliseconds that a clock may be ahead
	ttl          = int64(60_000)
	day          = int64(24 * time.Hour / time.Millisecond)
	shape uint64 = 0xfeed
)

var reader = coherence.Reader{Key: "user:7", Codec: "json", Fingerprint: shape}

// stored is a value that reader can use, as change makes it.
func stored(change func(v *wire.Value)) wire.Value {
	v := wire.Value{
		Stamp: seq - 1, Created: wall - 10, Fresh: wall + ttl, Took: 7,
		Fingerprint: shape, Codec: "json", Key: "user:7", Tags: []string{"users"}, Payload: []byte(`{"name":"a"}`),
	}
	if change != nil {
		change(&v)
	}
	return v
}

// bytesOf is what stands under the key for that value.
func bytesOf(change func(v *wire.Value)) []byte {
	v := stored(change)
	return wire.AppendValue(nil, &v)
}

func leaseOf(stamp uint64) []byte { return wire.AppendLease(nil, wire.Lease{Stamp: stamp, Token: 9}) }

func leaseOfVersion(version uint32, stamp uint64) []byte {
	return wire.AppendLease(nil, wire.Lease{Stamp: stamp, Token: 9, Version: version})
}

func item(data []byte) tier.Item { return tier.Item{Value: data, CAS: 1} }

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		data []byte // nil: nothing stands there
		want coherence.Verdict
	}{
		{"nothing", nil, coherence.Absent},
		{"no bytes", []byte{}, coherence.Void},
		{"no envelope", []byte("what somebody else keeps under this key"), coherence.Void},
		{"a counter", wire.AppendSeq(nil, seq), coherence.Void},
		{"a record", record(seq), coherence.Void},

		{"a value", bytesOf(nil), coherence.Valid},
		{"a value that lost its end", bytesOf(nil)[:40], coherence.Void},
		{"a value with a bit that flipped", flipped(bytesOf(nil)), coherence.Void},
		{"a value whose codec has a name beyond the limit", bytesOf(func(v *wire.Value) { v.Codec = strings.Repeat("c", wire.MaxCodec+1) }), coherence.Void},
		{"a value of a later version", laterVersion(bytesOf(nil)), coherence.Foreign},
		{"a value with a flag of a later release", laterFlag(bytesOf(nil)), coherence.Foreign},

		{"a value from the first number of the epoch", bytesOf(func(v *wire.Value) { v.Stamp = first }), coherence.Valid},
		{"a value that was stored after the counter was read", bytesOf(func(v *wire.Value) { v.Stamp = seq + 1 }), coherence.Valid},
		{"a value of an epoch before", bytesOf(func(v *wire.Value) { v.Stamp = first - 1 }), coherence.Void},
		{"a value of an epoch with a greater number", bytesOf(func(v *wire.Value) { v.Stamp = other }), coherence.Void},

		{"a value on its last millisecond", bytesOf(func(v *wire.Value) { v.Fresh = wall + 1 }), coherence.Valid},
		{"a value at its end", bytesOf(func(v *wire.Value) { v.Fresh = wall }), coherence.Past},
		{"a value on its last stale millisecond", bytesOf(func(v *wire.Value) { v.Fresh, v.Stale = wall-10, 11 }), coherence.Valid},
		{"a value at its stale end", bytesOf(func(v *wire.Value) { v.Fresh, v.Stale = wall-10, 10 }), coherence.Past},
		{"a value that stands in for an error", bytesOf(func(v *wire.Value) { v.Fresh, v.Stale, v.StaleIfError = wall-10, 1, 11 }), coherence.Valid},
		{"a value that may be served stale for ever", bytesOf(func(v *wire.Value) { v.Fresh, v.Stale = wall-10, math.MaxUint64 }), coherence.Valid},
		{"a value that ended before all time", bytesOf(func(v *wire.Value) { v.Fresh, v.Stale = math.MinInt64, 10 }), coherence.Past},
		{"a value without an end", bytesOf(func(v *wire.Value) { v.Fresh, v.Stale = never, 1 }), coherence.Valid},

		{"a value of another key", bytesOf(func(v *wire.Value) { v.Key = "user:8" }), coherence.Void},
		{"a value of another codec", bytesOf(func(v *wire.Value) { v.Codec = "gob" }), coherence.Foreign},
		{"a value of another type", bytesOf(func(v *wire.Value) { v.Fingerprint++ }), coherence.Foreign},

		{"a negative", bytesOf(func(v *wire.Value) { v.Negative, v.Payload = true, nil }), coherence.Valid},
		{"a negative of another codec and type", bytesOf(func(v *wire.Value) { v.Negative, v.Codec, v.Fingerprint = true, "gob", 1 }), coherence.Valid},
		{"a negative at its end", bytesOf(func(v *wire.Value) { v.Negative, v.Fresh = true, wall }), coherence.Past},

		// What nobody can use is not left alone.
		{"a foreign value of another epoch", bytesOf(func(v *wire.Value) { v.Codec, v.Stamp = "gob", other }), coherence.Void},
		{"a foreign value at its end", bytesOf(func(v *wire.Value) { v.Codec, v.Fresh = "gob", wall }), coherence.Void},
		{"a foreign value of another key", bytesOf(func(v *wire.Value) { v.Codec, v.Key = "gob", "user:8" }), coherence.Void},

		{"a lease", leaseOf(seq - 1), coherence.Leased},
		{"a lease that was taken after the counter was read", leaseOf(seq + 1), coherence.Leased},
		{"a lease of an epoch before", leaseOf(first - 1), coherence.Void},
		{"a lease of an epoch with a greater number", leaseOf(other), coherence.Void},
		{"a lease with a bit that flipped", flipped(leaseOf(seq)), coherence.Void},
		{"a lease that goes on", sealed(append(leaseOf(seq), 0)), coherence.Void},
		{"a lease of a later version", laterVersion(leaseOf(seq)), coherence.Foreign},
		{"a lease with a flag of a later release", laterFlag(leaseOf(seq)), coherence.Foreign},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var at tier.Item
			if test.data != nil {
				at = item(test.data)
			}
			if got := coherence.Judge(reader, at, seq, wall, new(wire.Value)); got != test.want {
				t.Errorf("verdict %d, want %d", got, test.want)
			}
		})
	}
}

// Two releases side by side must neither see each other's values nor replace them in turn:
// what one of the two replaces, the other one leaves alone.
func TestJudgeOfTwoVersions(t *testing.T) {
	t.Parallel()
	of := func(version uint32, change func(v *wire.Value)) []byte {
		return bytesOf(func(v *wire.Value) {
			if v.Version = version; change != nil {
				change(v)
			}
		})
	}
	gob := func(v *wire.Value) { v.Codec = "gob" }
	negative := func(v *wire.Value) { v.Negative, v.Payload = true, nil }
	over := func(v *wire.Value) { v.Fresh = wall }
	for _, test := range []struct {
		name           string
		data           []byte
		earlier, later coherence.Verdict // of readers of version 1 and 2
	}{
		{"the earlier one's value", of(1, nil), coherence.Valid, coherence.Void},
		{"the later one's value", of(2, nil), coherence.Foreign, coherence.Valid},
		{"the earlier one's value of another form", of(1, gob), coherence.Foreign, coherence.Void},
		{"the later one's value of another form", of(2, gob), coherence.Foreign, coherence.Foreign},
		{"the earlier one's negative", of(1, negative), coherence.Valid, coherence.Void},
		{"the later one's negative", of(2, negative), coherence.Foreign, coherence.Valid},
		{"the earlier one's value at its end", of(1, over), coherence.Past, coherence.Void},
		{"the later one's value at its end", of(2, over), coherence.Void, coherence.Past},
		{"the earlier one's lease", leaseOfVersion(1, seq), coherence.Leased, coherence.Void},
		{"the later one's lease", leaseOfVersion(2, seq), coherence.Foreign, coherence.Leased},
		{"the later one's lease of another epoch", leaseOfVersion(2, other), coherence.Void, coherence.Void},
		{"the value of who has no version", of(0, nil), coherence.Void, coherence.Void},
		{"the value of the last version", of(wire.MaxVersion, nil), coherence.Foreign, coherence.Foreign},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for version, want := range map[uint32]coherence.Verdict{1: test.earlier, 2: test.later} {
				r := reader
				r.Version = version
				if got := coherence.Judge(r, item(test.data), seq, wall, new(wire.Value)); got != want {
					t.Errorf("version %d: verdict %d, want %d", version, got, want)
				}
			}
		})
	}
}

// A marker may have hidden it meanwhile, and then nobody need leave it alone.
func TestAForeignLeaseTellsItsStamp(t *testing.T) {
	t.Parallel()
	var got wire.Value
	verdict := coherence.Judge(reader, item(leaseOfVersion(7, seq-1)), seq, wall, &got)
	if verdict != coherence.Foreign || !reflect.DeepEqual(got, wire.Value{Stamp: seq - 1}) {
		t.Errorf("verdict %d with %+v, want Foreign with the stamp and no more", verdict, got)
	}
}

func TestAValidValueIsFilledIn(t *testing.T) {
	t.Parallel()
	data := bytesOf(nil)
	got := wire.Value{Stamp: 1, Codec: "old", Key: "old", Tags: []string{"old"}, Payload: []byte("old")}
	verdict := coherence.Judge(reader, item(data), seq, wall, &got)
	if want := stored(nil); verdict != coherence.Valid || !reflect.DeepEqual(got, want) {
		t.Fatalf("verdict %d with %+v, want Valid with %+v", verdict, got, want)
	}
	clear(data)
	if got.Payload[0] != 0 {
		t.Error("the payload is a copy")
	}
}

func TestALeaseTellsItsStamp(t *testing.T) {
	t.Parallel()
	for _, stamp := range []uint64{first, seq, first + math.MaxUint32} {
		var got wire.Value
		verdict := coherence.Judge(reader, item(leaseOf(stamp)), seq, wall, &got)
		if verdict != coherence.Leased || !reflect.DeepEqual(got, wire.Value{Stamp: stamp}) {
			t.Errorf("verdict %d with %+v, want Leased with the stamp %d and no more", verdict, got, stamp)
		}
	}
}

func TestAValueFromAClockThatIsAhead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name                 string
		created, fresh, want int64
		verdict              coherence.Verdict
	}{
		{"by as much as clocks may differ", wall + skew, wall + skew + ttl, wall + skew + ttl, coherence.Valid},
		{"by a millisecond more: it counts as written now", wall + skew + 1, wall + skew + 1 + ttl, wall + ttl, coherence.Valid},
		{"by a year", wall + 365*day, wall + 365*day + ttl, wall + ttl, coherence.Valid},
		{"and that has no end", wall + 365*day, never, never, coherence.Valid},
		{"and that ended before it began", wall + 365*day, wall + 365*day, wall, coherence.Past},
		{"to the end of time, its own end before all time", math.MaxInt64, math.MinInt64, math.MinInt64, coherence.Past},
		{"not, but behind", wall - 365*day, wall + ttl, wall + ttl, coherence.Valid},
		{"not, but from before all time", math.MinInt64, wall + ttl, wall + ttl, coherence.Valid},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			data := bytesOf(func(v *wire.Value) {
				v.Created, v.Fresh = test.created, test.fresh
			})
			var v wire.Value
			verdict := coherence.Judge(reader, item(data), seq, wall, &v)
			if verdict != test.verdict || v.Fresh != test.want || v.Created != test.created {
				t.Errorf("verdict %d with %d and %d, want %d with %d and %d", verdict, v.Created, v.Fresh, test.verdict, test.created, test.want)
			}
		})
	}
}

// Not parallel: it counts the allocations of the whole process.
func TestToJudgeAHitCostsNoAllocation(t *testing.T) {
	at := item(bytesOf(func(v *wire.Value) { v.Tags = nil }))
	held := item(leaseOf(seq))
	var v wire.Value
	if n := testing.AllocsPerRun(100, func() {
		v = wire.Value{}
		if coherence.Judge(reader, at, seq, wall, &v) != coherence.Valid || coherence.Judge(reader, held, seq, wall, &v) != coherence.Leased {
			t.Fatal("not what the test is about")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
