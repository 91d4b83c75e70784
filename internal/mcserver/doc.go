// Package mcserver runs a real memcached for a test: on a free loopback port,
// with the faults that a test needs (stopped, killed, restarted empty), and gone
// when the test is gone. It stands below everything else: the tests of
// memo/memcached and those of whole processes start their server here.
//
// It runs on Unix systems, where memcached does. It does not import testing, so that a program which plays one process of
// several can use it as well.
package mcserver
