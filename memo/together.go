package memo

import (
	"sync"
	"sync/atomic"
)

// Beside everything that asks the shared tier for several things which do not
// depend on each other: they cost one round trip when they are under way together.

// both runs f beside g and returns the first of their errors.
func both(f, g func() error) error {
	var wg sync.WaitGroup
	var err error
	wg.Go(func() { err = g() })
	if ferr := f(); ferr != nil {
		wg.Wait()
		return ferr
	}
	wg.Wait()
	return err
}

// inTurn runs steps until one fails, and returns its error.
func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// How many calls of one operation run beside each other: of markers, and of values that
// are made old, of which there may be many.
const markersAtOnce, valuesAtOnce = 8, 32

// each runs f for 0 to n-1, most of them at once, and returns the first of their
// errors.
func each(n, most int, f func(i int) error) error {
	if n == 1 {
		return f(0)
	}
	var wg sync.WaitGroup
	var next atomic.Int64
	errs := make([]error, n)
	for range min(n, most) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				errs[i] = f(i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
