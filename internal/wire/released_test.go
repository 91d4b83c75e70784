package wire_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// What a release owes to those before it: every envelope that one of them has written is
// read, and means what it meant. The folders of testdata are the versions, and beside each
// envelope stands what it means. A later release may know more fields; none of these may
// get another value, or another name.
func TestEveryEnvelopeThatWasEverWrittenIsRead(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "[0-9]*", "*.bin"))
	if err != nil || len(files) < len(envelopes()) {
		t.Fatalf("there are %d files, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		beside, err := os.ReadFile(strings.TrimSuffix(file, ".bin") + ".json")
		if err != nil {
			t.Fatal(err)
		}
		want, got := fields(t, beside), fields(t, meaning(t, data))
		if len(want) < 2 {
			t.Errorf("%s: there stands nothing beside it", file)
		}
		for name, value := range want {
			if !bytes.Equal(got[name], value) {
				t.Errorf("%s: %s is %s, and was %s", file, name, got[name], value)
			}
		}
	}
}

// meaning is what stands in the envelope data.
func meaning(t *testing.T, data []byte) []byte {
	t.Helper()
	var (
		v    wire.Value
		l    wire.Lease
		r    wire.Record
		o    wire.Roster
		said any
		err  error
	)
	switch wire.KindOf(data) {
	case wire.KindValue:
		said, err = &v, wire.ParseValue(data, &v)
	case wire.KindLease:
		said, err = &l, wire.ParseLease(data, &l)
	case wire.KindRecord:
		said, err = &r, wire.ParseRecord(data, &r)
	case wire.KindRoster:
		said, err = &o, wire.ParseRoster(data, &o)
	}
	if said == nil || err != nil {
		t.Fatalf("%x is of no kind, or not read: %v", data, err)
	}
	text, err := json.MarshalIndent(said, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func fields(t *testing.T, text []byte) (all map[string]json.RawMessage) {
	t.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(compact.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	return all
}
