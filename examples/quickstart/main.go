// Command quickstart shows what a cache in three tiers does: it runs two
// instances of a small bookshop, sends them HTTP requests, and says which tier
// answered.
//
//	go run ./examples/quickstart                        no server: the shared tier is in memory
//	go run ./examples/quickstart -memcached auto        starts the memcached found on PATH, and stops it
//	go run ./examples/quickstart -memcached HOST:PORT   uses one that runs; it is only written to under a new prefix
//
// Begin to read at service.go: it is what a service looks like, and all that one
// would copy. fleet.go starts it twice on one shared tier (shared.go), and
// story.go is their client.
//
// It ends at the first line of the story that does not happen, with status 1. The
// status is 2 for a wrong flag.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, newShop, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is main with everything that a test replaces. When it returns, nothing
// that it started is left.
func run(ctx context.Context, shop newHandler, args []string, out, errs io.Writer) (status int) {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(errs)
	where := flags.String("memcached", "", "`HOST:PORT` of a memcached; auto starts one; without it the shared tier is in memory")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(errs, "quickstart: %q is no flag; a memcached is given as -memcached HOST:PORT\n", flags.Arg(0))
		return 2
	}

	const longest = 20 * time.Second // on a machine that has much else to do; 2 seconds as a rule
	ctx, cancel := context.WithTimeoutCause(ctx, longest, fmt.Errorf("it took more than %v", longest))
	defer cancel()
	shared, err := openShared(ctx, *where)
	if err == nil {
		err = play(ctx, shared, shop, out)
		err = errors.Join(err, shared.close())
	}
	if err != nil {
		fmt.Fprintf(errs, "quickstart: %v\n", err)
		return 1
	}
	return 0
}

// play runs the fleet for as long as the story takes.
func play(ctx context.Context, shared *sharedTier, shop newHandler, out io.Writer) (err error) {
	fleet, err := startFleet(shared, shop)
	if err != nil {
		return err
	}
	defer func() {
		if stopped := fleet.stop(); err == nil { // else it says only what comes of err
			err = stopped
		}
	}()
	client := newClient()
	defer client.close() // before the servers stop: they wait for a connection that was opened in vain
	s := &story{fleet: fleet, client: client, report: newReport(out, fleet), shared: shared}
	return s.tell(ctx)
}
