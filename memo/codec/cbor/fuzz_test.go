package cbor_test

import (
	"bytes"
	"math/big"
	"math/rand"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/codec"
	"github.com/tiermemo/tiermemo/memo/codec/cbor"
)

type mixed struct {
	B    []byte
	L    []int
	M    map[string]int
	P    *address
	When *time.Time
	N    big.Int
	Addr netip.Addr
	K    map[address]point
	X    float64
}

func FuzzUnmarshal(f *testing.F) {
	c := cbor.New()
	now := time.Unix(1, 2).UTC()
	for _, v := range []any{
		7, "text", []byte("raw"), []colour{"red"}, &node{Next: &node{}}, tree{"a": tree{}}, row{N: 1, S: "a"}, numbered{1, "a"}, []point{{1, 2}},
		mixed{B: []byte{1}, L: []int{1}, M: map[string]int{"a": 1}, P: &address{}, When: &now, Addr: netip.IPv6Loopback(), K: map[address]point{{}: {}}},
	} {
		data, err := c.Append(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("\x9b\x00\x00\x00\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		accepted[string](t, c, data)
		accepted[[]byte](t, c, data)
		accepted[mixed](t, c, data)
		accepted[*node](t, c, data)
		accepted[tree](t, c, data)
		accepted[[]colour](t, c, data)
		accepted[[]time.Time](t, c, data)
		accepted[map[ID][]float64](t, c, data)
		accepted[row](t, c, data)
		accepted[numbered](t, c, data)
		for _, v := range []any{new(any), new(panicky), new(amount), new(stamped), new(Ring), new(map[any]any), new(complex128)} {
			_ = c.Unmarshal(data, v) // need only not panic
		}
	})
}

// accepted checks that what data decodes to, if anything, can be stored and comes
// back equal.
func accepted[T any](t *testing.T, c codec.Codec, data []byte) {
	var v, again T
	before := bytes.Clone(data)
	var err error
	if got, most := allocated(func() { err = c.Unmarshal(data, &v) }), uint64(1<<20+1000*len(data)); got > most {
		t.Fatalf("%d bytes made Unmarshal allocate %d, more than %d", len(data), got, most)
	}
	if !bytes.Equal(before, data) {
		t.Fatalf("%x was changed to %x", before, data)
	}
	if err != nil {
		return
	}
	stored, err := c.Append(nil, v)
	if err != nil {
		return // a year out of range
	}
	if err := c.Unmarshal(stored, &again); err != nil {
		t.Fatalf("%#v is stored as %x, which is refused: %v", v, stored, err)
	}
	twice, err := c.Append(nil, again)
	if err != nil || len(twice) != len(stored) { // the order of maps differs
		t.Fatalf("%#v is stored as %x, and what comes back as %x, %v", v, stored, twice, err)
	}
}

// FuzzTypes makes types and values of a number.
func FuzzTypes(f *testing.F) {
	c := cbor.New()
	f.Add(int64(1))
	f.Fuzz(func(t *testing.T, seed int64) {
		random := rand.New(rand.NewSource(seed))
		if typ := randomStruct(random, 3); codec.Check(c, typ) == nil {
			survives(t, c, random, typ)
			survives(t, c, random, reflect.SliceOf(typ))
		}
	})
}
