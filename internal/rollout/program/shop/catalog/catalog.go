// Package catalog is where the newer release has a type that was in shop before.
package catalog

// Moved is as it was in shop.
type Moved struct {
	ID   int
	Name string
}
