// Package tiertest is for tests of what uses package tier, and of what
// implements it. Memory is a Shared in this process's memory that answers as
// memcached does; Faulty wraps any Shared and makes it slow, silent, lossy or
// late, on the calls a test picks.
//
// Neither keeps time of its own: both use package time, so that in a bubble of
// testing/synctest expiry and delays take no real time.
package tiertest
