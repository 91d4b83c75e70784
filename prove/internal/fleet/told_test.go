package fleet_test

import (
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/prove/internal/fleet"
)

// Processes that do one thing at a time, as they are told.

func expect(t *testing.T, p *fleet.Process, k fleet.Key, want uint64) {
	t.Helper()
	got, err := p.Do(k)
	must(t, err)
	if got != want {
		t.Errorf("process %d reads version %d of %v, want %d", p.ID, got, k, want)
	}
}

func commit(t *testing.T, p *fleet.Process, k fleet.Key) {
	t.Helper()
	_, err := p.Commit(k)
	must(t, err)
}

func invalidate(t *testing.T, p *fleet.Process, deferred bool, keys ...fleet.Key) {
	t.Helper()
	got, err := p.Invalidate(keys...)
	must(t, err)
	if got != deferred {
		t.Errorf("process %d: invalidation of %v deferred: %t, want %t", p.ID, keys, got, deferred)
	}
}

// An invalidation is queued while memcached is stopped. The first one was under
// way when it stopped, and is executed late. The second one was never sent, so
// that only the queue can deliver it: the outage is short against StaleBound,
// what memcached holds goes on to count, and no TTL ends.
func TestAQueuedInvalidationIsDelivered(t *testing.T) {
	t.Parallel()
	f, server := newFleet(t, 0, alike(2, fleet.Setup{TTL: time.Hour, StaleBound: time.Minute})...)
	w, r := f.Processes[0], f.Processes[1]
	first, second := fleet.Row(1), fleet.Row(2)
	for _, k := range []fleet.Key{first, second} {
		expect(t, w, k, 0)
		expect(t, r, k, 0)
		commit(t, w, k)
	}
	must(t, f.Outage(server.Pause, func() error {
		invalidate(t, w, true, first)
		invalidate(t, w, true, second)
		expect(t, w, second, 1)
		expect(t, r, second, 0) // out of its L2
		return nil
	}, server.Resume))
	for _, k := range []fleet.Key{first, second} {
		if !until(t, 20*time.Second, func() bool {
			got, err := r.Do(k)
			must(t, err)
			return got == 1
		}) {
			t.Errorf("process %d never heard of the new %v", r.ID, k)
		}
		expect(t, w, k, 1)
	}
}
