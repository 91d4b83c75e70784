package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// wrk sends for five seconds, on 32 connections, each path in turn. Responses
// that are broken off are no errors of wrk's: it connects again.
func wrk(url string) error {
	folder, err := os.MkdirTemp("", "leak")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	script := filepath.Join(folder, "paths.lua")
	lua := fmt.Sprintf(`local paths, n = {"%s"}, 0
request = function()
	n = n + 1
	return wrk.format("GET", paths[n %% #paths + 1])
end
`, strings.Join(slices.Sorted(maps.Keys(endings)), `", "`))
	if err := os.WriteFile(script, []byte(lua), 0o600); err != nil {
		return err
	}
	out, err := exec.Command("wrk", "--threads", "2", "--connections", "32", "--duration", "5s", "--script", script, url).CombinedOutput()
	if err != nil {
		return fmt.Errorf("wrk: %w\n%s", err, out)
	}
	return nil
}
