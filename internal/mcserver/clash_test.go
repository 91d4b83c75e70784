package mcserver

import (
	"errors"
	"testing"
)

// Another memcached on the drawn port answers `version` just as well.
func TestAServerOfAnotherTestOnTheSamePortIsNotTakenForOurs(t *testing.T) {
	t.Parallel()
	other := ForTest(t)
	ours := &Server{path: other.path, port: other.port}
	p, err := ours.launch()
	if err == nil {
		_ = p.kill()
	}
	if !errors.Is(err, errPortTaken) {
		t.Fatalf("launch on a taken port: %v", err)
	}
}
