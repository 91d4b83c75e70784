// Package scaling is what a fleet costs its memcached servers: commands, bytes,
// connections and processor time, by how many processes and servers there are and
// what they do. Predict calculates it from the form of the commands; Measure starts
// real processes on real servers and reads the servers' own counters, so that the
// one can be held against the other. It stands beside the scenarios, and like them
// knows only the API that users have.
package scaling
