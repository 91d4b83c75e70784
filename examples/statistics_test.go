package examples_test

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memotest"
)

// statistics_test.go is the code of docs/statistics.md.

func exportNames(s memo.Stats, counter, gauge func(name string, value float64)) {
	for _, f := range s.Funcs {
		name := strconv.Quote(f.Name)
		for result, calls := range map[string]uint64{
			"l1": f.L1, "l2": f.L2, "l3": f.L3, "load": f.Loads, "joined": f.Joined, "stale": f.Stale,
			"negative": f.Negative, "bypass": f.Bypass, "miss": f.Miss, "error": f.Errors,
		} {
			counter(`memo_name_requests_total{name=`+name+`,result="`+result+`"}`, float64(calls))
		}
		counter(`memo_name_load_seconds_total{name=`+name+`}`, f.RunTime.Seconds())
		counter(`memo_name_evictions_total{name=`+name+`}`, float64(f.Evictions))
		gauge(`memo_name_entries{name=`+name+`}`, float64(f.Entries))
	}
}

func TestStatisticsPagesMetrics(t *testing.T) {
	t.Parallel()
	cache := memotest.New(t)
	ctx := cache.With(t.Context())
	query := func(context.Context) (int, error) { return 1, nil }
	for _, opts := range [][]memo.Option{nil, nil, {memo.Name(`the "front" page`)}} {
		if _, err := memo.Do(ctx, memo.Key("user", 7), query, opts...); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]float64{}
	keep := func(name string, value float64) {
		if value != 0 && !strings.Contains(name, "seconds") {
			got[name] = value
		}
	}
	exportNames(cache.Snapshot(), keep, keep)
	for name, want := range map[string]float64{
		`memo_name_requests_total{name="user",result="load"}`:             1,
		`memo_name_requests_total{name="user",result="l2"}`:               1,
		`memo_name_requests_total{name="the \"front\" page",result="l2"}`: 1,
		`memo_name_entries{name="user"}`:                                  1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
		delete(got, name)
	}
	if len(got) != 0 {
		t.Errorf("and %v", got)
	}
}
