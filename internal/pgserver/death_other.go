//go:build !linux

package pgserver

import "syscall"

// dieWithParent stands in for death_linux.go where the kernel has no parent-death signal:
// there a test that is killed leaves its server running.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
