package coherence_test

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/wire"
)

// main_test.go has what the tests of this package share.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// first is the first number of the epoch in which most tests play, and other
// that of another, greater one.
const (
	first uint64 = 1_500_000_000 << 32
	other uint64 = 1_500_000_001 << 32
)

// ms is a time in nanoseconds.
func ms(n int64) int64 { return n * int64(time.Millisecond) }

// record is record n, about a key.
func record(n uint64) []byte {
	return wire.AppendRecord(nil, &wire.Record{Seq: n, About: wire.Keys, Names: []string{"k"}})
}

// poll reads the log with what is in store, and carries out what is asked for, as
// at one moment.
func poll(l *coherence.Log, now int64, seq uint64, store map[uint64][]byte) coherence.Action {
	wanted := l.Wanted()
	return read(l, now, seq, wanted, look(store, wanted))
}

// start lets l begin to read at seq, and waits until it knows what it missed.
func start(l *coherence.Log, seq uint64) {
	poll(l, -2*int64(l.GiveUp), seq, nil)
	poll(l, -int64(l.GiveUp), seq, nil)
}

func read(l *coherence.Log, now int64, seq uint64, wanted []uint64, records [][]byte) coherence.Action {
	act := l.Read(now, seq, wanted, records)
	l.Done()
	return act
}

func look(store map[uint64][]byte, wanted []uint64) [][]byte {
	records := make([][]byte, len(wanted))
	for i, n := range wanted {
		records[i] = store[n]
	}
	return records
}

// dropped is the numbers of the records that act asks to apply.
func dropped(act coherence.Action) []uint64 {
	var numbers []uint64
	for _, r := range act.Drop {
		numbers = append(numbers, r.Seq)
	}
	return numbers
}

// sealed puts the checksum right that data ends with.
func sealed(data []byte) []byte {
	body := data[:len(data)-4]
	return binary.BigEndian.AppendUint32(slices.Clone(body), crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)))
}

// laterVersion is data as a release with another envelope writes it.
func laterVersion(data []byte) []byte {
	later := slices.Clone(data)
	later[1]++
	return later
}

// laterFlag is data with a flag that this release does not know.
func laterFlag(data []byte) []byte {
	later := slices.Clone(data)
	later[3] |= 1 << 7
	return sealed(later)
}

// flipped is data with one bit that is wrong.
func flipped(data []byte) []byte {
	wrong := slices.Clone(data)
	wrong[len(wrong)/2] ^= 1
	return wrong
}

// unknownKind is record n, about something that this release has no name for.
func unknownKind(n uint64) []byte {
	data := wire.AppendRecord(nil, &wire.Record{Seq: n, About: wire.Keys, Names: []string{"k"}})
	data[4+8+8] = 99 // behind the head, the number and the source
	return sealed(data)
}
