package wire_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/tiermemo/tiermemo/internal/wire"
)

func TestARosterOutOfItsLimitsIsRefused(t *testing.T) {
	t.Parallel()
	names := func(n int) (list []string) {
		for i := range n {
			list = append(list, fmt.Sprintf("%05d", i))
		}
		return list
	}
	for what, r := range map[string]wire.Roster{
		"too many names":    {Lists: [][]string{names(wire.MaxNodes), {"a"}}},
		"too many lists":    {Lists: make([][]string, wire.MaxLists+1)},
		"too many marks":    {Left: make([]wire.Left, wire.MaxLeft+1)},
		"names in no order": {Lists: [][]string{{"b", "a"}}},
		"a name twice":      {Members: []wire.Member{{Name: "a"}, {Name: "a"}}},
	} {
		var got wire.Roster
		if err := wire.ParseRoster(wire.AppendRoster(nil, &r), &got); !errors.Is(err, wire.ErrDamaged) || r.Fits() {
			t.Errorf("%s: %v, fits %t", what, err, r.Fits())
		}
	}
	r := wire.Roster{Lists: [][]string{names(wire.MaxNodes)}}
	if err := wire.ParseRoster(wire.AppendRoster(nil, &r), new(wire.Roster)); err != nil || !r.Fits() {
		t.Errorf("the most names: %v", err)
	}
}
