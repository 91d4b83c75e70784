package memo_test

import (
	"context"
	"fmt"
	"log"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// example_options_test.go: what is stored where, for whom, and under which tags.

// processes are two caches that share one store, as two processes share memcached, and the
// ctx of a caller in each.
func processes() (here, there context.Context, end func()) {
	store := tiertest.NewMemory()
	var ctx [2]context.Context
	var caches [2]*memo.Cache
	for i := range caches {
		c, err := memo.New(memo.Config{Prefix: "shop", Shared: store})
		if err != nil {
			log.Fatal(err)
		}
		caches[i], ctx[i] = c, c.With(context.Background())
	}
	return ctx[0], ctx[1], func() {
		for _, c := range caches {
			_ = c.Close(context.Background())
		}
	}
}

// A compiled template has no form in bytes. Each process compiles its own, and one
// invalidation reaches all of them.
func ExampleLocalOnly() {
	here, there, end := processes()
	defer end()
	parse := func(context.Context) (*template.Template, error) {
		fmt.Println("parse")
		return template.New("mail").Parse("Dear {{.}},\n")
	}
	for _, ctx := range []context.Context{here, there, here, there} {
		if _, err := memo.Do(ctx, "mail", parse, memo.LocalOnly()); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// parse
	// parse
}

// A page of a megabyte is asked for once an hour in each process: it would take the place of
// what is asked for all the time.
func ExampleSharedOnly() {
	here, there, end := processes()
	defer end()
	render := func(context.Context) (string, error) {
		fmt.Println("render")
		return strings.Repeat("<p>", 1000), nil
	}
	for _, ctx := range []context.Context{here, there, here} {
		if _, err := memo.Do(ctx, "page", render, memo.SharedOnly()); err != nil {
			log.Fatal(err)
		}
	}
	_, kept := memo.Peek[string](here, "page")
	fmt.Println("in the process:", kept)
	// Output:
	// render
	// in the process: false
}

// The shared tier keeps the list for a day, and a process looks there every ten seconds.
func ExampleLocalTTL() {
	here, there, end := processes()
	defer end()
	count := func(context.Context) (int, error) { fmt.Println("query"); return 42, nil }
	for _, ctx := range []context.Context{here, there} {
		fmt.Println(memo.Do(ctx, "visitors", count, memo.TTL(24*time.Hour), memo.LocalTTL(10*time.Second)))
	}
	// Output:
	// query
	// 42 <nil>
	// 42 <nil>
}

// One shop of two does not answer. The offers that there are go to those who wait, and the
// next one asks again.
func ExampleNoStore() {
	ctx, end := begin()
	defer end()
	answers := false
	offers := func(ctx context.Context) ([]string, error) {
		found := []string{"from A: 5"}
		if !answers {
			memo.Amend(ctx, memo.NoStore())
			return found, nil
		}
		return append(found, "from B: 4"), nil
	}
	fmt.Println(memo.Do(ctx, "offers", offers))
	answers = true
	fmt.Println(memo.Do(ctx, "offers", offers)) // a request has one answer
	other := memo.From(ctx).With(context.Background())
	fmt.Println(memo.Do(other, "offers", offers))
	// Output:
	// [from A: 5] <nil>
	// [from A: 5] <nil>
	// [from A: 5 from B: 4] <nil>
}

// That there is nobody is asked for again; who is there is kept.
func ExampleSkipNil() {
	ctx, _, end := processes()
	defer end()
	for _, name := range []string{"Ada", "nobody", "Ada", "nobody"} {
		_, err := memo.Do(ctx, memo.Key("user", name), func(context.Context) (*string, error) {
			fmt.Println("query for", name)
			if name == "nobody" {
				return nil, nil
			}
			return &name, nil
		}, memo.SkipNil())
		if err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// query for Ada
	// query for nobody
	// query for nobody
}

// The next release counts in cents. While both run, neither reads what the other means.
func ExampleVersion() {
	store := tiertest.NewMemory()
	for release, price := range []int{5, 500} {
		c, err := memo.New(memo.Config{Prefix: "shop", Shared: store}, memo.Version(release))
		if err != nil {
			log.Fatal(err)
		}
		defer c.Close(context.Background())
		fmt.Println(memo.Do(c.With(context.Background()), "price", func(context.Context) (int, error) { return price, nil }))
	}
	// Output:
	// 5 <nil>
	// 500 <nil>
}

type preview struct{}

// An editor sees the page as it is, and changes nothing for others.
func ExampleUnless() {
	ctx, end := begin()
	defer end()
	isEditor := func(ctx context.Context) bool { return ctx.Value(preview{}) != nil }
	text := "first draft"
	read := func(ctx context.Context) {
		fmt.Println(memo.Do(ctx, "page", func(context.Context) (string, error) { return text, nil }, memo.Unless(isEditor)))
	}
	read(ctx)
	text = "second draft"
	read(context.WithValue(ctx, preview{}, true))
	read(ctx)
	// Output:
	// first draft <nil>
	// second draft <nil>
	// first draft <nil>
}

// A page of search results is forgotten when one of the films on it changes.
func ExampleTagsFrom() {
	ctx, _, end := processes()
	defer end()
	type film struct{ ID, Title string }
	found := []film{{"7", "Metropolis"}, {"8", "M"}}
	search := func(context.Context) ([]film, error) { return slices.Clone(found), nil }
	ids := func(films []film) (tags []string) {
		for _, f := range films {
			tags = append(tags, memo.Key("film", f.ID))
		}
		return tags
	}
	fmt.Println(memo.Do(ctx, "search for m", search, memo.TagsFrom(ids)))
	found[1].Title = "M, 1931"
	if err := memo.InvalidateTags(ctx, memo.Key("film", "8")); err != nil {
		log.Fatal(err)
	}
	fmt.Println(memo.Do(ctx, "search for m", search, memo.TagsFrom(ids)))
	// Output:
	// [{7 Metropolis} {8 M}] <nil>
	// [{7 Metropolis} {8 M, 1931}] <nil>
}
