package examples_test

// tags_test.go is the code of docs/invalidation.md about tags and trees.

import (
	"context"
	"sync"
	"testing"

	"github.com/tiermemo/tiermemo/memo"
)

func (s *shop) Film(ctx context.Context, id int) (Film, error) {
	return memo.Do(ctx, memo.Key("film", id), func(ctx context.Context) (Film, error) {
		film, err := s.film(ctx, id)
		memo.Amend(ctx, memo.Tags(memo.Key("director", film.Director)))
		return film, err
	}, memo.Tags("films"))
}

func (s *shop) RenameDirector(ctx context.Context, from, to string) error {
	if err := s.renameDirector(ctx, from, to); err != nil {
		return err
	}
	return told(memo.InvalidateTags(ctx, memo.Key("director", from)))
}

func (s *shop) ForgetUser(ctx context.Context, id int) error {
	return told(memo.InvalidateTree(ctx, memo.Key("user", id))) // user:7, user:7:orders, user:7:orders:2026; not user:70
}

type Film struct{ Director string }

// films is a table of two.
var films = struct {
	sync.Mutex
	directors [2]string
}{directors: [2]string{"Varda", "Demy"}}

func (s *shop) film(_ context.Context, id int) (Film, error) {
	films.Lock()
	defer films.Unlock()
	return Film{films.directors[id]}, nil
}

func (s *shop) renameDirector(_ context.Context, from, to string) error {
	films.Lock()
	defer films.Unlock()
	for i, name := range films.directors {
		if name == from {
			films.directors[i] = to
		}
	}
	return nil
}

func TestDirectorHasANewName(t *testing.T) {
	t.Parallel()
	cache, err := memo.New(memo.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close(context.Background())
	ctx := cache.With(t.Context())
	s := newShop(&table{names: map[int]string{7: "Ada"}})
	for _, want := range []string{"Varda", "Agnès Varda"} {
		if film, err := s.Film(ctx, 0); film.Director != want || err != nil {
			t.Errorf("the film is by %q, %v, want %s", film.Director, err, want)
		}
		if err := s.RenameDirector(ctx, "Varda", "Agnès Varda"); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.User(ctx, 7); err != nil {
		t.Error(err)
	}
	if err := s.ForgetUser(ctx, 7); err != nil {
		t.Error(err)
	}
	if _, err := s.User(ctx, 7); err != nil || s.db.queries != 2 {
		t.Errorf("%d queries, %v, want a second one", s.db.queries, err)
	}
}
