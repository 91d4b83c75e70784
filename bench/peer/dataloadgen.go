package peer

import "github.com/vikstrous/dataloadgen"

// vikstrous/dataloadgen: https://github.com/vikstrous/dataloadgen README, "Usage":
// NewMappedLoader, one loader for a request, 16 ms of waiting for company.

// NewDataloadgen is a loader for one request.
func NewDataloadgen[K comparable, V any](o Options[K, V]) *dataloadgen.Loader[K, V] {
	return dataloadgen.NewMappedLoader(o.LoadMany)
}
