package fleet

// build.go makes workers that are other programs than the parent: the same code,
// with a wall clock that is off.

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"time"
)

// Build compiles a worker whose wall clock is off by skew into folder, and returns
// its path, for Setup.Program. module is a folder of this module. Where the parent
// has the race detector, so has the worker.
func Build(ctx context.Context, module, folder string, skew time.Duration) (program string, err error) {
	program = filepath.Join(folder, "worker"+skew.String())
	args := []string{"build", "-o", program, "-ldflags", "-X github.com/tiermemo/tiermemo/internal/clock.skew=" + skew.String()}
	if raced() {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "github.com/tiermemo/tiermemo/prove/cmd/worker")...)
	cmd.Dir = module
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fleet: build a worker: %w\n%s", err, out)
	}
	return program, nil
}

// raced reports whether this program has the race detector.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}
