// Package coherence decides how processes that share one store keep their
// caches right. It does no I/O and reads no clock: what was read, and when, is
// passed in.
//
// The pieces are the counter ([Epoch], [NewEpoch]), the reader of the log of
// invalidations ([Log]), the queue of those that could not be delivered
// ([Pending]), the health of the store ([Health]), and the judgement of what
// stands under a key ([Judge]). Package memo carries out what they decide.
// docs/coherence.md explains the protocol.
package coherence
