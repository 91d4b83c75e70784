package tiertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// items.go checks what is read: that it is what was written, under the key and
// in the place it belongs to.

func getMultiFillsEachPlace(j *judge, open func() tier.Shared) {
	n := j.node(open)
	keys := make([]string, 300) // a poll that is far behind asks for as many
	for i := range keys {
		keys[i] = j.key(fmt.Sprint("k", (i*7)%20)) // each several times, and not in the order they are stored in
	}
	for i := range 20 {
		if i%3 != 0 {
			key := j.key(fmt.Sprint("k", i))
			j.add(n, key, key, time.Hour)
		}
	}
	items := make([]tier.Item, len(keys))
	for i := range items {
		items[i] = tier.Item{Value: []byte("left by the last use"), CAS: 1}
	}
	if err := n.GetMulti(j.ctx, keys, items); err != nil {
		j.broken("GetMulti of %d keys: %s", len(keys), answer(err))
	}
	for i, item := range items {
		absent := (i*7)%20%3 == 0
		switch {
		case absent && (item.Found() || item.Value != nil):
			j.broken("items[%d] is %q with the CAS id %d, and keys[%d] is absent", i, item.Value, item.CAS, i)
		case !absent && string(item.Value) != keys[i]:
			j.broken("items[%d] is %q, want the value of keys[%d]", i, item.Value, i)
		}
	}
	if err := n.GetMulti(j.ctx, nil, nil); err != nil {
		j.broken("GetMulti of no keys: %s", answer(err))
	}
}

func emptyItemsExist(j *judge, open func() tier.Shared) {
	n := j.node(open)
	if item := j.get(n, j.key("none")); item.Found() || item.Value != nil {
		j.broken("a key that nobody has stored is %q with the CAS id %d, want the zero Item", item.Value, item.CAS)
	}
	for name, value := range map[string][]byte{"nil": nil, "empty": {}} {
		key := j.key(name)
		j.stopped("Add", n.Add(j.ctx, key, value, time.Hour))
		item := j.get(n, key)
		switch {
		case !item.Found():
			j.broken("an item with a %s value was stored, and is read without a CAS id", name)
		case item.Value == nil || len(item.Value) > 0:
			j.broken("an item with a %s value is read as %#v, want an empty slice that is not nil", name, item.Value)
		}
	}
}

func versionsDiffer(j *judge, open func() tier.Shared) {
	n, key := j.node(open), j.key("k")
	first := j.add(n, key, "same", time.Hour)
	if again := j.get(n, key); again.CAS != first.CAS {
		j.broken("an item that nobody changed was read with the CAS id %d, and then with %d", first.CAS, again.CAS)
	}
	j.stopped("CompareAndSwap", n.CompareAndSwap(j.ctx, key, first.CAS, []byte("same"), time.Hour))
	second := j.get(n, key)
	if second.CAS == first.CAS {
		j.broken("CompareAndSwap with equal bytes left the CAS id as it was, %d", first.CAS)
	}
	j.stopped("Delete", n.Delete(j.ctx, key))
	third := j.add(n, key, "same", time.Hour)
	if third.CAS == first.CAS || third.CAS == second.CAS {
		j.broken("the item was deleted and added again, and has a CAS id that it had before: %d, %d, now %d", first.CAS, second.CAS, third.CAS)
	}
	key = j.key("ends") // as the lease of a process that is slow
	ended := j.add(n, key, "same", time.Second)
	if !j.watch(time.Now(), time.Second+patience, func() bool { return !j.get(n, key).Found() }) {
		j.stopped("Add with a ttl of 1s", errors.New("the item does not end"))
	}
	if again := j.add(n, key, "same", time.Hour); again.CAS == ended.CAS {
		j.broken("the item has expired and was added again, and has the CAS id that it had before, %d", ended.CAS)
	}
}

func valuesComeBack(j *judge, open func() tier.Shared) {
	n := j.node(open)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for i, value := range [][]byte{
		[]byte("text"), []byte("\r\nEND\r\n"), []byte("VALUE a 0 1 1\r\nx\r\nEND\r\n"), []byte(" 7"), {0}, all,
		bytes.Repeat([]byte("64 KiB: "), 8<<10),
	} {
		key := j.key(fmt.Sprint(i))
		j.same("Add", j.add(n, key, string(value), time.Hour).Value, value)
	}

	// A slice that was passed in may be used again; one that was read is the reader's.
	in, key := []byte("first"), j.key("copied")
	j.stopped("Add", n.Add(j.ctx, key, in, time.Hour))
	copy(in, "XXXXX")
	first := j.get(n, key)
	j.same("Add, whose caller then wrote to its slice,", first.Value, []byte("first"))
	in = []byte("second")
	j.stopped("CompareAndSwap", n.CompareAndSwap(j.ctx, key, first.CAS, in, time.Hour))
	copy(in, "XXXXXX")
	j.same("CompareAndSwap, whose caller then wrote to its slice,", j.get(n, key).Value, []byte("second"))
	j.same("a read, and a change of the item after it,", first.Value, []byte("first"))
	copy(j.get(n, key).Value, "YYYYYY")
	j.same("a reader that wrote to what it read,", j.get(n, key).Value, []byte("second"))
}

