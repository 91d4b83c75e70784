// Command worker is one process of a fleet, and nothing else: what the other
// commands are when they find fleet.Env in their environment. It is built where the
// worker must be another program than its parent.
package main

import (
	"fmt"
	"os"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

func main() {
	if err := fleet.Work(os.Getenv(fleet.Env)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
