// Package frameworks_test proves with the routers themselves what
// docs/frameworks.md says: those that need no adapter of their own, and the code
// of each, which internal/arrows compares with the page. It is a module of its
// own, so that whoever uses one framework downloads no other.
package frameworks_test

import (
	"context"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/memo"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	goleak.VerifyTestMain(m, // of fasthttp, below fiber, goroutines that sleep for seconds, or for ever
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
	)
}

// patience is how long a test waits for what should happen at once.
const patience = 20 * time.Second

func newCache(tb testing.TB) *memo.Cache {
	tb.Helper()
	c, err := memo.New(memo.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}
