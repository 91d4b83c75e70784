package memcached

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// replied is what a gets for keys makes of reply, which comes in whatever pieces from
// gives.
func replied(from io.Reader, keys ...string) ([]tier.Item, *reply, error) {
	items, r := make([]tier.Item, len(keys)), &reply{asked: len(keys), largest: 1 << 20}
	a := answer{from: from, reply: r, buf: make([]byte, bufferSize)}
	return items, r, a.read(keys, items)
}

// borrowed is replied for who lends the room.
func borrowed(from io.Reader, keys ...string) ([]tier.Item, *reply, error) {
	items, r := make([]tier.Item, len(keys)), &reply{asked: len(keys), largest: 1 << 20}
	a := answer{from: from, reply: r, buf: make([]byte, bufferSize), lends: func(least int) []byte { return make([]byte, least) }}
	return items, r, a.read(keys, items)
}

var bothWays = map[string]func(from io.Reader, keys ...string) ([]tier.Item, *reply, error){"kept": replied, "lent": borrowed}

const threeOfFour = "VALUE a 0 3 7\r\n\r\nx\r\nVALUE b 0 0 8\r\n\r\nVALUE d 4 5 18446744073709551615\r\nEND\r\n\r\nEND\r\n"

func checkThree(t *testing.T, how string, items []tier.Item, err error) {
	t.Helper()
	want := []tier.Item{{Value: []byte("\r\nx"), CAS: 7}, {Value: []byte{}, CAS: 8}, {}, {Value: []byte("END\r\n"), CAS: 1<<64 - 1}}
	if err != nil || fmt.Sprint(items) != fmt.Sprint(want) || items[1].Value == nil {
		t.Errorf("%s: %v, %v, want %v", how, items, err, want)
	}
}

func TestAReplyInAnyPiecesIsTheSame(t *testing.T) {
	t.Parallel()
	for room, read := range bothWays {
		for how, from := range map[string]io.Reader{
			"whole":              strings.NewReader(threeOfFour),
			"byte by byte":       iotest.OneByteReader(strings.NewReader(threeOfFour)),
			"in halves":          iotest.HalfReader(strings.NewReader(threeOfFour)),
			"its end with data":  iotest.DataErrReader(strings.NewReader(threeOfFour)),
			"by and by, in twos": io.MultiReader(strings.NewReader(threeOfFour[:20]), strings.NewReader(threeOfFour[20:])),
		} {
			items, _, err := read(from, "a", "b", "c", "d")
			checkThree(t, how+", "+room, items, err)
		}
	}
}

func TestAReplyThatIsCutOffIsNone(t *testing.T) {
	t.Parallel()
	for room, read := range bothWays {
		for n := range len(threeOfFour) {
			if _, _, err := read(strings.NewReader(threeOfFour[:n]), "a", "b", "c", "d"); !errors.Is(err, io.EOF) {
				t.Errorf("%s, %q: %v, want the end of the connection", room, threeOfFour[:n], err)
			}
		}
	}
}

// inPieces hands out at most as many bytes at once, in turn.
type inPieces struct {
	from  io.Reader
	sizes []int
	calls int
}

func (r *inPieces) Read(p []byte) (int, error) {
	size := r.sizes[r.calls%len(r.sizes)]
	r.calls++
	return r.from.Read(p[:min(size, len(p))])
}

func TestAReplyOfManyBuffers(t *testing.T) {
	t.Parallel()
	var sent bytes.Buffer
	var keys []string
	for i := range 300 { // of sizes that end everywhere in a buffer
		key := fmt.Sprintf("k%d", i)
		keys = append(keys, key)
		fmt.Fprintf(&sent, "VALUE %s 0 %d %d\r\n%s\r\n", key, i*7, i+1, strings.Repeat(string(rune('a'+i%26)), i*7))
	}
	sizes := []int{3 * bufferSize, bufferSize, bufferSize - 1, bufferSize + 1, bufferSize - maxLine, bufferSize / 2, maxLine}
	for _, size := range sizes {
		key := fmt.Sprint("large", size)
		keys = append(keys, key)
		fmt.Fprintf(&sent, "VALUE %s 0 %d 301\r\n%s\r\n", key, size, strings.Repeat("z", size))
	}
	sent.WriteString("END\r\n")
	for room, read := range bothWays {
		for _, pieces := range [][]int{{1 << 30}, {1}, {bufferSize - 1, 1}, {maxLine, 7, bufferSize}, {1000}} {
			items, _, err := read(&inPieces{from: bytes.NewReader(sent.Bytes()), sizes: pieces}, keys...)
			if err != nil {
				t.Fatal(room, pieces, err)
			}
			for i, item := range items[:300] {
				if want := strings.Repeat(string(rune('a'+i%26)), i*7); string(item.Value) != want || item.CAS != uint64(i+1) {
					t.Errorf("%s, %v: value %d of %d bytes came as one of %d, CAS %d", room, pieces, i, len(want), len(item.Value), item.CAS)
				}
			}
			for i, size := range sizes {
				if value := items[300+i].Value; string(value) != strings.Repeat("z", size) {
					t.Errorf("%s, %v: a value of %d bytes came as one of %d", room, pieces, size, len(value))
				}
			}
			_ = append(items[3].Value, strings.Repeat("overwritten", 9)...) // beyond the line between them
			if items[4].Value[0] != 'e' {
				t.Errorf("%s: who appends to a value writes into the next one", room)
			}
		}
	}
}

