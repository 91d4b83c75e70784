package reqcache_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/tiermemo/tiermemo/reqcache"
)

type user struct{ name string }

// loadUser stands for a query.
func loadUser(ctx context.Context) (user, error) {
	fmt.Println("query")
	return user{"Ada"}, nil
}

func Example() {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for range 3 { // the handler, its template and an access check
			u, err := reqcache.Do(r.Context(), "user/7", loadUser)
			fmt.Println(u.name, err)
		}
	})
	middleware := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, end := reqcache.Begin(r.Context())
			defer end()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
	middleware(handler).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	// Output:
	// query
	// Ada <nil>
	// Ada <nil>
	// Ada <nil>
}

func ExampleBegin() {
	ctx, end := reqcache.Begin(context.Background())
	inner, endInner := reqcache.Begin(ctx) // joins
	reqcache.Put(inner, "locale", "fr")
	endInner()
	locale, ok := reqcache.Peek[string](ctx, "locale")
	fmt.Println(locale, ok)
	end()
	_, ok = reqcache.Peek[string](ctx, "locale")
	fmt.Println(ok)
	// Output:
	// fr true
	// false
}

func ExampleDo() {
	ctx, end := reqcache.Begin(context.Background())
	defer end()
	for range 2 {
		u, err := reqcache.Do(ctx, "user/7", loadUser)
		fmt.Println(u.name, err)
	}
	_, err := reqcache.Do(ctx, "user/7", func(context.Context) (int, error) { return 7, nil })
	var wrong *reqcache.TypeError
	fmt.Println(errors.As(err, &wrong))
	// Output:
	// query
	// Ada <nil>
	// Ada <nil>
	// true
}

func ExamplePut() {
	ctx, end := reqcache.Begin(context.Background())
	defer end()
	reqcache.Put(ctx, "user/7", user{"Grace"}) // just written: no need to ask for it
	u, _ := reqcache.Do(ctx, "user/7", loadUser)
	fmt.Println(u.name)
	// Output: Grace
}

func ExamplePeek() {
	ctx, end := reqcache.Begin(context.Background())
	defer end()
	_, before := reqcache.Peek[user](ctx, "user/7")
	_, _ = reqcache.Do(ctx, "user/7", loadUser)
	u, after := reqcache.Peek[user](ctx, "user/7")
	fmt.Println(before, after, u.name)
	// Output:
	// query
	// false true Ada
}

func ExampleForget() {
	ctx, end := reqcache.Begin(context.Background())
	defer end()
	_, _ = reqcache.Do(ctx, "user/7", loadUser)
	reqcache.Forget(ctx, "user/7") // it was changed
	_, _ = reqcache.Do(ctx, "user/7", loadUser)
	// Output:
	// query
	// query
}

func ExampleForgetFunc() {
	ctx, end := reqcache.Begin(context.Background())
	defer end()
	reqcache.Put(ctx, "user/7", user{"Ada"})
	reqcache.Put(ctx, "user/8", user{"Grace"})
	reqcache.Put(ctx, "locale", "fr")
	reqcache.ForgetFunc(ctx, func(key string) bool { return strings.HasPrefix(key, "user/") })
	fmt.Println(reqcache.From(ctx).Len())
	// Output: 1
}

func ExampleReset() {
	ctx, end := reqcache.Begin(context.Background())
	defer end()
	for range 2 { // each event of a stream
		reqcache.Reset(ctx)
		_, _ = reqcache.Do(ctx, "user/7", loadUser)
	}
	// Output:
	// query
	// query
}

func ExampleFrom() {
	ctx, end := reqcache.Begin(context.Background())
	fmt.Println(reqcache.From(ctx) != nil)
	end()
	fmt.Println(reqcache.From(ctx) != nil)
	// Output:
	// true
	// false
}

func ExampleScope_Len() {
	ctx, end := reqcache.Begin(context.Background())
	defer end()
	reqcache.Put(ctx, "a", 1)
	reqcache.Put(ctx, "b", 2)
	fmt.Println(reqcache.From(ctx).Len())
	// Output: 2
}
