package fleet

import "syscall"

// dieWithParent makes the kernel kill a worker when the test's process ends in
// any way, kill -9 included.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
