package arrows_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// modules_test.go asks the go command what a user gets: a module that requires
// this one and nothing else. The table of arrows.go cannot know, as it sees what
// is imported here and not what that brings. The answer is not cached for too
// long: the files that it depends on are read by TestHouse, in the same run.

// user is a module with one program, which imports packages of ours.
func user(t *testing.T, packages ...string) (run func(args ...string) []string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	must(t, err)
	sums, err := os.ReadFile("../../go.sum")
	must(t, err)
	folder := t.TempDir()
	program := "package main\n\nimport (\n"
	for _, p := range packages {
		program += fmt.Sprintf("\t_ %q\n", ours+"/"+p)
	}
	for name, text := range map[string]string{
		"go.mod":  fmt.Sprintf("module example.org/user\n\ngo 1.26.0\n\nrequire %s v0.0.0\n\nreplace %s => %s\n", ours, ours, root),
		"go.sum":  string(sums),
		"main.go": program + ")\n\nfunc main() {}\n",
	} {
		must(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644))
	}
	return func(args ...string) []string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -mod=mod", "GOWORK=off")
		var complaint strings.Builder
		cmd.Stderr = &complaint
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, complaint.String())
		}
		lines := strings.Fields(string(out))
		slices.Sort(lines)
		return slices.Compact(lines)
	}
}

const ours = "github.com/tiermemo/tiermemo"

func TestProgramsLinkNoMoreThanTheyUse(t *testing.T) {
	t.Parallel()
	const client = "github.com/bradfitz/gomemcache"
	const rank, hash = "github.com/dgryski/go-rendezvous", "github.com/dchest/siphash"
	for packages, want := range map[string][]string{
		"reqcache":                         {},
		"memo/tier memo/codec":             {},
		"memo":                             {rank, hash},
		"memo middleware adapters/nethttp": {rank, hash},
		"memo memo/memcached":              {rank, hash, client},
	} {
		t.Run(packages, func(t *testing.T) {
			t.Parallel()
			run := user(t, strings.Fields(packages)...)
			linked := run("list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")
			linked = slices.DeleteFunc(linked, func(module string) bool { return module == ours || module == "example.org/user" })
			slices.Sort(want)
			if !slices.Equal(linked, want) {
				t.Errorf("a program with %s links %q, want %q", packages, linked, want)
			}
		})
	}
}

var moduleRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|(.*)\\|(.*)\\|$")

// What a user's go.sum will name and security scanners look at, with a reason for
// each.
func TestModulesThatUsersSeeHaveAReason(t *testing.T) {
	t.Parallel()
	seen := user(t, "memo")("list", "-m", "-f", "{{if not .Main}}{{.Path}}{{end}}", "all")
	seen = slices.DeleteFunc(seen, func(module string) bool { return module == ours })
	const record = "docs/adr/0010-dependencies.md"
	text, err := os.ReadFile("../../" + record)
	must(t, err)
	var reasons []string
	for _, row := range moduleRow.FindAllStringSubmatch(string(text), -1) {
		reasons = append(reasons, row[1])
		if strings.TrimSpace(row[2]) == "" || strings.TrimSpace(row[3]) == "" {
			t.Errorf("%s: %s has no reason", record, row[1])
		}
	}
	for _, module := range seen {
		if !slices.Contains(reasons, module) {
			t.Errorf("a module that requires this one sees %s, and %s has no row with a reason for it", module, record)
		}
	}
	for _, module := range reasons {
		if !slices.Contains(seen, module) {
			t.Errorf("%s has a row for %s, which nobody sees", record, module)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
