package lab

import "sync"

// Parallel shares n runs out to goroutines, and returns when all are done.
func Parallel(goroutines, n int, work func(worker, n int)) {
	var all sync.WaitGroup
	for w := range goroutines {
		share := n / goroutines
		if w < n%goroutines {
			share++
		}
		all.Go(func() { work(w, share) })
	}
	all.Wait()
}
