package events

import (
	"encoding/binary"

	"github.com/tiermemo/tiermemo/bench/lab"
)

// All are the events in the order of the results.
func All() (all []lab.Event) {
	for _, some := range [][]lab.Event{
		requests(), hits(), sharedHits(), misses(), batches(), invalidations(), stampedes(), hitRatios(), memories(), middlewares(), endToEnd(), lives(),
	} {
		all = append(all, some...)
	}
	return all
}

func encodeInt(i int) []byte { return binary.AppendVarint(nil, int64(i)) }

func decodeInt(b []byte) (int, error) {
	i, _ := binary.Varint(b)
	return int(i), nil
}
