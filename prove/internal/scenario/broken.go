package scenario

import (
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// Broken returns scenarios with something wrong on purpose: a checker is believed
// when it has said no. Their results must not be OK.
func Broken() []Scenario {
	silent := rows(fleet.OneKey)
	silent.Silent = true
	deaf := fleet.Setup{TTL: time.Minute, Flaw: fleet.Deaf}
	return []Scenario{
		{Name: "broken on purpose: the writer does not invalidate", Processes: 2, Traffic: silent},
		{Name: "broken on purpose: the processes do not hear", Processes: 2, Setup: deaf, Traffic: rows(fleet.OneKey)},
	}
}
