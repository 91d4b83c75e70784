// Package pgserver runs a real PostgreSQL for a test: in a folder of its own, at a
// socket there and at no port, and gone when the test is gone. It stands beside
// internal/mcserver, and is its like for what a cache is in front of.
//
// It runs on Unix systems, and does not import testing, as mcserver does not.
package pgserver
