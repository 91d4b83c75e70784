package main

// story.go is the story, a method for each of its numbers. It stands where the
// users of the service stand: it sends requests to the two instances (client.go).
// What is said to be seen comes from the answers and the counters (report.go).

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// patience is for what has to happen some time.
const patience = 5 * time.Second

type story struct {
	*fleet
	*client
	*report
	shared *sharedTier
}

// tell ends at the first line that does not happen, with an error that names it.
func (s *story) tell(ctx context.Context) error {
	s.title(s.shared)
	chapters := []func(context.Context) error{s.oneRequest, s.nextRequest, s.otherInstance, s.dogPile, s.write, s.outage}
	for i, chapter := range chapters {
		s.begin(i + 1)
		err := chapter(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("stopped at line %d: %w", i+1, context.Cause(ctx))
		}
		if err != nil {
			return fmt.Errorf("line %d did not happen: %w", i+1, err)
		}
	}
	s.end()
	return nil
}

func (s *story) oneRequest(ctx context.Context) error {
	before := s.mark()
	if err := s.readReviews(ctx, s.a, ordinary); err != nil {
		return err
	}
	return s.say("A: one request needs book 1 100 times", s.since(before),
		"1 query    A: loader 1, L1 99", before.age())
}

func (s *story) nextRequest(ctx context.Context) error {
	before := s.mark()
	if _, err := s.book(ctx, s.a, ordinary); err != nil {
		return err
	}
	return s.say("A: another request for book 1", s.since(before),
		"0 queries  A: L2 1", before.age())
}

func (s *story) otherInstance(ctx context.Context) error {
	before := s.mark()
	if _, err := s.book(ctx, s.b, ordinary); err != nil {
		return err
	}
	return s.say("B: a first request for book 1", s.since(before),
		"0 queries  B: L3 1", before.age())
}

// dogPile is what happens to a popular page when its entry ends.
func (s *story) dogPile(ctx context.Context) error {
	const crowd = 1000
	before := s.mark()
	var asking sync.WaitGroup
	errs := make([]error, crowd)
	for n := range crowd {
		to := s.a
		if n%2 == 1 {
			to = s.b
		}
		asking.Go(func() { _, errs[n] = s.book(ctx, to, slow) })
	}
	asking.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return s.say(fmt.Sprintf("A+B: 1,000 requests for book 2, %d at once", atOnce), s.sinceTogether(before),
		"1 query    loader 1, joined or cached 999", before.age())
}

func (s *story) write(ctx context.Context) error {
	const price = 1000
	before := s.mark()
	if err := s.setPrice(ctx, s.a, ordinary, price); err != nil {
		return err
	}
	written := time.Now()
	if err := s.say("A: a new price for book 1", s.since(before),
		"0 queries  A: invalidated 1", before.age()); err != nil {
		return err
	}

	before = s.mark()
	book, err := s.book(ctx, s.a, ordinary)
	if err != nil {
		return err
	}
	if err := s.say("A: the next request", s.since(before)+", "+newOrOld(book, price),
		"1 query    A: loader 1, new price", before.age()); err != nil {
		return err
	}

	// B asks its L2, and hears of the write when it next reads the log: as a rule
	// within a poll interval, 100 ms.
	heard, err := s.askUntil(ctx, s.b, func(b Book) bool { return b.Price == price })
	if err != nil {
		return err
	}
	seen := s.since(heard.before) + ", " + newOrOld(heard.book, price)
	if heard.lastOther.Sub(written) > staleBound {
		seen += ", after StaleBound"
	}
	return s.say("B: asked until it shows that price", seen,
		"0 queries  B: L3 1, new price", time.Since(written))
}

// outage is the write again, while the shared tier does not answer.
func (s *story) outage(ctx context.Context) error {
	if s.shared.hang == nil {
		s.skip("L3 hangs: left out, as this memcached is not ours to stop")
		return nil
	}
	const price = 1100
	if err := s.shared.hang(); err != nil {
		return err
	}
	// Also if the story ends here, with Ctrl-C say: to stop a fleet whose shared
	// tier hangs takes as long as its time-outs.
	defer func() { _ = s.shared.goOn() }()
	before := s.mark()
	if err := s.setPrice(ctx, s.a, ordinary, price); err != nil {
		return err
	}
	if err := s.say("L3 hangs. A: another price for book 1", s.since(before),
		"0 queries  A: ErrDeferred 1", before.age()); err != nil {
		return err
	}

	// A goes on alone. Nobody can tell B of the write, so B trusts its L2 for as
	// long as StaleBound, and then loads, too.
	before = s.mark()
	book, err := s.book(ctx, s.a, ordinary)
	if err != nil {
		return err
	}
	if err := s.say("A: the next request", s.since(before)+", "+newOrOld(book, price),
		"1 query    A: loader 1, new price", before.age()); err != nil {
		return err
	}
	before = s.mark()
	if book, err = s.book(ctx, s.b, ordinary); err != nil {
		return err
	}
	if err := s.say("B: has not heard, for at most StaleBound", s.since(before)+", "+newOrOld(book, price),
		"0 queries  B: L2 1, old price", before.age()); err != nil {
		return err
	}

	if err := s.shared.goOn(); err != nil {
		return err
	}
	resumed := time.Now()
	heard, err := s.askUntil(ctx, s.b, func(b Book) bool { return b.Price == price && s.a.pending() == 0 })
	if err != nil {
		return err
	}
	return s.say("L3 is back. B: asked until it shows it",
		fmt.Sprintf("A: queued %d  B: %s", s.a.pending(), newOrOld(heard.book, price)),
		"A: queued 0  B: new price", time.Since(resumed))
}
