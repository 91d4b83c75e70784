//go:build next

package shop

import "github.com/tiermemo/tiermemo/internal/rollout/program/shop/catalog"

// The newer release.

type (
	// Renamed has Title for what was Name.
	Renamed struct {
		ID    int
		Title string
	}
	// Retyped has a text for what was a number.
	Retyped struct {
		ID    int
		Price string
	}
	// Grown has one field more.
	Grown struct {
		ID    int
		Name  string
		Email string
	}
	// Reordered has its two fields the other way round.
	Reordered struct{ Last, First string }
	// Tagged has another JSON name.
	Tagged struct {
		Name string `json:"title"`
	}
	// Ticket has nothing to do with the older release's.
	Ticket struct {
		Bug  string
		Open bool
	}
	// Moved comes from another package.
	Moved = catalog.Moved
)

func changed() map[string]Read {
	return map[string]Read{
		"renamed":   read(func(version int) Renamed { return Renamed{7, at(version)} }),
		"retyped":   read(func(version int) Retyped { return Retyped{7, at(version)} }),
		"grown":     read(func(version int) Grown { return Grown{7, at(version), "ada@example.org"} }),
		"reordered": read(func(version int) Reordered { return Reordered{at(version), "Ada"} }),
		"tagged":    read(func(version int) Tagged { return Tagged{at(version)} }),
		"ticket":    read(func(version int) Ticket { return Ticket{at(version), true} }),
		"moved":     read(func(version int) Moved { return Moved{ID: 7, Name: at(version)} }),
	}
}
