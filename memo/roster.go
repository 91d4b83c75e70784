package memo

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tiermemo/tiermemo/internal/coherence"
	"github.com/tiermemo/tiermemo/internal/roster"
	"github.com/tiermemo/tiermemo/internal/wire"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Beside the poller: what the processes say to each other, by way of each Node, about
// which Nodes there are. What it means is decided in internal/roster.

// listTTL is how long a list counts as in use after the last process that has it was
// heard of. A process renews it several times in that.
const listTTL = 10 * time.Second

// mostTodos bounds what is done at a Node in one poll.
const mostTodos = 8

// attend does at the Node what there is to do about its roster, after a poll that began
// at began and asked for act. Only the poller calls it.
func (d *domain) attend(ctx context.Context, began int64, act coherence.Action) error {
	m, name := &d.cache.members, d.node.Name()
	if m.roster == nil {
		return nil
	}
	m.hear(func(r *roster.Roster, now int64) {
		if act.Purge || slices.ContainsFunc(act.Drop, func(r wire.Record) bool { return r.About == wire.Members }) {
			r.Changed(now, name)
		}
		if act.Complete {
			r.Polled(began, name)
		}
	})
	for range mostTodos {
		var todo roster.Todo
		m.hear(func(r *roster.Roster, now int64) { todo = r.Todo(now, name) })
		var err error
		switch {
		case todo.Read:
			err = d.readRoster(ctx)
			switch {
			case errors.Is(err, wire.ErrVersion), errors.Is(err, errOrder):
				if !d.foreign {
					d.cache.log.foreign(name, err)
				}
				d.foreign = true
				return nil
			case err == nil:
				d.foreign = false
			}
		case todo.Swap:
			err = d.swapRoster(ctx, todo)
		default:
			if todo.Full {
				d.cache.log.tooMany(name)
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// errOrder says that others go by other settings.
var errOrder = errors.New("memo: other processes have another Config.PlacementKey")

// readRoster renews the lease of this process's list, and reads what the others say.
//
// What a later release says must not be written over; what processes with another
// Config.PlacementKey say neither, while one of them lives. Nobody here knows who is in
// use then: this process reads from no Node, and tells all that it has.
func (d *domain) readRoster(ctx context.Context) error {
	m, name, began := &d.cache.members, d.node.Name(), d.cache.clock.Exact()
	var own []string
	var order uint64
	m.hear(func(r *roster.Roster, _ int64) { own, order = r.List(), r.Order() })
	if err := d.renewList(ctx, d.space.List(order, own)); err != nil {
		return err
	}
	items := make([]tier.Item, 1)
	if err := d.readTimed(ctx, []string{d.space.Roster()}, items); err != nil {
		return err
	}
	var said wire.Roster
	switch err := wire.ParseRoster(items[0].Value, &said); {
	case errors.Is(err, wire.ErrVersion):
		m.hear(func(r *roster.Roster, now int64) { r.Unreadable(now, began, name) })
		return err
	case err != nil:
		said = wire.Roster{Order: order} // absent, or damaged: it is written anew
	}
	alive := make([]bool, len(said.Lists))
	if len(alive) > 0 {
		names, leases := make([]string, len(alive)), make([]tier.Item, len(alive))
		for i, list := range said.Lists {
			names[i] = d.space.List(said.Order, list)
		}
		if err := d.readTimed(ctx, names, leases); err != nil {
			return err
		}
		for i := range leases {
			alive[i] = leases[i].Found()
		}
	}
	if said.Order != order {
		m.hear(func(r *roster.Roster, now int64) { r.Unreadable(now, began, name) })
		if slices.Contains(alive, true) {
			return errOrder
		}
		said, alive = wire.Roster{Gen: said.Gen}, nil // they have gone: all begins anew
	}
	m.hear(func(r *roster.Roster, now int64) { r.Saw(now, began, name, said, items[0].CAS, alive) })
	return nil
}

func (d *domain) renewList(ctx context.Context, lease string) error {
	ttl := max(listTTL, 4*d.cache.cfg.PollInterval)
	err := d.timed(ctx, "touch", func(ctx context.Context) error { return d.node.Touch(ctx, lease, ttl) })
	if !isNotFound(err) {
		return err
	}
	return unlessRaced(d.timed(ctx, "add", func(ctx context.Context) error { return d.node.Add(ctx, lease, []byte{1}, ttl) }))
}

// swapRoster carries out what todo asks for, in its order. The record is written also
// where another process was faster: without it the number would be a hole.
func (d *domain) swapRoster(ctx context.Context, todo roster.Todo) error {
	if todo.Rotate {
		if err := d.beginAnew(ctx); err != nil {
			return err
		}
	}
	number, err := d.draw(ctx, 1)
	if err != nil {
		return err
	}
	if next := todo.Next(number); next.Fits() {
		err = unlessRaced(d.putTimed(ctx, d.space.Roster(), tier.Item{CAS: todo.CAS}, wire.AppendRoster(nil, &next)))
	}
	if told := d.record(ctx, wire.Members, []uint64{number}, [][]string{nil}); err == nil {
		err = told
	}
	d.settled([]uint64{number})
	d.cache.members.hear(func(r *roster.Roster, now int64) { r.Changed(now, d.node.Name()) })
	return err
}
