package cost

// phase.go is what is left of a case: its requests by phase, and whether they were
// answered as fast as they must be.

import (
	"fmt"
	"time"
)

// A Hang is what became of the requests.
type Hang struct {
	Name  string `json:"name"`
	Well  Phase  `json:"healthy"`
	First Phase  `json:"first_600_ms"` // of Hung: until nobody waits any more; its counters are 0
	Hung  Phase  `json:"hung"`         // with those that were under way when it began
	Back  Phase  `json:"back"`

	Reads  float64 `json:"reads_use_it_again_ms"` // after the server's return
	Normal float64 `json:"latency_normal_ms"`     // after it: when the median is what it was; -1: never
}

// A Phase is the requests that began, or were under way, in some time.
type Phase struct {
	Requests int     `json:"requests"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	Max      float64 `json:"max_ms"`
	Errors   int     `json:"errors"`
	Shared   uint64  `json:"reads_from_l3"`
	Loads    uint64  `json:"loads"`
}

// phase is what was between two moments.
func (s *scene) phase(from, to moment) Phase {
	p := Phase{Shared: to.total.L3 - from.total.L3, Loads: to.total.Runs - from.total.Runs}
	var took []time.Duration
	for _, r := range s.requests {
		if r.began < from.at || r.began >= to.at {
			continue
		}
		took = append(took, r.took)
		if r.err != nil {
			p.Errors++
		}
	}
	p.Requests, p.P50, p.P99, p.Max = len(took), millis(quantile(took, 0.5)), millis(quantile(took, 0.99)), millis(quantile(took, 1))
	return p
}

// normal returns how long after the time back the first of three waves in a row
// came whose median was as before, give or take half of a loader; -1: none.
func (s *scene) normal(back time.Duration, before float64) float64 {
	waves := make([][]time.Duration, s.waves)
	begins := make([]time.Duration, s.waves)
	for _, r := range s.requests {
		waves[r.wave] = append(waves[r.wave], r.took)
		begins[r.wave] = r.began
	}
	row := 0
	for i, took := range waves {
		if begins[i] < back || millis(quantile(took, 0.5)) > before+millis(slow/2) {
			row = 0
			continue
		}
		if row++; row == 3 {
			return millis(begins[i-2] - back)
		}
	}
	return -1
}

// Failures says in what h is not as it must be: requests that failed, and waits
// beyond what was set as a goal.
func (h *Hang) Failures() (failures []string) {
	if n := h.Well.Errors + h.Hung.Errors + h.Back.Errors; n > 0 {
		failures = append(failures, fmt.Sprintf("%d requests failed", n))
	}
	if most := h.Well.P50 + 10; h.Hung.P50 > most {
		failures = append(failures, fmt.Sprintf("p50 is %.1f ms, more than %.1f", h.Hung.P50, most))
	}
	if most := millis(2*readTimeout) + 20; h.Hung.P99 > most {
		failures = append(failures, fmt.Sprintf("p99 is %.1f ms, more than %.0f", h.Hung.P99, most))
	}
	if h.Normal < 0 {
		failures = append(failures, "latency was not what it had been")
	}
	return failures
}
