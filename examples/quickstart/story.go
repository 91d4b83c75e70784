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

const (
	staleBound = 3 * time.Second // how old an answer of B may be
	patience   = 5 * time.Second // with what is to happen some time
)

type story struct {
	*fleet
	*client
	*report
	shared *sharedTier
}

// tell returns an error for each line that did not happen.
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
			return errors.Join(s.failed(), fmt.Errorf("line %d: %w", i+1, err))
		}
	}
	return s.end()
}

func (s *story) oneRequest(ctx context.Context) error {
	before := s.mark()
	if err := s.readReviews(ctx, s.a, ordinary); err != nil {
		return err
	}
	s.say("A: one request needs book 1 100 times", s.since(before),
		"1 query    A: loader 1, L1 99", before.age())
	return nil
}

func (s *story) nextRequest(ctx context.Context) error {
	before := s.mark()
	if _, err := s.book(ctx, s.a, ordinary); err != nil {
		return err
	}
	s.say("A: another request for book 1", s.since(before),
		"0 queries  A: L2 1", before.age())
	return nil
}

func (s *story) otherInstance(ctx context.Context) error {
	before := s.mark()
	if _, err := s.book(ctx, s.b, ordinary); err != nil {
		return err
	}
	s.say("B: a first request for book 1", s.since(before),
		"0 queries  B: L3 1", before.age())
	return nil
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
	s.say("A+B: 1,000 clients want book 2 at once", s.sinceTogether(before),
		"1 query    loader 1, joined or cached 999", before.age())
	return nil
}

func (s *story) write(ctx context.Context) error {
	const price = 1000
	before := s.mark()
	if err := s.setPrice(ctx, s.a, ordinary, price); err != nil {
		return err
	}
	written := time.Now()
	s.say("A: a new price for book 1", s.since(before),
		"0 queries  A: invalidated 1", before.age())

	before = s.mark()
	book, err := s.book(ctx, s.a, ordinary)
	if err != nil {
		return err
	}
	s.say("A: the next request", s.since(before)+", "+newOrOld(book, price),
		"1 query    A: loader 1, new price", before.age())

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
	s.say("B: asked until it shows that price", seen,
		"0 queries  B: L3 1, new price", time.Since(written))
	return nil
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
	before := s.mark()
	if err := s.setPrice(ctx, s.a, ordinary, price); err != nil {
		return err
	}
	s.say("L3 hangs. A: another price for book 1", s.since(before),
		"0 queries  A: ErrDeferred 1", before.age())

	// A loads, alone. B may answer from its L2 for as long as StaleBound: until L3
	// is back, nobody can tell it of the write.
	before = s.mark()
	book, err := s.book(ctx, s.a, ordinary)
	if err != nil {
		return err
	}
	seen := s.since(before) + ", " + newOrOld(book, price)
	if _, err := s.book(ctx, s.b, ordinary); err != nil {
		return err
	}
	s.say("A, B: a request to each", seen+fmt.Sprintf("  B: %d answer", s.mark().b.Calls-before.b.Calls),
		"1 query    A: loader 1, new price  B: 1 answer", before.age())

	if err := s.shared.goOn(); err != nil {
		return err
	}
	resumed := time.Now()
	heard, err := s.askUntil(ctx, s.b, func(b Book) bool { return b.Price == price && s.a.pending() == 0 })
	if err != nil {
		return err
	}
	s.say("L3 is back. B: asked until it shows it",
		fmt.Sprintf("A: queued %d  B: %s", s.a.pending(), newOrOld(heard.book, price)),
		"A: queued 0  B: new price", time.Since(resumed))
	return nil
}
