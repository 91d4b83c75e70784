//go:build !next

package shop

// The older release.

type (
	// Renamed has a field that will have another name.
	Renamed struct {
		ID   int
		Name string
	}
	// Retyped has a number that will be a text.
	Retyped struct {
		ID    int
		Price int
	}
	// Grown will have one field more.
	Grown struct {
		ID   int
		Name string
	}
	// Reordered has two fields that will change places.
	Reordered struct{ First, Last string }
	// Tagged will have another JSON name.
	Tagged struct {
		Name string `json:"name"`
	}
	// Ticket will be something else, which somebody calls a ticket too.
	Ticket struct {
		Seat string
		Row  int
	}
	// Moved will come from another package.
	Moved struct {
		ID   int
		Name string
	}
)

func changed() map[string]Read {
	return map[string]Read{
		"renamed":   read(func(version int) Renamed { return Renamed{7, at(version)} }),
		"retyped":   read(func(version int) Retyped { return Retyped{7, version} }),
		"grown":     read(func(version int) Grown { return Grown{7, at(version)} }),
		"reordered": read(func(version int) Reordered { return Reordered{"Ada", at(version)} }),
		"tagged":    read(func(version int) Tagged { return Tagged{at(version)} }),
		"ticket":    read(func(version int) Ticket { return Ticket{at(version), 7} }),
		"moved":     read(func(version int) Moved { return Moved{ID: 7, Name: at(version)} }),
	}
}