func (j *judge) same(after string, got, want []byte) {
	j.Helper()
	if !bytes.Equal(got, want) {
		j.broken("after %s the value has %d bytes, %.40q, want %d, %.40q", after, len(got), got, len(want), want)
	}
}

func badKeysAreRefused(j *judge, open func() tier.Shared) {
	n := j.node(open)
	long := j.prefix + strings.Repeat("k", 1000)
	for name, key := range map[string]string{
		"empty": "", "with a blank": j.key("a b"), "with a line feed": j.key("a\nb"), "with CR LF": j.key("a\r\nflush_all\r\n"),
		"with a NUL": j.key("a\x00b"), "with a DEL": j.key("a\x7fb"), "of 8-bit bytes": j.key("\xff\xfe"), "of 1 KiB": long,
	} {
		other := key + "2"
		err := n.Add(j.ctx, key, []byte("v"), time.Hour)
		if key == "" && (err == nil || errors.Is(err, tier.ErrExists)) { // the one key that this run shares with others
			j.stopped("Delete", n.Delete(j.ctx, key))
			continue
		}
		if err == nil {
			if got := j.get(n, key); string(got.Value) != "v" {
				j.broken("Add of a key that is %s: no error, and then the item is %q", name, got.Value)
			}
			if got := j.getOdd(n, other); got.Found() {
				j.broken("a key that is %s, and one with a byte more at its end, are one item", name)
			}
			continue
		}
		j.answers("Add of a key that is "+name, err, tier.ErrRefused)
		for method, call := range map[string]func() error{
			"GetMulti":         func() error { return n.GetMulti(j.ctx, []string{key}, make([]tier.Item, 1)) },
			"CompareAndSwap":   func() error { return n.CompareAndSwap(j.ctx, key, 1, []byte("v"), time.Hour) },
			"CompareAndDelete": func() error { return n.CompareAndDelete(j.ctx, key, 1) },
			"Incr":             func() error { _, err := n.Incr(j.ctx, key, 1); return err },
			"Touch":            func() error { return n.Touch(j.ctx, key, time.Hour) },
			"Delete":           func() error { return n.Delete(j.ctx, key) },
		} {
			if err := call(); err == nil || !tier.IsAnswer(err) {
				j.broken("%s of a key that is %s, which Add refuses: got %s, want tier.ErrRefused", method, name, answer(err))
			}
		}
	}
}

// getOdd reads a key that the backend may refuse.
func (j *judge) getOdd(n tier.Node, key string) tier.Item {
	items := make([]tier.Item, 1)
	if n.GetMulti(j.ctx, []string{key}, items) != nil {
		return tier.Item{}
	}
	return items[0]
}

func largeValuesAreRefused(j *judge, open func() tier.Shared) {
	n := j.node(open)
	for _, size := range []int{1 << 20, 2 << 20, 8 << 20} {
		large, key := bytes.Repeat([]byte("v"), size), j.key(fmt.Sprint("large", size))
		err := n.Add(j.ctx, key, large, time.Hour)
		if err == nil {
			j.same("Add", j.get(n, key).Value, large)
			j.stopped("Delete", n.Delete(context.WithoutCancel(j.ctx), key))
			continue
		}
		j.answers(fmt.Sprintf("Add of a value of %d bytes", size), err, tier.ErrRefused)
		if j.get(n, key).Found() {
			j.broken("Add of a value of %d bytes was refused, and there is an item all the same", size)
		}
		swapped := j.key(fmt.Sprint("swapped", size))
		item := j.add(n, swapped, "small", time.Hour)
		j.answers(fmt.Sprintf("CompareAndSwap to a value of %d bytes", size), n.CompareAndSwap(j.ctx, swapped, item.CAS, large, time.Hour), tier.ErrRefused)
		if got := j.get(n, swapped); got.Found() && got.CAS != item.CAS {
			j.broken("CompareAndSwap to a value of %d bytes was refused, and the item became one of %d bytes", size, len(got.Value))
		}
	}
}
