package wire_test

import (
	"bytes"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// fuzz parses data as it is, and as the body of an envelope whose checksum is
// right: mutation alone never gets that far. What is accepted must be what
// would be written.
func fuzz(f *testing.F, kind wire.Kind, parse func([]byte) error, reread func([]byte) ([]byte, error)) {
	for _, e := range envelopes() {
		data := golden(f, e.name)
		f.Add(data[3], data)
		f.Add(data[3], data[4:len(data)-4])
	}
	for lists := range 3 { // a claim of 4,000 names, and then no name
		f.Add(byte(0), append(make([]byte, 40), []byte{byte(lists), 0xa0, 0x1f}...))
	}
	f.Fuzz(func(t *testing.T, flags byte, data []byte) {
		for _, data := range [][]byte{data, sealed(kind, flags, data)} {
			before := bytes.Clone(data)
			bounded(t, data, parse)
			again, err := reread(data)
			if err == nil && !bytes.Equal(again, data) {
				t.Fatalf("%x is accepted, and written as %x", data, again)
			}
			if !bytes.Equal(data, before) {
				t.Fatalf("%x was changed to %x", before, data)
			}
		}
	})
}

// bounded fails if parse allocates more than a constant and what a list of names
// of no bytes takes. Other goroutines count too, so it tries again before it
// complains.
func bounded(t *testing.T, data []byte, parse func([]byte) error) {
	var before, after runtime.MemStats
	limit, used := uint64(4<<10+20*len(data)), uint64(0)
	for range 5 {
		runtime.ReadMemStats(&before)
		_ = parse(data)
		runtime.ReadMemStats(&after)
		if used = after.TotalAlloc - before.TotalAlloc; used <= limit {
			return
		}
	}
	t.Fatalf("%d bytes made the parser allocate %d", len(data), used)
}

func FuzzParseValue(f *testing.F) {
	fuzz(f, wire.KindValue, func(data []byte) error { return wire.ParseValue(data, new(wire.Value)) }, rereadValue)
}

func FuzzParseLease(f *testing.F) {
	fuzz(f, wire.KindLease, func(data []byte) error { return wire.ParseLease(data, new(wire.Lease)) }, rereadLease)
}

func FuzzParseRecord(f *testing.F) {
	fuzz(f, wire.KindRecord, func(data []byte) error { return wire.ParseRecord(data, new(wire.Record)) }, rereadRecord)
}

func FuzzParseRoster(f *testing.F) {
	fuzz(f, wire.KindRoster, func(data []byte) error { return wire.ParseRoster(data, new(wire.Roster)) }, rereadRoster)
}

func FuzzRoundTrip(f *testing.F) {
	f.Add(uint64(1), int64(2), int64(-3), uint32(4), true, "json", "user:7", "a,b", []byte("payload"))
	f.Add(uint64(0), int64(0), int64(0), uint32(0), false, "", "", "", []byte(nil))
	f.Fuzz(func(t *testing.T, n uint64, created, expires int64, took uint32, negative bool, codec, key, list string, payload []byte) {
		tags := strings.SplitN(list, ",", wire.MaxTags)
		v := wire.Value{
			Stamp: n, Created: created, Fresh: created ^ expires, Stale: uint64(expires), StaleIfError: n, Took: took, Version: took & wire.MaxVersion, Negative: negative, Fingerprint: ^n,
			Codec: codec[:min(len(codec), wire.MaxCodec)], Key: key, Tags: tags, Payload: append([]byte{}, payload...),
		}
		var gotValue wire.Value
		if err := wire.ParseValue(wire.AppendValue(nil, &v), &gotValue); err != nil || !reflect.DeepEqual(gotValue, v) {
			t.Errorf("value %+v comes back as %+v, %v", v, gotValue, err)
		}
		l := wire.Lease{Stamp: n, Token: uint64(created), Version: took & wire.MaxVersion}
		var gotLease wire.Lease
		if err := wire.ParseLease(wire.AppendLease(nil, l), &gotLease); err != nil || gotLease != l {
			t.Errorf("lease %+v comes back as %+v, %v", l, gotLease, err)
		}
		r := wire.Record{Seq: n, Source: uint64(expires), About: wire.Subject(n%4 + 1), Names: tags}
		var gotRecord wire.Record
		if err := wire.ParseRecord(wire.AppendRecord(nil, &r), &gotRecord); err != nil || !reflect.DeepEqual(gotRecord, r) {
			t.Errorf("record %+v comes back as %+v, %v", r, gotRecord, err)
		}
		if got, err := wire.ParseSeq(append(wire.AppendSeq(nil, n), " "...)); err != nil || got != n {
			t.Errorf("counter %d comes back as %d, %v", n, got, err)
		}
	})
}

func FuzzParseSeq(f *testing.F) {
	for _, text := range []string{"", "0", "18446744073709551615", "18446744073709551616", "1  ", "+1", "01"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := wire.ParseSeq(data)
		if err == nil && string(wire.AppendSeq(nil, n)) != strings.TrimRight(string(data), " ") {
			t.Errorf("%q is accepted as %d", data, n)
		}
	})
}
