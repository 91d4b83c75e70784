package memo_test

import (
	"context"
	"fmt"
	"log"

	"github.com/tiermemo/tiermemo/memo"
)

// Each tenant has a plan of its own under one key, and neither the function that reads it
// nor the one that writes it knows of tenants.
func ExampleVary() {
	ctx, end := begin()
	defer end()
	rows := map[string]string{"acme": "free", "umbrella": "pro"}
	plan := func(ctx context.Context, tenant string) string {
		v, err := memo.Do(ctx, memo.Key("plan"), func(context.Context) (string, error) { return rows[tenant], nil })
		if err != nil {
			log.Fatal(err)
		}
		return v
	}
	acme, umbrella := memo.Vary(ctx, "tenant", "acme"), memo.Vary(ctx, "tenant", "umbrella")
	fmt.Println(plan(acme, "acme"), plan(umbrella, "umbrella"))

	rows["acme"], rows["umbrella"] = "team", "enterprise"
	if err := memo.InvalidateAll(acme); err != nil { // and nobody else's
		log.Fatal(err)
	}
	fmt.Println(plan(acme, "acme"), plan(umbrella, "umbrella"))
	// Output:
	// free pro
	// team pro
}
