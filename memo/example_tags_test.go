package memo_test

import (
	"context"
	"fmt"

	"github.com/tiermemo/tiermemo/memo"
)

// example_tags_test.go: invalidations that name no keys.

type film struct{ Title, Director string }

func newFilms() (*memo.Cache, func(ctx context.Context, id int) film) {
	cache, err := memo.New(memo.Config{})
	if err != nil {
		panic(err)
	}
	return cache, func(ctx context.Context, id int) film {
		f, _ := memo.Do(ctx, memo.Key("film", id), func(ctx context.Context) (film, error) {
			fmt.Println("loading film", id)
			f := film{Title: fmt.Sprint("Part ", id), Director: "Varda"}
			memo.Amend(ctx, memo.Tags(memo.Key("director", f.Director))) // known only now
			return f, nil
		}, memo.Tags("films"))
		return f
	}
}

// Everything that carries a tag, whoever loaded it, and whatever its key is.
func ExampleTags() {
	cache, load := newFilms()
	defer cache.Close(context.Background())
	ctx := cache.With(context.Background())
	load(ctx, 1)
	load(ctx, 1)
	fmt.Println(memo.InvalidateTags(ctx, "films"))
	load(ctx, 1)
	// Output:
	// loading film 1
	// <nil>
	// loading film 1
}

// A tag that only the loader knows.
func ExampleAmend() {
	cache, load := newFilms()
	defer cache.Close(context.Background())
	ctx := cache.With(context.Background())
	load(ctx, 1)
	fmt.Println(memo.InvalidateTags(ctx, memo.Key("director", "Varda")))
	load(ctx, 1)
	// Output:
	// loading film 1
	// <nil>
	// loading film 1
}

func ExampleInvalidateTags() {
	cache, load := newFilms()
	defer cache.Close(context.Background())
	ctx := cache.With(context.Background())
	load(ctx, 1)
	load(ctx, 2)
	fmt.Println(memo.InvalidateTags(ctx, memo.Key("director", "Varda"))) // she has a new name
	load(ctx, 2)
	// Output:
	// loading film 1
	// loading film 2
	// <nil>
	// loading film 2
}

// A job has no request, and may have no cache in its ctx.
func ExampleCache_InvalidateTags() {
	cache, load := newFilms()
	defer cache.Close(context.Background())
	load(cache.With(context.Background()), 1)
	fmt.Println(cache.InvalidateTags(context.Background(), "films"))
	load(cache.With(context.Background()), 1)
	// Output:
	// loading film 1
	// <nil>
	// loading film 1
}

// A key, and all keys that begin with its parts.
func ExampleInvalidateTree() {
	cache, err := memo.New(memo.Config{})
	if err != nil {
		panic(err)
	}
	defer cache.Close(context.Background())
	ctx := cache.With(context.Background())
	load := func(key string) {
		_, _ = memo.Do(ctx, key, func(context.Context) (int, error) { fmt.Println("loading", key); return 1, nil })
	}
	load(memo.Key("user", 7))
	load(memo.Key("user", 7, "orders"))
	load(memo.Key("user", 8))
	fmt.Println(memo.InvalidateTree(ctx, memo.Key("user", 7)))
	load(memo.Key("user", 7))
	load(memo.Key("user", 7, "orders"))
	load(memo.Key("user", 8)) // is still there
	// Output:
	// loading user:7
	// loading user:7:orders
	// loading user:8
	// <nil>
	// loading user:7
	// loading user:7:orders
}

// All values of one kind: the first part of their keys is their name.
func ExampleCache_InvalidateTree() {
	cache, load := newFilms()
	defer cache.Close(context.Background())
	load(cache.With(context.Background()), 1)
	fmt.Println(cache.InvalidateTree(context.Background(), memo.Key("film")))
	load(cache.With(context.Background()), 1)
	// Output:
	// loading film 1
	// <nil>
	// loading film 1
}
