package main

import (
	"strings"
	"testing"
	"time"
)

// TestEveryEventRuns keeps the benchmarks working; what they measure is for
// make bench.
func TestEveryEventRuns(t *testing.T) {
	for _, e := range events() {
		for _, c := range e.contenders {
			t.Run(e.name+"/"+c.name, func(t *testing.T) {
				r := testing.Benchmark(func(b *testing.B) { c.run(b) })
				if r.N == 0 {
					t.Error("it did nothing")
				}
			})
		}
	}
}

func TestTable(t *testing.T) {
	var text strings.Builder
	head(&text, 1, time.Second)
	row(&text, event{"e", []contender{{name: "ours"}, {name: "theirs"}}}, []result{{ns: 10, allocs: 1}, {ns: 25, allocs: 2}})
	if got := text.String(); !strings.Contains(got, "| e | ours | 10.0") || !strings.Contains(got, "2.50×") {
		t.Error(got)
	}
}
