package memo_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// What fn returns after its ctx has ended is kept nowhere, even without an error:
// a loop over rows that stops with its ctx has a half of them.
//
//  1. the last caller leaves, or LoadTimeout ends
//  2. the load's ctx ends, and fn returns what it has
//  3. it would be everybody's, for a whole TTL
func TestR05_WhatACancelledLoadReturnsIsKeptNowhere(t *testing.T) {
	for name, patience := range map[string]time.Duration{"its caller left": 10 * time.Millisecond, "LoadTimeout": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet()
				c, _ := f.process(t)
				other, _ := f.process(t)
				request, end := c.Begin(context.Background())
				defer end()
				ctx, cancel := context.WithTimeout(request, patience)
				defer cancel()
				_, err := memo.Do(ctx, "k", func(ctx context.Context) (int, error) {
					<-ctx.Done()
					return 7, nil
				}, memo.LoadTimeout(5*time.Second))
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Fatal(err)
				}
				time.Sleep(1500 * time.Millisecond)
				for _, reader := range []struct {
					who string
					ctx context.Context
				}{{"its request", request}, {"its process", c.With(context.Background())}, {"another process", other.With(context.Background())}} {
					if v, err := memo.Get[int](reader.ctx, "k"); !errors.Is(err, memo.ErrMiss) {
						t.Errorf("%s reads %d, %v, want ErrMiss", reader.who, v, err)
					}
				}
			})
		})
	}
}
