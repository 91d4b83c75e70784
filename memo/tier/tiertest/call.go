package tiertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/memo/tier"
)

// call.go is one call of a Node as a value, which can be matched, kept and
// applied later, and the Node of a Faulty, which makes one of each method.

type call struct {
	op    Op
	keys  []string
	items []tier.Item
	value []byte
	cas   uint64
	delta uint64
	ttl   time.Duration
}

// clone keeps nothing of the caller, who is free to use its slices again once
// it has an answer.
func (c call) clone() call {
	c.keys = slices.Clone(c.keys)
	c.value = bytes.Clone(c.value)
	c.items = make([]tier.Item, len(c.items))
	return c
}

// apply is the call itself. Only Incr has a number to answer.
func (c call) apply(ctx context.Context, n tier.Node) (uint64, error) {
	switch c.op {
	case OpGetMulti:
		return 0, n.GetMulti(ctx, c.keys, c.items)
	case OpAdd:
		return 0, n.Add(ctx, c.keys[0], c.value, c.ttl)
	case OpCompareAndSwap:
		return 0, n.CompareAndSwap(ctx, c.keys[0], c.cas, c.value, c.ttl)
	case OpCompareAndDelete:
		return 0, n.CompareAndDelete(ctx, c.keys[0], c.cas)
	case OpIncr:
		return n.Incr(ctx, c.keys[0], c.delta)
	case OpTouch:
		return 0, n.Touch(ctx, c.keys[0], c.ttl)
	case OpDelete:
		return 0, n.Delete(ctx, c.keys...)
	default:
		return 0, n.Ping(ctx)
	}
}

// around is steps 2 to 4 of a Fault: the call, between its hooks.
func (f *Fault) around(ctx context.Context, n tier.Node, c call) (sum uint64, err error) {
	if f.Before != nil {
		f.Before(ctx, c.op, c.keys)
	}
	if !f.applies() {
		return 0, f.Err
	}
	sum, err = c.apply(ctx, n)
	if f.After != nil {
		f.After(ctx, c.op, c.keys)
	}
	if f.Lost != nil {
		return 0, f.Lost
	}
	return sum, err
}

// faultyNode is a value, so that two of the same Node are equal.
type faultyNode struct {
	faulty *Faulty
	node   tier.Node
}

// do lets a call meet its Fault, on the caller's goroutine.
func (n faultyNode) do(ctx context.Context, c call) (sum uint64, err error) {
	fault := n.faulty.begin(n.node.Name(), c)
	defer n.faulty.end()

	if fault.Delay > 0 && !wait(ctx, fault.Delay) {
		return 0, n.ended(ctx, c)
	}
	if fault.late() {
		n.faulty.later(ctx, n.node, c, fault)
		err = fault.Lost
	} else {
		sum, err = fault.around(ctx, n.node, c)
	}
	if fault.Hang {
		<-ctx.Done()
		return 0, n.ended(ctx, c)
	}
	return sum, err
}

// wait reports whether d passed before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (n faultyNode) ended(ctx context.Context, c call) error {
	return fmt.Errorf("tiertest: fault in %s on %s: %w", c.op, n.node.Name(), ctx.Err())
}

func (n faultyNode) Name() string { return n.node.Name() }

// Close closes the wrapped Node if it is an io.Closer. No fault hits it: it is no
// call of the server.
func (n faultyNode) Close() error {
	if c, ok := n.node.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (n faultyNode) GetMulti(ctx context.Context, keys []string, items []tier.Item) error {
	_, err := n.do(ctx, call{op: OpGetMulti, keys: keys, items: items})
	return err
}

func (n faultyNode) Add(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	_, err := n.do(ctx, call{op: OpAdd, keys: []string{key}, value: value, ttl: ttl})
	return err
}

func (n faultyNode) CompareAndSwap(ctx context.Context, key string, cas uint64, value []byte, ttl time.Duration) error {
	_, err := n.do(ctx, call{op: OpCompareAndSwap, keys: []string{key}, cas: cas, value: value, ttl: ttl})
	return err
}

func (n faultyNode) CompareAndDelete(ctx context.Context, key string, cas uint64) error {
	_, err := n.do(ctx, call{op: OpCompareAndDelete, keys: []string{key}, cas: cas})
	return err
}

func (n faultyNode) Incr(ctx context.Context, key string, delta uint64) (uint64, error) {
	return n.do(ctx, call{op: OpIncr, keys: []string{key}, delta: delta})
}

func (n faultyNode) Touch(ctx context.Context, key string, ttl time.Duration) error {
	_, err := n.do(ctx, call{op: OpTouch, keys: []string{key}, ttl: ttl})
	return err
}

func (n faultyNode) Delete(ctx context.Context, keys ...string) error {
	_, err := n.do(ctx, call{op: OpDelete, keys: keys})
	return err
}

func (n faultyNode) Ping(ctx context.Context) error {
	_, err := n.do(ctx, call{op: OpPing})
	return err
}
