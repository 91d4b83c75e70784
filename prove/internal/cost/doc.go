// Package cost measures what users wait for: how many round trips to memcached an
// operation takes, and what becomes of requests when memcached hangs. It stands
// beside the scenarios, which ask whether what is read is right; like them it knows
// only the API that users have.
package cost
