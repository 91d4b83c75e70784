package pgserver

import "syscall"

// dieWithParent makes the kernel end the server when the test process ends in any way,
// kill -9 and a test time-out included, where no Cleanup runs. Unlike memcached it changes no
// user by itself, which would make Linux forget this.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
}
