// Command bench compares the hit paths of tiermemo with what a user would write
// by hand, on the same work, and writes RESULTS.md.
//
// The contenders of one event run in turn (A B A B …), round after round, and
// what is compared is the ratio of their medians: the machine's mood is the same
// for all of them.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// An event is one kind of work, and who does it; ours comes first.
type event struct {
	name       string
	contenders []contender
}

type contender struct {
	name string
	run  func(b *testing.B)
}

// result is what one contender's rounds come to.
type result struct {
	ns, allocs, bytes float64
	least, most       float64
}

func main() {
	testing.Init()
	rounds := flag.Int("rounds", 12, "rounds, each contender once in each")
	each := flag.Duration("time", 100*time.Millisecond, "how long one round of one contender takes")
	only := flag.String("run", "", "only events whose name contains this")
	out := flag.String("o", "", "write the table there, and not to standard output")
	flag.Parse()
	if err := flag.Set("test.benchtime", each.String()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	var text strings.Builder
	head(&text, *rounds, *each)
	for _, e := range events() {
		if strings.Contains(e.name, *only) {
			fmt.Fprintln(os.Stderr, e.name)
			row(&text, e, measure(e, *rounds))
		}
	}
	if *out == "" {
		fmt.Print(text.String())
		return
	}
	if err := os.WriteFile(*out, []byte(text.String()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// measure runs the contenders of e in turn.
func measure(e event, rounds int) []result {
	samples := make([][]testing.BenchmarkResult, len(e.contenders))
	for range rounds {
		for i, c := range e.contenders {
			runtime.GC()
			samples[i] = append(samples[i], testing.Benchmark(func(b *testing.B) {
				b.ReportAllocs()
				c.run(b)
			}))
		}
	}
	results := make([]result, len(samples))
	for i, s := range samples {
		ns := make([]float64, len(s))
		for j, r := range s {
			ns[j] = float64(r.T.Nanoseconds()) / float64(r.N)
		}
		slices.Sort(ns)
		last := s[len(s)-1]
		results[i] = result{
			ns: ns[len(ns)/2], least: ns[0], most: ns[len(ns)-1],
			allocs: float64(last.AllocsPerOp()), bytes: float64(last.AllocedBytesPerOp()),
		}
	}
	return results
}

func head(w io.Writer, rounds int, each time.Duration) {
	fmt.Fprintf(w, "# Results\n\nWritten by `make bench` on %s: %d interleaved rounds of %v each, medians.\n", time.Now().Format("2006-01-02"), rounds, each)
	fmt.Fprintf(w, "%s, %d cores, %s. Compare the ratios; the nanoseconds are this machine's, and move with what else it does.\n\n"+
		"A miss costs more than by hand: its load runs on a goroutine of its own, with a ctx and a limit, so that every caller can leave. It is paid once for each run of a loader.\n\n", cpu(), runtime.NumCPU(), runtime.Version())
	fmt.Fprintln(w, "| event | who | ns/op (least to most) | allocs | bytes | against ours |\n|---|---|---|---|---|---|")
}

func row(w io.Writer, e event, results []result) {
	for i, r := range results {
		name, ratio := e.name, fmt.Sprintf("%.2f×", r.ns/results[0].ns)
		if i > 0 {
			name = ""
		} else {
			ratio = ""
		}
		fmt.Fprintf(w, "| %s | %s | %.1f (%.1f to %.1f) | %.0f | %.0f | %s |\n", name, e.contenders[i].name, r.ns, r.least, r.most, r.allocs, r.bytes, ratio)
	}
}

func cpu() string {
	out, err := exec.Command("sh", "-c", "grep -m1 'model name' /proc/cpuinfo | cut -d: -f2").Output()
	if name := strings.TrimSpace(string(out)); err == nil && name != "" {
		return name
	}
	return runtime.GOARCH
}
