//go:build !unix

package main

// auto_other.go stands in for auto.go where memcached does not run.

import "errors"

func startMemcached() (*sharedTier, error) {
	return nil, errors.New("-memcached auto: memcached needs a Unix; give the address of one with -memcached HOST:PORT, or run quickstart without -memcached")
}
