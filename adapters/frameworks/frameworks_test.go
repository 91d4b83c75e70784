// Package frameworks_test proves with the routers themselves what
// docs/frameworks.md says: those that need no adapter of their own, and the code
// of each. It is a module of its own, so that whoever uses one framework
// downloads no other.
package frameworks_test

import (
	"context"
	"os"
	"strings"
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

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDocumentsCodeCompiles(t *testing.T) {
	t.Parallel()
	compiled := ""
	for _, file := range []string{"snippets_test.go", "snippets_echov5_test.go"} {
		compiled += read(t, file)
	}
	blocks := strings.Split(read(t, "../../docs/frameworks.md"), "```go\n")[1:]
	if len(blocks) == 0 {
		t.Error("docs/frameworks.md shows no code")
	}
	for _, rest := range blocks {
		block, _, ends := strings.Cut(rest, "```")
		if !ends || !strings.Contains(compiled, "\n\n"+block) {
			t.Errorf("docs/frameworks.md shows what no file compiles:\n%s", block)
		}
	}
}
