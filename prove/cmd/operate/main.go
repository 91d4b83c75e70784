// Command operate makes the movements of an operator on a fleet of real processes and
// real memcached servers, as docs/operations.md describes them, prints what it did and
// saw, and fails where a statement of that page is not so. It stands above everything
// else in this module, and is itself the worker of which it starts several.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
	"github.com/tiermemo/tiermemo/prove/internal/operate"
)

func main() {
	if env := os.Getenv(fleet.Env); env != "" {
		exit(fleet.Work(env))
	}
	only := flag.String("run", "", "only movements whose name matches this expression")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	match, err := regexp.Compile(*only)
	if err != nil {
		exit(err)
	}
	movements := slices.DeleteFunc(operate.Movements(), func(m operate.Movement) bool { return !match.MatchString(m.Name) })
	exit(operate.Run(ctx, os.Stdout, movements))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, strings.TrimSpace(err.Error()))
		os.Exit(1)
	}
	os.Exit(0)
}
