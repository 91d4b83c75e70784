package peer

import (
	"context"

	"github.com/graph-gophers/dataloader/v7"
)

// graph-gophers/dataloader: https://github.com/graph-gophers/dataloader README, "Usage":
// NewBatchedLoader with its in-memory cache, one loader for a request, 16 ms of waiting
// for company.

// NewDataloader is a loader for one request.
func NewDataloader[K comparable, V any](o Options[K, V]) *dataloader.Loader[K, V] {
	return dataloader.NewBatchedLoader(func(ctx context.Context, ks []K) []*dataloader.Result[V] {
		m, err := o.LoadMany(ctx, ks)
		results := make([]*dataloader.Result[V], len(ks))
		for i, k := range ks {
			results[i] = &dataloader.Result[V]{Data: m[k], Error: err}
		}
		return results
	})
}
