package memcached

// lookup_internal_test.go asks a name server that is a function of the test.

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
)

const (
	typeA    = 1
	typeAAAA = 28
)

// zone is what the server knows of mc.test: addresses by type, or the code of an
// error.
type zone struct {
	addrs map[uint16][]string
	code  map[uint16]byte
}

// resolver asks the zone over a pipe, as a name server is asked over TCP.
func (z zone) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			for z.answer(server) == nil {
			}
		}()
		return client, nil
	}}
}

func (z zone) answer(rw io.ReadWriter) error {
	var size [2]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return err
	}
	query := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(rw, query); err != nil {
		return err
	}
	const header = 12
	end := header + slices.Index(query[header:], 0) + 1 + 4 // of the question
	kind := binary.BigEndian.Uint16(query[end-4:])
	reply := append([]byte{query[0], query[1], 0x81, 0x80 | z.code[kind], 0, 1, 0, byte(len(z.addrs[kind])), 0, 0, 0, 0}, query[header:end]...)
	for _, s := range z.addrs[kind] {
		ip := netip.MustParseAddr(s).AsSlice()
		reply = append(reply, 0xc0, header, 0, byte(kind), 0, 1, 0, 0, 0, 60, 0, byte(len(ip)))
		reply = append(reply, ip...)
	}
	_, err := rw.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	return err
}

func TestLookup(t *testing.T) {
	t.Parallel()
	const failed, absent = 2, 3 // SERVFAIL, NXDOMAIN
	for name, tc := range map[string]struct {
		zone zone
		want []string // nil: an error
	}{
		"several": {zone{addrs: map[uint16][]string{typeA: {"10.0.0.3", "10.0.0.1", "10.0.0.2"}}},
			[]string{"10.0.0.1:11211", "10.0.0.2:11211", "10.0.0.3:11211"}},
		"one twice": {zone{addrs: map[uint16][]string{typeA: {"10.0.0.1", "10.0.0.1"}}}, []string{"10.0.0.1:11211"}},
		"both kinds": {zone{addrs: map[uint16][]string{typeA: {"10.0.0.1"}, typeAAAA: {"fd00::1"}}},
			[]string{"10.0.0.1:11211"}},
		"IPv6 alone": {zone{addrs: map[uint16][]string{typeAAAA: {"fd00::2", "fd00::1"}}},
			[]string{"[fd00::1]:11211", "[fd00::2]:11211"}},
		"IPv4 cannot be asked for": {zone{addrs: map[uint16][]string{typeAAAA: {"fd00::1"}}, code: map[uint16]byte{typeA: failed}}, nil},
		"no address":               {zone{}, nil},
		"no such name":             {zone{code: map[uint16]byte{typeA: absent, typeAAAA: absent}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := lookup(tc.zone.resolver(), "mc.test.", "11211")(t.Context())
			if !slices.Equal(got, tc.want) || (err == nil) != (tc.want != nil) {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
			if err != nil && !errors.As(err, new(*net.DNSError)) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// What needs no name server: an address is its own name.
func TestLookupOfAnAddress(t *testing.T) {
	t.Parallel()
	got, err := Lookup("10.0.0.1", "11211")(t.Context())
	if err != nil || !slices.Equal(got, []string{"10.0.0.1:11211"}) {
		t.Errorf("got %q, %v", got, err)
	}
}
