package features_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/tiermemo/tiermemo/memo"
)

// A relation of many to many, as a table of its own has it: cacheme's signals are about
// such tables.

// thing is one end of a link.
type thing struct {
	kind string
	id   int
}

func (e thing) tag() string { return memo.Key("links", e.kind, e.id) }

// linkTable is the table. What writes it returns the tags of the lists that change.
type linkTable struct{ rows map[[2]thing]bool }

func newLinks() *linkTable { return &linkTable{map[[2]thing]bool{}} }

// of is the query for one end: the other ends, and the tag of a list of links of it.
func (l *linkTable) of(ctx context.Context, kind string, id int) string {
	end := thing{kind, id}
	memo.Amend(ctx, memo.Tags(end.tag()))
	return fmt.Sprint(l.others(end))
}

func (l *linkTable) others(end thing) (ids []int) {
	ids = []int{}
	for row := range l.rows {
		switch end {
		case row[0]:
			ids = append(ids, row[1].id)
		case row[1]:
			ids = append(ids, row[0].id)
		}
	}
	slices.Sort(ids)
	return ids
}

func (l *linkTable) add(kind string, id int, other string, otherID int) (tags []string) {
	row := [2]thing{{kind, id}, {other, otherID}}
	l.rows[row] = true
	return []string{row[0].tag(), row[1].tag()}
}

func (l *linkTable) remove(kind string, id int, other string, otherID int) (tags []string) {
	for _, row := range [][2]thing{{{kind, id}, {other, otherID}}, {{other, otherID}, {kind, id}}} {
		if l.rows[row] {
			delete(l.rows, row)
			tags = append(tags, row[0].tag(), row[1].tag())
		}
	}
	return tags
}

// clear removes all links of one end, whether it is emptied or deleted. Who deletes rows
// has to know which they were: DELETE ... RETURNING says it.
func (l *linkTable) clear(kind string, id int) (tags []string) {
	end := thing{kind, id}
	for row := range l.rows {
		if row[0] == end || row[1] == end {
			delete(l.rows, row)
			tags = append(tags, row[0].tag(), row[1].tag())
		}
	}
	return tags
}
