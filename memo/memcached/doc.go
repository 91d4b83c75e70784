// Package memcached is the default shared tier: memcached 1.6 over
// bradfitz/gomemcache, one Node for each server. This version knows one server.
//
// A call of the engine arrives at a Node (node.go), takes a lane (lane.go), and
// leaves through the lane's gomemcache client and its connection (conn.go):
//
//	engine → Node → lane → gomemcache → conn → memcached
//
// A lane is one client with one connection, used by one operation at a time.
// That is what makes the promises below cheap to keep.
//
//   - Time. An operation, dialing and one retry included, takes no longer than
//     Config.Timeout, and no longer than its context allows. A server that sends
//     a byte now and then does not stretch it. A cancelled context ends it at once.
//   - Answers. A reply that does not belong to the request, or that has anything
//     behind it, costs the connection and is an error. It never answers another key.
//   - Restarts. Connections that died while they were idle cost no failure: the
//     operation is repeated once on a new connection. Every operation of a Node
//     may be repeated; what the repetition of a write can look like to its caller
//     is said at the method. Where a server vanished without closing them, the
//     operations that run fail in their time, and those that follow dial.
//   - Commands. Nothing reaches the server that the protocol could read as a
//     command: a key that is empty, too long, or holds a blank or a control byte
//     is refused with tier.ErrRefused before anything is sent.
//   - Secrets. No error holds a key or a value, nor any text of the server that is
//     not one of memcached's own.
//
// What it does not promise: a write whose call failed may have been applied, or
// be applied later, as package tier says. Lifetimes over thirty days go to the
// server as a time of day, so there the clocks of both machines matter.
package memcached
