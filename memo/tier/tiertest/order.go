package tiertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// order.go checks what holds between calls: that many can run at once, that
// their writes have one order, and that each of them ends in time.

func callsEnd(j *judge, open func() tier.Shared) {
	n, key := j.node(open), j.key("k")
	item := j.add(n, key, "7", time.Hour)
	late, cancel := context.WithDeadline(j.ctx, time.Now().Add(-time.Second))
	defer cancel()
	j.unanswered(late, n, key, item.CAS, "with a deadline that has passed")
	left, leave := context.WithCancel(j.ctx)
	leave()
	j.unanswered(left, n, key, item.CAS, "with a ctx that was cancelled")
}

// unanswered calls every method, of which none may have an answer. The item is
// there, of version cas.
func (j *judge) unanswered(ctx context.Context, n tier.Node, key string, cas uint64, when string) {
	_, incr := n.Incr(ctx, key, 1)
	for method, err := range map[string]error{
		"GetMulti":         n.GetMulti(ctx, []string{key}, make([]tier.Item, 1)),
		"Add":              n.Add(ctx, j.key("new"), []byte("v"), time.Hour),
		"CompareAndSwap":   n.CompareAndSwap(ctx, key, cas, []byte("8"), time.Hour),
		"CompareAndDelete": n.CompareAndDelete(ctx, key, cas+1),
		"Incr":             incr,
		"Touch":            n.Touch(ctx, key, time.Hour),
		"Delete":           n.Delete(ctx, j.key("none")),
		"Ping":             n.Ping(ctx),
	} {
		if tier.IsAnswer(err) {
			j.broken("%s %s: got %s, want an error that is no answer", method, when, answer(err))
		}
	}
}

func methodsAtOnce(j *judge, open func() tier.Shared) {
	n, keys := j.node(open), []string{j.key("a"), j.key("b")}
	j.add(n, keys[0], "0", time.Hour)
	var id atomic.Uint64
	methods := []func(key string) error{
		func(string) error {
			items := make([]tier.Item, len(keys))
			err := n.GetMulti(j.ctx, keys, items)
			id.Store(max(items[0].CAS, items[1].CAS))
			return err
		},
		func(key string) error { return n.Add(j.ctx, key, []byte("0"), time.Hour) },
		func(key string) error { return n.CompareAndSwap(j.ctx, key, id.Load(), []byte("1"), time.Hour) },
		func(key string) error { return n.CompareAndDelete(j.ctx, key, id.Load()) },
		func(key string) error { _, err := n.Incr(j.ctx, key, 1); return err },
		func(key string) error { return n.Touch(j.ctx, key, time.Hour) },
		func(key string) error { return n.Delete(j.ctx, key) },
		func(string) error { return n.Ping(j.ctx) },
	}
	names := []Op{OpGetMulti, OpAdd, OpCompareAndSwap, OpCompareAndDelete, OpIncr, OpTouch, OpDelete, OpPing}
	errs := together(2*len(methods), func(i int) error {
		for round := range 60 {
			if err := methods[i%len(methods)](keys[round%len(keys)]); !tier.IsAnswer(err) {
				return err
			}
		}
		return nil
	})
	for i, err := range errs {
		if err != nil {
			j.broken("all methods at once on two keys: %s got %s", names[i%len(names)], answer(err))
		}
	}
}

func readsSeeWrites(j *judge, open func() tier.Shared) {
	n, key := j.node(open), j.key("k")
	j.add(n, key, "0", time.Hour)
	var written atomic.Uint64 // the largest sum whose Incr has returned
	var over atomic.Bool
	var looks atomic.Int64
	read := func(items []tier.Item) error {
		before := written.Load()
		if err := n.GetMulti(j.ctx, []string{key}, items); err != nil {
			return err
		}
		got, err := strconv.ParseUint(string(items[0].Value), 10, 64)
		if err != nil || got < before {
			return stale{fmt.Sprintf("a read found %q, and had begun after the Incr to %d had returned", items[0].Value, before)}
		}
		return nil
	}
	errs := together(crowd, func(i int) (err error) {
		items := make([]tier.Item, 1)
		if i > 0 {
			for look := 0; err == nil && look < 1000 && !over.Load(); look++ {
				err = read(items)
				looks.Add(1)
			}
			return err
		}
		defer over.Store(true)
		for round := 0; round < 200 || looks.Load() < 400 && round < 5000; round++ { // a busy machine may let the readers begin late
			runtime.Gosched() // on one processor the readers would always begin after the Incr
			sum, err := n.Incr(j.ctx, key, 1)
			if err != nil {
				return err
			}
			written.Store(sum)
			if err := read(items); err != nil {
				return err
			}
		}
		return nil
	})
	for _, err := range errs {
		if s := (stale{}); errors.As(err, &s) {
			j.broken("%s", s.saw)
		}
		j.stopped("GetMulti and Incr", err)
	}
}

// stale is an error that is a finding.
type stale struct{ saw string }

func (s stale) Error() string { return s.saw }

func writesAreWhole(j *judge, open func() tier.Shared) {
	n, key := j.node(open), j.key("k")
	value := func(i int) []byte { return bytes.Repeat([]byte{byte('a' + i)}, 40_000+1000*i) }
	j.stopped("Add", n.Add(j.ctx, key, value(0), time.Hour))
	errs := together(crowd, func(i int) error {
		items := make([]tier.Item, 1)
		for range 40 {
			if err := n.GetMulti(j.ctx, []string{key}, items); err != nil {
				return err
			}
			got := items[0].Value
			if len(got) == 0 || !bytes.Equal(got, value(int(got[0]-'a'))) {
				return stale{fmt.Sprintf("while several values were written, each of one letter, a reader got %d bytes that are none of them: %.20q to %q", len(got), got, got[max(0, len(got)-20):])}
			}
			err := n.CompareAndSwap(j.ctx, key, items[0].CAS, value(i), time.Hour)
			if err != nil && !errors.Is(err, tier.ErrConflict) {
				return err
			}
		}
		return nil
	})
	for _, err := range errs {
		if s := (stale{}); errors.As(err, &s) {
			j.broken("%s", s.saw)
		}
		j.stopped("GetMulti and CompareAndSwap", err)
	}
}
