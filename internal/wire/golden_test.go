package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// The files in testdata/1 are the format, version 1. One that has to be rewritten is one
// that running processes of the last release cannot read: raise the version, begin a
// folder of that name, and leave this one as it is, for released_test.go.
var update = flag.Bool("update", false, "rewrite the golden envelopes of this version")

const thisVersion = "1"

// envelope is a golden file: its bytes, and how to write and to read them.
type envelope struct {
	name  string
	kind  wire.Kind
	write func() []byte
	// reread parses data and returns what the parsed value is written as.
	reread func(data []byte) ([]byte, error)
}

func envelopes() []envelope {
	full := wire.Value{
		Stamp: 0x4000_0001_0000_0002, Created: 1_763_700_000_000, Fresh: 1_763_700_060_000, Stale: 60_000, StaleIfError: 3_600_000,
		Took: 12_345, Version: 300, Fingerprint: 0xfeed_beef_cafe_f00d, Codec: "json", Key: "user:7:orders",
		Tags: []string{"users", "", "größe"}, Payload: []byte(`{"id":7}`),
	}
	negative := wire.Value{Stamp: 3, Created: -1, Fresh: 9, Negative: true, Key: "user:8"}
	lease := wire.Lease{Stamp: 0x4000_0001_0000_0002, Token: 0x0123_4567_89ab_cdef, Version: 300}
	record := wire.Record{Seq: 0x4000_0001_0000_0003, Source: 42, About: wire.Keys, Names: []string{"user:7", "user:7:orders"}}

	tags := wire.Record{Seq: 0x4000_0001_0000_0004, Source: 42, About: wire.Tags, Names: []string{"users", ""}}
	trees := wire.Record{Seq: 0x4000_0001_0000_0005, Source: 42, About: wire.Trees, Names: []string{"user:7"}}
	expired := wire.Record{Seq: 0x4000_0001_0000_0006, Source: 42, About: wire.Expired, Names: []string{"user:7"}}
	members := wire.Record{Seq: 0x4000_0001_0000_0007, Source: 42, About: wire.Members}
	roster := wire.Roster{
		Order: 1 << 63, Patience: 3_000_000_000, Gen: 9, Changed: 8, Settled: 7, Lists: [][]string{{"a:11211", "b:11211"}, {"a:11211", "b:11211", "c:11211"}},
		Members: []wire.Member{{Name: "a:11211", Since: 1}, {Name: "b:11211", Since: 8}},
		Left:    []wire.Left{{Name: "c:11211", Seq: 0x4000_0001_0000_0007}},
	}

	return []envelope{
		{"value", wire.KindValue, func() []byte { return wire.AppendValue(nil, &full) }, rereadValue},
		{"negative", wire.KindValue, func() []byte { return wire.AppendValue(nil, &negative) }, rereadValue},
		{"lease", wire.KindLease, func() []byte { return wire.AppendLease(nil, lease) }, rereadLease},
		{"record", wire.KindRecord, func() []byte { return wire.AppendRecord(nil, &record) }, rereadRecord},
		{"tags", wire.KindRecord, func() []byte { return wire.AppendRecord(nil, &tags) }, rereadRecord},
		{"trees", wire.KindRecord, func() []byte { return wire.AppendRecord(nil, &trees) }, rereadRecord},
		{"expired", wire.KindRecord, func() []byte { return wire.AppendRecord(nil, &expired) }, rereadRecord},
		{"members", wire.KindRecord, func() []byte { return wire.AppendRecord(nil, &members) }, rereadRecord},
		{"roster", wire.KindRoster, func() []byte { return wire.AppendRoster(nil, &roster) }, rereadRoster},
		{"blank", wire.KindRoster, func() []byte { return wire.AppendRoster(nil, &wire.Roster{}) }, rereadRoster},
	}
}

func rereadValue(data []byte) ([]byte, error) {
	var v wire.Value
	if err := wire.ParseValue(data, &v); err != nil {
		return nil, err
	}
	return wire.AppendValue(nil, &v), nil
}

func rereadLease(data []byte) ([]byte, error) {
	var l wire.Lease
	if err := wire.ParseLease(data, &l); err != nil {
		return nil, err
	}
	return wire.AppendLease(nil, l), nil
}

func rereadRecord(data []byte) ([]byte, error) {
	var r wire.Record
	if err := wire.ParseRecord(data, &r); err != nil {
		return nil, err
	}
	return wire.AppendRecord(nil, &r), nil
}

func rereadRoster(data []byte) ([]byte, error) {
	var r wire.Roster
	if err := wire.ParseRoster(data, &r); err != nil {
		return nil, err
	}
	return wire.AppendRoster(nil, &r), nil
}

