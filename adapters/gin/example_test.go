package memogin_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	memogin "github.com/tiermemo/tiermemo/adapters/gin"
	"github.com/tiermemo/tiermemo/memo"
)

func ExampleMiddleware() {
	cache, err := memo.New(memo.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close(context.Background())

	r := gin.New()
	r.Use(memogin.Middleware(cache))
	r.GET("/users/:id", func(c *gin.Context) {
		id := c.Param("id")
		name, err := memo.Do(c.Request.Context(), memo.Key("user", id), func(context.Context) (string, error) {
			fmt.Println("query", id)
			return "Ada", nil
		})
		if err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
			return
		}
		c.String(http.StatusOK, "hello, "+name)
	})

	for range 2 {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest("GET", "/users/7", nil))
		fmt.Println(w.Body)
	}
	// Output:
	// query 7
	// hello, Ada
	// hello, Ada
}
