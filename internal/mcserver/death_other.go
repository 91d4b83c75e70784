//go:build !linux

package mcserver

// death_other.go stands in for death_linux.go where the kernel has no
// parent-death signal: there a test that is killed leaves memcached running.

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }

func (p *process) waitStopped() error { return nil }
