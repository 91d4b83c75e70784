//go:build !linux

package fleet

import "syscall"

// dieWithParent has no such help here: a worker ends when it sees that its stdin
// was closed.
func dieWithParent() *syscall.SysProcAttr { return nil }
