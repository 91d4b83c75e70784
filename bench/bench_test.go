package main

import (
	"math"
	"os"
	"testing"

	"github.com/tiermemo/tiermemo/bench/events"
	"github.com/tiermemo/tiermemo/bench/lab"
	"github.com/tiermemo/tiermemo/bench/redisserver"
	"github.com/tiermemo/tiermemo/internal/mcserver"
)

// TestMain is a child of the events that need one, as main is.
func TestMain(m *testing.M) {
	events.ServeIfAsked()
	answerIfAsked()
	os.Exit(m.Run())
}

// tiny is where an event only has to run; what it measures is for make bench.
func tiny(t *testing.T) lab.Env {
	return lab.Env{Tiny: true, Memcached: mcserver.ForTest(t).Addr()}
}

func TestEveryContenderOfEveryEventRuns(t *testing.T) {
	runAll(t, tiny(t), func(c lab.Contender) bool { return c.Needs != "redis" })
}

func TestEveryContenderThatNeedsRedisRuns(t *testing.T) {
	env := tiny(t)
	env.Redis = redisserver.ForTest(t).Addr()
	runAll(t, env, func(c lab.Contender) bool { return c.Needs == "redis" })
}

func runAll(t *testing.T, env lab.Env, takes func(lab.Contender) bool) {
	seen := map[string]bool{}
	for _, e := range events.All() {
		if seen[e.Name] {
			t.Errorf("two events are called %q: the results have one place for both", e.Name)
		}
		seen[e.Name] = true
		some := e
		some.Contenders = nil
		for _, c := range e.Contenders {
			if takes(c) {
				some.Contenders = append(some.Contenders, c)
			}
		}
		t.Run(e.Name, func(t *testing.T) {
			ms, err := lab.Measure(some, env, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range ms {
				for _, unit := range some.Units() {
					if xs := m.Rounds[unit]; len(xs) != 1 || math.IsNaN(xs[0]) || math.IsInf(xs[0], 0) {
						t.Errorf("%s: %s: %v", m.Name, unit, xs)
					}
				}
			}
		})
	}
}