func golden(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", thisVersion, name+".bin"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sealed is the envelope of any kind around body, with a checksum that is right.
func sealed(kind wire.Kind, flags byte, body []byte) []byte {
	data := append([]byte{0xF5, 1, byte(kind), flags}, body...)
	return binary.BigEndian.AppendUint32(data, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
}

// Not parallel: with -update it writes what the parallel tests read.
func TestTheFormatIsTheCommittedOne(t *testing.T) {
	for _, e := range envelopes() {
		got := e.write()
		if *update {
			base := filepath.Join("testdata", thisVersion, e.name)
			if err := errors.Join(os.WriteFile(base+".bin", got, 0o644), os.WriteFile(base+".json", meaning(t, got), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		if want := golden(t, e.name); !bytes.Equal(got, want) {
			t.Errorf("%s is written as\n%x, and was\n%x", e.name, got, want)
		}
		if kind := wire.KindOf(got); kind != e.kind {
			t.Errorf("%s: KindOf = %d, want %d", e.name, kind, e.kind)
		}
		again, err := e.reread(got)
		if err != nil || !bytes.Equal(again, got) {
			t.Errorf("%s comes back as %x, %v", e.name, again, err)
		}
	}
}

func TestEverySingleFlippedBitIsRefused(t *testing.T) {
	t.Parallel()
	for _, e := range envelopes() {
		data := golden(t, e.name)
		for bit := range len(data) * 8 {
			bad := slices.Clone(data)
			bad[bit/8] ^= 1 << (bit % 8)
			want := wire.ErrDamaged
			if bit/8 == 1 {
				want = wire.ErrVersion
			}
			if _, err := e.reread(bad); !errors.Is(err, want) {
				t.Errorf("%s with bit %d of byte %d flipped: %v, want %v", e.name, bit%8, bit/8, err, want)
			}
		}
	}
}

func TestEveryTruncationAndExtensionIsRefused(t *testing.T) {
	t.Parallel()
	for _, e := range envelopes() {
		data := golden(t, e.name)
		for n := range len(data) {
			if _, err := e.reread(data[:n]); !errors.Is(err, wire.ErrDamaged) {
				t.Errorf("the first %d bytes of %s: %v, want ErrDamaged", n, e.name, err)
			}
		}
		for _, tail := range []string{"\x00", " ", "\r\n", string(data)} {
			if _, err := e.reread(append(slices.Clone(data), tail...)); !errors.Is(err, wire.ErrDamaged) {
				t.Errorf("%s and %q after it: %v, want ErrDamaged", e.name, tail, err)
			}
		}
	}
}

func TestAHeadCutShortIsRefusedUnderAGoodChecksum(t *testing.T) {
	t.Parallel()
	for _, e := range envelopes() {
		for n := range 4 {
			head := golden(t, e.name)[:n]
			data := binary.BigEndian.AppendUint32(slices.Clone(head), crc32.Checksum(head, crc32.MakeTable(crc32.Castagnoli)))
			if _, err := e.reread(data); !errors.Is(err, wire.ErrDamaged) {
				t.Errorf("%s with a head of %d bytes: %v, want ErrDamaged", e.name, n, err)
			}
		}
	}
}

// The checksum is right in these: the fields have to be looked at.
func TestABodyCutShortIsRefusedUnderAGoodChecksum(t *testing.T) {
	t.Parallel()
	for _, e := range envelopes() {
		data := golden(t, e.name)
		body := data[4 : len(data)-4]
		if e.kind == wire.KindValue { // the payload is what the fields leave, and may be anything
			body = bytes.TrimSuffix(body, []byte(`{"id":7}`))
		}
		for n := range len(body) {
			if _, err := e.reread(sealed(e.kind, data[3], body[:n])); !errors.Is(err, wire.ErrDamaged) {
				t.Errorf("%s with %d of %d body bytes: %v, want ErrDamaged", e.name, n, len(body), err)
			}
		}
		if e.kind == wire.KindValue {
			continue
		}
		longer := append(slices.Clone(body), 0)
		if _, err := e.reread(sealed(e.kind, data[3], longer)); !errors.Is(err, wire.ErrDamaged) {
			t.Errorf("%s with a body byte too many: %v, want ErrDamaged", e.name, err)
		}
	}
}

func TestOneKindIsNotReadAsAnother(t *testing.T) {
	t.Parallel()
	for _, written := range envelopes() {
		for _, asked := range envelopes() {
			_, err := asked.reread(golden(t, written.name))
			if written.kind != asked.kind && !errors.Is(err, wire.ErrDamaged) {
				t.Errorf("%s read as %s: %v, want ErrDamaged", written.name, asked.name, err)
			}
		}
	}
}

func TestAnotherMagicIsRefusedUnderAGoodChecksum(t *testing.T) {
	t.Parallel()
	for _, e := range envelopes() {
		data := golden(t, e.name)
		data[0]++
		end := len(data) - 4
		binary.BigEndian.PutUint32(data[end:], crc32.Checksum(data[:end], crc32.MakeTable(crc32.Castagnoli)))
		if _, err := e.reread(data); !errors.Is(err, wire.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", e.name, err)
		}
	}
}

func TestALaterReleaseIsToldFromDamage(t *testing.T) {
	t.Parallel()
	for _, e := range envelopes() {
		later := golden(t, e.name)
		later[1] = 2
		later = later[:len(later)-1] // it may be sealed in another way
		if _, err := e.reread(later); !errors.Is(err, wire.ErrVersion) {
			t.Errorf("%s of version 2: %v, want ErrVersion", e.name, err)
		}
		if kind := wire.KindOf(later); kind != wire.KindUnknown {
			t.Errorf("%s of version 2: KindOf = %d, want KindUnknown", e.name, kind)
		}
		data := golden(t, e.name)
		flagged := sealed(e.kind, data[3]|0x80, data[4:len(data)-4])
		if _, err := e.reread(flagged); !errors.Is(err, wire.ErrVersion) {
			t.Errorf("%s with a flag of tomorrow: %v, want ErrVersion", e.name, err)
		}
	}
}

func TestKindOfKnowsNothingElse(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"", "\xf5", "\xf5\x01\x01", "1234567890", "\xf5\x01\x00\x00", "\xf5\x01\x05\x00", "\xf4\x01\x01\x00", "\xf5\x00\x01\x00"} {
		if kind := wire.KindOf([]byte(data)); kind != wire.KindUnknown {
			t.Errorf("KindOf(%q) = %d, want KindUnknown", data, kind)
		}
	}
}
