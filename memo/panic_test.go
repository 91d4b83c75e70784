package memo_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tiermemo/tiermemo/memo"
)

// A loader that panics, or calls Goexit, is known to everyone who waits for it,
// and holds up nobody who comes later: the tests of G9.

func TestG09_Panic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		c, _ := f.process(t)
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond) // the first one leads
				var recovered any
				var err error
				func() {
					defer func() { recovered = recover() }()
					_, err = memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) {
						time.Sleep(time.Second)
						panic(http.ErrAbortHandler)
					})
				}()
				var p *memo.PanicError
				switch {
				case i == 0 && recovered != http.ErrAbortHandler:
					t.Errorf("the leader recovered %v, want the loader's own value", recovered)
				case i > 0 && (!errors.As(err, &p) || len(p.Stack) == 0 || !errors.Is(err, http.ErrAbortHandler)):
					t.Errorf("a waiter got %v, want a *PanicError with the loader's stack", err)
				}
			})
		}
		wg.Wait()
		begin := time.Now()
		if f.db.do(t, c.With(context.Background()), "k"); time.Since(begin) > 100*time.Millisecond {
			t.Errorf("the next load waited %v: the panic kept the lease", time.Since(begin))
		}
	})
}

func TestG09_Goexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(t, memo.Config{})
		_, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) {
			runtime.Goexit()
			return 1, nil
		})
		var p *memo.PanicError
		if !errors.As(err, &p) || p.Value != nil {
			t.Fatalf("got %v, want a *PanicError without a value", err)
		}
		v, err := memo.Do(c.With(context.Background()), "k", func(context.Context) (int, error) { return 2, nil })
		if v != 2 || err != nil {
			t.Fatalf("the next caller got %d, %v", v, err)
		}
	})
}
