// Package tiertest is for tests of what uses package tier, and of what
// implements it. Memory is a Shared in this process's memory that answers as
// memcached does; Faulty wraps any Shared and makes it slow, silent, lossy or
// late, on the calls a test picks. TestLocal and TestShared are the conformance
// suites: a tier that passes them is one that package memo can use.
//
// Nothing here keeps time of its own: all use package time, so that in a bubble
// of testing/synctest expiry and delays of a Memory take no real time. The
// suites make subtests, which a bubble does not allow.
package tiertest
