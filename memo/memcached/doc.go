// Package memcached is the default shared tier: memcached 1.6 over
// bradfitz/gomemcache, one Node for each server.
//
// Which servers there are is in Config.Servers, or said again and again by
// Config.Resolve (resolver.go); their Nodes are kept in members.go. Which of them
// holds a key is the engine's to say.
//
// A call of the engine arrives at a Node (node.go), takes a lane from the pool
// (pool.go) or waits for one (queue.go), and leaves through the lane's gomemcache
// client and its connection (lane.go, dial.go, conn.go):
//
//	engine → Node → pool → lane → gomemcache → conn → memcached
//	                            → gets ─────────┘
//
// A lane is one client with one connection, used by one operation at a time, or by
// small ones that are written together where there are many (pipeline.go). That is
// what makes the promises below cheap to keep.
//
//   - Servers. Each has a pool of its own: one that hangs, refuses, or has all its
//     connections in use takes no time and no connection of an operation on another.
//     A server that leaves the list can be used until its Node is closed; one that
//     fails is still on it. An answer of Config.Resolve is used whole or not at all.
//   - Time. An operation, the wait for a connection, dialing, TLS, login and one
//     retry included, takes no longer than Config.Timeout, and no longer than its
//     context allows. A server that sends a byte now and then does not stretch it. A
//     cancelled context ends it at once.
//   - Connections. No more than Config.MaxConns are open to a server. Who finds them
//     all in use waits, first come, first served, and is told if that took all its
//     time; nothing was sent then.
//   - Answers. A reply that does not belong to the request, or that has anything
//     behind it, costs the connection and is an error. It never answers another key.
//   - Restarts. A connection that died, or got bytes that nobody asked for, while it
//     was idle is known before anything is sent on it, and replaced. If it dies in
//     the midst, the operation is repeated once on a new connection; small ones that
//     share one which hangs are, after half of their time. Every operation of a Node
//     may be repeated; what the repetition of a write can look like to its caller is
//     said at the method. Where a server vanished without closing them,
//     the operations that run fail in their time, and those that follow dial.
//   - Memory. A reply holds no more items than were asked for, and none larger than
//     Config.MaxItemSize; what announces more is an error before it is read.
//   - Commands. Nothing reaches the server that the protocol could read as a
//     command: a key that is empty, too long, or holds a blank or a control byte
//     is refused with tier.ErrRefused before anything is sent.
//   - Secrets. No error holds a key, a value or the login, nor any text of the
//     server that is not one of memcached's own. With Config.TLS nothing is sent
//     before the server has shown its certificate. A server that asks for no login
//     does not keep the one that it is told.
//
// What it does not promise: a write whose call failed may have been applied, or
// be applied later, as package tier says; so may the first try of one that was
// repeated. A surplus reply that arrives behind the
// next request, before its answer, and has the shape of that answer is taken for
// it; only the replies to a get name their key, and one of an earlier get of the
// same key is no stranger to it. memcached sends no such replies; a proxy with a
// fault might. Two names of one server are two Nodes. Lifetimes over thirty days go
// to the server as a time of day, so there the clocks of both machines matter.
package memcached
