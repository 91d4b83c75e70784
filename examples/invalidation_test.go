package examples_test

// invalidation_test.go is the code of docs/invalidation.md: what one writes where one
// writes.

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/tiermemo/tiermemo/memo"
	"github.com/tiermemo/tiermemo/memotest"
)

var _ = transfer // it needs a database: that it compiles is what is tested

func transfer(ctx context.Context, db *sql.DB, from, to, cents int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := book(ctx, tx, from, to, cents); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return told(memo.Invalidate(ctx, memo.Key("account", from), memo.Key("account", to)))
}

// told drops what is no error to the user: the write is committed, and the other processes hear of it later.
func told(err error) error {
	if errors.Is(err, memo.ErrDeferred) {
		return nil
	}
	return err
}

func (s *shop) RenameOwner(ctx context.Context, id int, name string) error {
	if err := s.db.rename(ctx, id, name); err != nil {
		return err
	}
	return told(memo.Invalidate(ctx, memo.Key("user", id), memo.Key("basket", id))) // a basket is made of its user
}

func (s *shop) RenameAndKeep(ctx context.Context, id int, name string) error {
	row, err := s.renameReturning(ctx, id, name) // UPDATE … RETURNING: as committed
	if err != nil {
		return err
	}
	return told(memo.Set(ctx, memo.Key("user", id), row))
}

func onMessage(ctx context.Context, cache *memo.Cache, id int) error {
	return told(cache.Invalidate(ctx, memo.Key("user", id))) // no request, and no cache in ctx
}

func afterImport(ctx context.Context, cache *memo.Cache) error {
	return told(cache.InvalidateAll(ctx))
}

// relay runs after a start, and every few seconds.
func relay(ctx context.Context, cache *memo.Cache, box *outbox) error {
	for _, row := range box.rows(ctx) {
		if err := cache.Invalidate(ctx, row.keys...); err != nil {
			return err // ErrDeferred too: the row stays, until memcached has heard of it
		}
		box.remove(ctx, row)
	}
	return nil
}

// book is the transfer's SQL.
func book(ctx context.Context, tx *sql.Tx, from, to, cents int) error {
	_, err := tx.ExecContext(ctx, "UPDATE …", from, to, cents)
	return err
}

func (s *shop) renameReturning(ctx context.Context, id int, name string) (User, error) {
	return User{name}, s.db.rename(ctx, id, name)
}

// outbox is a table of the database that is written in the transaction of each
// write.
type outbox struct{ kept []*notice }

type notice struct{ keys []string }

func (b *outbox) rows(context.Context) []*notice { return b.kept }

func (b *outbox) remove(_ context.Context, n *notice) {
	var rest []*notice
	for _, other := range b.kept {
		if other != n {
			rest = append(rest, other)
		}
	}
	b.kept = rest
}

func TestInvalidationPage(t *testing.T) {
	t.Parallel()
	cache := memotest.New(t)
	ctx := cache.With(t.Context())
	s := newShop(newTable())
	owner := func(want string) {
		t.Helper()
		if b, err := s.Basket(ctx, 7); b.Owner.Name != want || err != nil {
			t.Errorf("the basket is %s's, %v; want %s's", b.Owner.Name, err, want)
		}
	}

	owner("Ada")
	if err := s.RenameOwner(ctx, 7, "Grace"); err != nil {
		t.Fatal(err)
	}
	owner("Grace")

	if err := s.RenameAndKeep(ctx, 7, "Edsger"); err != nil {
		t.Fatal(err)
	}
	if u, known := s.KnownUser(ctx, 7); !known || u.Name != "Edsger" {
		t.Errorf("after Set the cache has %+v, %t", u, known)
	}
	owner("Grace") // made of the user, and not named

	if err := onMessage(t.Context(), cache.Cache, 7); err != nil {
		t.Fatal(err)
	}
	if _, known := s.KnownUser(ctx, 7); known {
		t.Error("after the message the user is still known")
	}
	if err := afterImport(t.Context(), cache.Cache); err != nil {
		t.Fatal(err)
	}
	owner("Edsger")
}

func TestInvalidationPagesOutbox(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache := memotest.New(t)
		box := &outbox{kept: []*notice{{[]string{"a"}}, {[]string{"b", "c"}}}}
		cache.Server.Stop()
		if err := relay(t.Context(), cache.Cache, box); !errors.Is(err, memo.ErrDeferred) || len(box.kept) != 2 {
			t.Errorf("without memcached: %v, and %d rows", err, len(box.kept))
		}
		cache.Server.Start()
		cache.CatchUp()
		if err := relay(t.Context(), cache.Cache, box); err != nil || len(box.kept) != 0 {
			t.Errorf("with memcached: %v, and %d rows", err, len(box.kept))
		}
	})
}

func TestToldKeepsOtherErrors(t *testing.T) {
	t.Parallel()
	if err := told(memo.Invalidate(context.Background(), "k")); !errors.Is(err, memo.ErrNoCache) {
		t.Errorf("a forgotten invalidation is %v", err)
	}
}
