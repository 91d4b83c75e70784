package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/internal/wire"
)

func TestAValueComesBackWhole(t *testing.T) {
	t.Parallel()
	for _, v := range []wire.Value{
		{Payload: []byte{}},
		{Negative: true, Payload: []byte{}},
		{Stamp: math.MaxUint64, Created: math.MinInt64, Fresh: math.MaxInt64, Stale: math.MaxUint64, StaleIfError: 1, Took: math.MaxUint32, Version: wire.MaxVersion, Fingerprint: math.MaxUint64, Payload: []byte{0}},
		{Codec: strings.Repeat("c", wire.MaxCodec), Key: strings.Repeat("k", 70_000), Payload: bytes.Repeat([]byte{0xF5}, 300)},
		{Key: "\x00\xff", Tags: []string{"", "a", strings.Repeat("t", 200)}, Payload: []byte("p")},
		{Tags: slices.Repeat([]string{"t"}, wire.MaxTags), Payload: []byte{}},
	} {
		// Whatever stood there before, all of it is replaced.
		got := wire.Value{Stamp: 9, Version: 9, Negative: true, Codec: "gob", Key: "other", Tags: []string{"old"}, Payload: []byte("old")}
		if err := wire.ParseValue(wire.AppendValue(nil, &v), &got); err != nil {
			t.Errorf("%.80v: %v", v, err)
		}
		if !reflect.DeepEqual(got, v) {
			t.Errorf("%.80v comes back as %.80v", v, got)
		}
	}
}

func TestAppendLeavesWhatIsThere(t *testing.T) {
	t.Parallel()
	v := wire.Value{Key: "k", Payload: []byte("p")}
	record := wire.Record{Seq: 1, About: wire.Keys, Names: []string{"k"}}
	for name, join := range map[string]func(dst []byte) []byte{
		"value":  func(dst []byte) []byte { return wire.AppendValue(dst, &v) },
		"lease":  func(dst []byte) []byte { return wire.AppendLease(dst, wire.Lease{Token: 7}) },
		"record": func(dst []byte) []byte { return wire.AppendRecord(dst, &record) },
		"seq":    func(dst []byte) []byte { return wire.AppendSeq(dst, 7) },
	} {
		alone, after := join(nil), join([]byte("before "))
		if !bytes.Equal(after, append([]byte("before "), alone...)) {
			t.Errorf("%s after other bytes is %x, alone %x", name, after, alone)
		}
	}
}

