package keys_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/tiermemo/tiermemo/internal/keys"
)

// wordsOf is what Words are said to be.
func wordsOf(key string) (w keys.Words) {
	var room [8]byte
	word := func(s string) uint64 {
		room = [8]byte{}
		copy(room[:], s)
		return binary.LittleEndian.Uint64(room[:])
	}
	w.Len = len(key)
	half := 8
	if len(key) < 8 {
		half = 4
	}
	w.Head, w.Tail = word(key[:half]), word(key[len(key)-half:])
	if len(key) > 16 {
		w.Mid = word(key[8:16])
	}
	return w
}

func TestWordsAreThoseOfTheText(t *testing.T) {
	t.Parallel()
	type id uint64
	check := func(f *keys.Form, name string, u uint64) {
		w := f.Words(unsafe.Pointer(&u))
		key := string(f.Append(nil, unsafe.Pointer(&u)))
		if short := len(name) <= 15 && len(key) >= 4 && u < 1e8; short != (w.Len > 0) {
			t.Fatalf("%q has Words of %d bytes", key, w.Len)
		} else if !short {
			return
		}
		if w.Len <= 16 {
			w.Mid = 0 // says nothing
		}
		if want := wordsOf(key); w != want {
			t.Fatalf("%q has the Words %x, want %x", key, w, want)
		}
	}
	for size := 1; size <= 18; size++ {
		name := strings.Repeat("n", size-1) + "e"
		for _, of := range []reflect.Type{reflect.TypeFor[int64](), reflect.TypeFor[id]()} {
			f, problem := keys.FormOf(name, of)
			if problem != "" {
				t.Fatal(problem)
			}
			for u := uint64(1); u < 1e17; u = u*10 + rand.Uint64N(10) {
				for _, u := range []uint64{u, u - 1, u + 1} {
					check(f, name, u)
				}
			}
			check(f, name, math.MaxUint64) // -1
			for range 1000 {
				check(f, name, rand.Uint64N(2e8))
			}
		}
	}
}

// TestWordsOfATextAreThoseOfItsKey: whatever has to be escaped in it, and wherever.
func TestWordsOfATextAreThoseOfItsKey(t *testing.T) {
	t.Parallel()
	type named string
	const usual = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./_"
	found, escaped := 0, 0
	check := func(f *keys.Form, name, text string) {
		w := f.Words(unsafe.Pointer(&text))
		key := string(f.Append(nil, unsafe.Pointer(&text)))
		if key != keys.Join(name, text) {
			t.Fatalf("%q has the key %q, want %q", text, key, keys.Join(name, text))
		}
		value := key[len(name)+1:]
		ascii := strings.IndexFunc(text, func(r rune) bool { return r >= 0x80 }) < 0
		if short := len(name) <= 15 && len(text) <= 24 && len(key) >= 4 && len(key) <= 24 && ascii; short != (w.Len > 0) {
			t.Fatalf("%q has Words of %d bytes", key, w.Len)
		} else if !short {
			return
		}
		found++
		if value != text {
			escaped++
		}
		if last := w.Last(); byte(last>>8) != key[len(key)-1] || byte(last) != key[len(key)-2] {
			t.Fatalf("%q ends with %#x", key, last)
		}
		if w.Len <= 16 {
			w.Mid = 0 // says nothing
		}
		if want := wordsOf(key); w != want {
			t.Fatalf("%q has the Words %x, want %x", key, w, want)
		}
	}
	for size := 1; size <= 18; size++ {
		name := strings.Repeat("n", size-1) + "e"
		for _, of := range []reflect.Type{reflect.TypeFor[string](), reflect.TypeFor[named]()} {
			f, problem := keys.FormOf(name, of)
			if problem != "" {
				t.Fatal(problem)
			}
			for _, text := range []string{"", "true", "false", "nil", "NaN", "Inf", "True", "user:7", "::::::", "7", "'", "user:1234:of:8", "größe"} {
				check(f, name, text)
			}
			for range 3000 {
				text := make([]byte, rand.IntN(20))
				for i := range text {
					text[i] = usual[rand.IntN(len(usual))]
				}
				if rand.IntN(2) == 0 {
					for range rand.IntN(5) {
						if len(text) > 0 {
							text[rand.IntN(len(text))] = byte(rand.IntN(0x80))
						}
					}
				}
				if rand.IntN(20) == 0 && len(text) > 0 {
					text[rand.IntN(len(text))] = byte(rand.IntN(0x100))
				}
				check(f, name, string(text))
			}
		}
	}
	if found < 10_000 || escaped < 1000 {
		t.Errorf("%d texts had Words, and %d of them an escape", found, escaped)
	}
}

func TestWordsAreOfWholeNumbersAndTextsAlone(t *testing.T) {
	t.Parallel()
	type pair struct{ A, B int32 }
	type behind struct {
		_ int
		A string
	}
	for _, of := range []reflect.Type{reflect.TypeFor[float64](), reflect.TypeFor[int32](), reflect.TypeFor[pair](), reflect.TypeFor[behind](), reflect.TypeFor[bool]()} {
		f, problem := keys.FormOf("name", of)
		if problem != "" {
			t.Fatal(problem)
		}
		var room [4]uint64
		if w := f.Words(unsafe.Pointer(&room)); w.Len > 0 {
			t.Errorf("a %v has Words", of)
		}
	}
}
