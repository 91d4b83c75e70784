package report

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Machine is where it was measured, and with what.
type Machine struct {
	CPU      string `json:"cpu"`
	Cores    int    `json:"cores"`
	Go       string `json:"go"`
	System   string `json:"system"`
	Versions string `json:"versions"` // of the servers
}

// ThisMachine asks this one.
func ThisMachine() Machine {
	m := Machine{CPU: runtime.GOARCH, Cores: runtime.NumCPU(), Go: runtime.Version(), System: runtime.GOOS}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, model, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(model)
				break
			}
		}
	}
	var versions []string
	for _, command := range [][]string{{"memcached", "-V"}, {"redis-server", "--version"}} {
		if out, err := exec.Command(command[0], command[1:]...).Output(); err == nil {
			line, _, _ := strings.Cut(string(out), "\n")
			line, _, _ = strings.Cut(line, " sha=")
			versions = append(versions, line)
		}
	}
	m.Versions = strings.Join(versions, ", ")
	return m
}

// Today is the date of a measurement.
func Today() string { return time.Now().Format(time.DateOnly) }