func TestWhatIsBeyondTheLimitsOfAValueIsRefused(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]wire.Value{
		"a tag too many":        {Tags: slices.Repeat([]string{"t"}, wire.MaxTags+1)},
		"a codec name too long": {Codec: strings.Repeat("c", wire.MaxCodec+1)},
	} {
		if err := wire.ParseValue(wire.AppendValue(nil, &v), new(wire.Value)); !errors.Is(err, wire.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
}

// A length has one spelling, so a value has one envelope.
func TestALengthInALongerFormIsRefused(t *testing.T) {
	t.Parallel()
	fixed := make([]byte, 3*8+2+4+1+8)
	for name, c := range map[string]struct {
		lengths string
		want    error
	}{
		"shortest":            {"\x00\x00\x00", nil},
		"two bytes for zero":  {"\x80\x00\x00\x00", wire.ErrDamaged},
		"two bytes for tags":  {"\x00\x00\x80\x00", wire.ErrDamaged},
		"never ends":          {"\x00\x80", wire.ErrDamaged},
		"more than 64 bits":   {"\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00", wire.ErrDamaged},
		"the largest key":     {"\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", wire.ErrDamaged},
		"the largest count":   {"\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", wire.ErrDamaged},
		"64 tags of no bytes": {"\x00\x00\x40", wire.ErrDamaged},
	} {
		data := sealed(wire.KindValue, 0, append(slices.Clone(fixed), c.lengths...))
		if err := wire.ParseValue(data, new(wire.Value)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestAVersionBeyondTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]error{
		"\x00":                 nil,
		"\xff\xff\xff\xff\x07": nil, // MaxVersion
		"\x80\x80\x80\x80\x08": wire.ErrDamaged,
		"\x80\x80\x80\x80\x10": wire.ErrDamaged, // 0 in the 32 bits that it is kept in
		"\x80\x00":             wire.ErrDamaged,
	} {
		value := sealed(wire.KindValue, 0, append(append(make([]byte, 3*8+2+4), version...), make([]byte, 8+3)...))
		if err := wire.ParseValue(value, new(wire.Value)); !errors.Is(err, want) {
			t.Errorf("a value with version %x: %v, want %v", version, err, want)
		}
		lease := sealed(wire.KindLease, 0, append(make([]byte, 2*8), version...))
		if err := wire.ParseLease(lease, new(wire.Lease)); !errors.Is(err, want) {
			t.Errorf("a lease with version %x: %v, want %v", version, err, want)
		}
	}
}

func TestOnlyThePayloadAliasesTheData(t *testing.T) {
	t.Parallel()
	want := wire.Value{Codec: "json", Key: "key", Tags: []string{"tag"}, Payload: []byte("payload")}
	data := wire.AppendValue(nil, &want)
	var got wire.Value
	if err := wire.ParseValue(data, &got); err != nil {
		t.Fatal(err)
	}
	if cap(got.Payload) != len(got.Payload) {
		t.Error("to append to the payload overwrites the checksum")
	}
	clear(data)
	want.Payload = make([]byte, len("payload"))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("after the data was cleared: %+v", got)
	}
}

func TestAnExpectedValueCostsNoAllocation(t *testing.T) {
	v := wire.Value{Stamp: 1, Codec: "json", Key: "user:7", Payload: make([]byte, 1000)}
	data := wire.AppendValue(nil, &v)
	buf := make([]byte, 0, 2*len(data))
	if n := testing.AllocsPerRun(100, func() { wire.AppendValue(buf, &v) }); n != 0 {
		t.Errorf("AppendValue into a buffer with room: %v allocations", n)
	}
	codec, key := "json", string([]byte("user:7"))
	if n := testing.AllocsPerRun(100, func() {
		got := wire.Value{Codec: codec, Key: key}
		if err := wire.ParseValue(data, &got); err != nil || got.Key != key {
			t.Fatal(err, got.Key)
		}
	}); n != 0 {
		t.Errorf("ParseValue: %v allocations", n)
	}
	lease := wire.AppendLease(nil, wire.Lease{Token: 1})
	if n := testing.AllocsPerRun(100, func() {
		var l wire.Lease
		if err := wire.ParseLease(lease, &l); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("ParseLease: %v allocations", n)
	}
}

func TestMicrosSaturates(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]uint32{
		-time.Second:                            0,
		999 * time.Nanosecond:                   0,
		time.Second:                             1_000_000,
		math.MaxUint32 * time.Microsecond:       math.MaxUint32,
		(math.MaxUint32 + 1) * time.Microsecond: math.MaxUint32,
		math.MaxInt64:                           math.MaxUint32,
		math.MinInt64:                           0,
	} {
		if got := wire.Micros(d); got != want {
			t.Errorf("Micros(%v) = %d, want %d", d, got, want)
		}
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	for _, r := range []wire.Record{
		{About: wire.Keys},
		{Seq: math.MaxUint64, Source: math.MaxUint64, About: wire.Tags, Names: []string{""}},
		{Seq: 1, Source: 2, About: wire.Trees, Names: slices.Repeat([]string{"key"}, wire.MaxNames)},
	} {
		got := wire.Record{Seq: 9, Source: 9, About: wire.Trees, Names: []string{"old"}}
		if err := wire.ParseRecord(wire.AppendRecord(nil, &r), &got); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%.80v comes back as %.80v, %v", r, got, err)
		}
	}
	long := wire.Record{About: wire.Keys, Names: slices.Repeat([]string{"key"}, wire.MaxNames+1)}
	if err := wire.ParseRecord(wire.AppendRecord(nil, &long), new(wire.Record)); !errors.Is(err, wire.ErrDamaged) {
		t.Errorf("a key too many: %v, want ErrDamaged", err)
	}
}

func TestARecordOfAnUnknownKindStillSaysWhoseItIs(t *testing.T) {
	t.Parallel()
	body := binary.BigEndian.AppendUint64(nil, 5)
	body = binary.BigEndian.AppendUint64(body, 6)
	body = append(body, 200, 1, 2, 3)
	r := wire.Record{Names: []string{"old"}}
	err := wire.ParseRecord(sealed(wire.KindRecord, 0, body), &r)
	if !errors.Is(err, wire.ErrUnknownKind) || !reflect.DeepEqual(r, wire.Record{Seq: 5, Source: 6, About: 200}) {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestCounters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint64{
		"0": 0, "7": 7, "10": 10, "99  ": 99, "18446744073709551615": math.MaxUint64, "5" + strings.Repeat(" ", 19): 5,
	} {
		if n, err := wire.ParseSeq([]byte(text)); n != want || err != nil {
			t.Errorf("%q is %d, %v", text, n, err)
		}
	}
	for _, text := range []string{
		"", " ", " 7", "+7", "-7", "007", "00", "7\n", "7\x00", "7 8", "0x7", "7_0", "7.0", "1e3", "٧",
		"18446744073709551616", "99999999999999999999", "100000000000000000000", strings.Repeat("9", 1000),
	} {
		if n, err := wire.ParseSeq([]byte(text)); !errors.Is(err, wire.ErrDamaged) {
			t.Errorf("%q is %d, %v, want ErrDamaged", text, n, err)
		}
	}
	if got := string(wire.AppendSeq(nil, math.MaxUint64)); got != "18446744073709551615" {
		t.Errorf("the largest counter is written as %s", got)
	}
}
