package memo

import (
	"context"
	"testing"
)

// 1. a Node asks for the Done of its ctx, and waits for its Ends
// 2. one of them is closed; what Done was made of is told by a goroutine, later
// 3. the Node asks for the Err: it would be told that nothing has ended
func TestTripHasAnErrWhenOneOfItsEndsIsClosed(t *testing.T) {
	for name, end := range map[string]func(caller, life context.CancelFunc){
		"caller": func(caller, _ context.CancelFunc) { caller() },
		"life":   func(_, life context.CancelFunc) { life() },
	} {
		ctx, caller := context.WithCancel(context.Background())
		life, quit := context.WithCancel(context.Background())
		trip := &trip{Context: ctx, life: life}
		trip.whole = context.WithoutCancel(ctx) // not told yet
		end(caller, quit)
		if trip.Err() == nil {
			t.Errorf("the %s has ended, and the ctx has no Err", name)
		}
		caller()
		quit()
	}
}