// A value in room that is lent is not copied once more, and the reads are large: what a
// reply of a hundred values costs beside them.
func TestAReplyTakesFewReads(t *testing.T) {
	t.Parallel()
	var sent bytes.Buffer
	var keys []string
	for i := range 100 {
		keys = append(keys, fmt.Sprint("k", i))
		fmt.Fprintf(&sent, "VALUE k%d 0 1100 7\r\n%s\r\n", i, strings.Repeat("v", 1100))
	}
	sent.WriteString("END\r\n")
	most := sent.Len()/(bufferSize-maxLine) + 2
	for room, read := range bothWays {
		r := &inPieces{from: bytes.NewReader(sent.Bytes()), sizes: []int{1 << 30}}
		if _, _, err := read(r, keys...); err != nil || r.calls > most {
			t.Errorf("%s: %d reads for %d bytes, want %d at most; %v", room, r.calls, sent.Len(), most, err)
		}
	}
}

func TestWhatIsNoReply(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]error{
		"END\r\nEND\r\n": errSurplus,
		"VALUE a 0 1 7\r\nx\r\nEND\r\nSTORED\r\n": errSurplus,
		"STORED\r\n":                                errMalformed,
		"END\n":                                     errMalformed,
		"\n":                                        errMalformed,
		"VALUE a 0 1 7\r\nxyEND\r\n":                errMalformed,
		"VALUE a 0 1 7\r\nx\r\r\nEND\r\n":           errMalformed,
		"VALUE a 0 -1 7\r\nx\r\nEND\r\n":            errMalformed,
		"VALUE a 0 1 7 8\r\nx\r\nEND\r\n":           errMalformed,
		"VALUE a\r\nEND\r\n":                        errMalformed,
		"VALUE a 0 1\r\nx\r\nEND\r\n":               errNoCAS,
		"VALUE a 0 1 0\r\nx\r\nEND\r\n":             errNoCAS,
		"VALUE c 0 1 7\r\nx\r\nEND\r\n":             errForeignKey,
		strings.Repeat("VALUE a 0 1 7\r\nx\r\n", 2): errForeignKey,
		"END" + strings.Repeat(" ", 2*maxLine):      errMalformed,
		strings.Repeat("E", maxLine+1) + "\r\n":     errMalformed,
	} {
		for room, read := range bothWays {
			if _, _, err := read(strings.NewReader(sent), "a", "b"); err != want {
				t.Errorf("%s, %.40q: %v, want %v", room, sent, err, want)
			}
		}
	}
	_, r, err := replied(strings.NewReader("SERVER_ERROR out of memory\r\n"), "a")
	if err == nil || r.said != "SERVER_ERROR out of memory" {
		t.Errorf("an error line: %v, and the server said %q", err, r.said)
	}
	if _, _, err := replied(strings.NewReader("VALUE a 0 1048577 7\r\n"), "a"); err == nil || !strings.Contains(err.Error(), "MaxItemSize") {
		t.Errorf("a value beyond the bound: %v", err)
	}
}

func TestAReplyInAnotherOrder(t *testing.T) {
	t.Parallel()
	items, _, err := replied(strings.NewReader("VALUE b 0 1 2\r\nb\r\nVALUE a 0 1 1\r\na\r\nEND\r\n"), "a", "b")
	if err != nil || string(items[0].Value) != "a" || string(items[1].Value) != "b" {
		t.Errorf("%v, %v", items, err)
	}
	items, _, err = replied(strings.NewReader("VALUE a 0 1 1\r\na\r\nVALUE a 0 1 1\r\na\r\nEND\r\n"), "a", "a")
	if err != nil || string(items[0].Value) != "a" || string(items[1].Value) != "a" {
		t.Errorf("a key that was asked for twice: %v, %v", items, err)
	}
}
