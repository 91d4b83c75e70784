package redisserver

import "syscall"

// dieWithParent makes the kernel end the server with this process, kill -9 included.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
