package memcached

// probe_bench_test.go is what it costs to look at a connection before it is used.
//
//	go test -run '^$' -bench Probe -count 5 ./memo/memcached

import (
	"net"
	"testing"
)

func BenchmarkProbe(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var p probe
	p.aim(c)
	b.ReportAllocs()
	for b.Loop() {
		if p.state() != usable {
			b.Fatal("an idle connection is not usable")
		}
	}
}
