package memo

import (
	"fmt"
	"time"

	"github.com/tiermemo/tiermemo/internal/wire"
)

// Beside L3: values of one key that differ by the version of the code. The version
// stands in the envelope, and not in the key, so that whoever invalidates need not know
// it. internal/coherence decides who reads what.

// Version separates values from those of another version of the code, from 0, which is
// the default, to 1<<31-1: raise it where a value of the same Go type means something else
// than before, as a price that is in cents now. One invalidation reaches all versions.
//
// While two versions run side by side, neither reads what the other has stored. The later
// one replaces the earlier one's values by its own, once; the earlier one loads for its
// own process then, as it does for values of another type, and leaves those in the shared
// tier alone. A Set of either replaces what is there.
//
// The process tier does not look at it: within a process a key has one version. Give it to
// New, or to every call for a key: who asks for the key without it, as Get does, is of
// version 0.
func Version(v int) Option {
	return Option{kind: optionVersion, d: time.Duration(v), quiet: v >= 0 && v <= wire.MaxVersion}
}

// dates adds a Version.
func (p *policy) dates(o Option) error {
	if o.d < 0 || o.d > wire.MaxVersion {
		return &UsageError{Problem: fmt.Sprintf("Version of %d", int64(o.d)), Fix: fmt.Sprintf("count the versions of the code from 0 to %d", wire.MaxVersion)}
	}
	p.version = uint32(o.d)
	return nil
}
