package codec_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/tiermemo/tiermemo/memo/codec"
)

// order is a type in its first release; the functions below declare the next
// ones under the same name.
type order struct {
	ID    int
	Items []item
	Next  *order
}

type item struct {
	SKU  string `json:"sku"`
	When time.Time
}

func renamed() reflect.Type {
	type order struct {
		Number int
		Items  []item
		Next   *order
	}
	return reflect.TypeFor[order]()
}

func retyped() reflect.Type {
	type order struct {
		ID    int64
		Items []item
		Next  *order
	}
	return reflect.TypeFor[order]()
}

func reordered() reflect.Type {
	type order struct {
		Items []item
		ID    int
		Next  *order
	}
	return reflect.TypeFor[order]()
}

func retagged() reflect.Type {
	type order struct {
		ID    int `json:"id"`
		Items []item
		Next  *order
	}
	return reflect.TypeFor[order]()
}

func changedBelow() reflect.Type {
	type item struct {
		SKU  string `json:"SKU"`
		When time.Time
	}
	type order struct {
		ID    int
		Items []item
		Next  *order
	}
	return reflect.TypeFor[order]()
}

func grown() reflect.Type {
	type order struct {
		ID    int
		Items []item
		Next  *order
		Note  string
	}
	return reflect.TypeFor[order]()
}

func unlinked() reflect.Type {
	type order struct {
		ID    int
		Items []item
		Next  *item
	}
	return reflect.TypeFor[order]()
}

func same() reflect.Type {
	type order struct {
		ID    int
		Items []item
		Next  *order
	}
	return reflect.TypeFor[order]()
}

type twin struct {
	ID    int
	Items []item
	Next  *twin
}

type otherName struct{ codec.JSON }

func (otherName) Name() string { return "other" }

func TestTheFingerprintOfATypeIsTheCommittedOne(t *testing.T) {
	t.Parallel()
	for want, typ := range map[uint64]reflect.Type{
		0x84f0df9eeff8bf00: reflect.TypeFor[item](),
		0x95610cba14327306: reflect.TypeFor[map[string][3]*int](),
		0xcf56435ab04bf524: reflect.TypeFor[onlyWrites](),
		0xc84b0f3b3871e0b3: reflect.TypeFor[node](),
	} {
		if got := codec.Fingerprint(codec.JSON{}, typ); got != want {
			t.Errorf("%v: %#x, and was %#x: the last release's entries would all be misses", typ, got, want)
		}
	}
}

func TestTheSameShapeUnderTheSameNameAgrees(t *testing.T) {
	t.Parallel()
	want := codec.Fingerprint(codec.JSON{}, reflect.TypeFor[order]())
	for range 3 {
		if got := codec.Fingerprint(codec.JSON{}, same()); got != want {
			t.Errorf("%#x, then %#x", want, got)
		}
	}
}

func TestADifferentShapeDiffers(t *testing.T) {
	t.Parallel()
	seen := make(map[uint64]string)
	add := func(what string, c codec.Codec, typ reflect.Type) {
		t.Helper()
		got := codec.Fingerprint(c, typ)
		if before, ok := seen[got]; ok {
			t.Errorf("%s and %s agree", before, what)
		}
		seen[got] = what
	}
	add("order", codec.JSON{}, reflect.TypeFor[order]())
	add("order under another codec", otherName{}, reflect.TypeFor[order]())
	add("a field renamed", codec.JSON{}, renamed())
	add("a field retyped", codec.JSON{}, retyped())
	add("fields reordered", codec.JSON{}, reordered())
	add("a tag added", codec.JSON{}, retagged())
	add("a tag changed below", codec.JSON{}, changedBelow())
	add("a field added", codec.JSON{}, grown())
	add("another recursion", codec.JSON{}, unlinked())
	add("a twin of another name", codec.JSON{}, reflect.TypeFor[twin]())
	add("no type", codec.JSON{}, nil)
	for _, typ := range []reflect.Type{
		reflect.TypeFor[*order](), reflect.TypeFor[**order](), reflect.TypeFor[[]order](), reflect.TypeFor[[1]order](), reflect.TypeFor[[2]order](), reflect.TypeFor[map[int]order](), reflect.TypeFor[map[ID]order](),
		reflect.TypeFor[map[int]ID](),
		reflect.TypeFor[int](), reflect.TypeFor[ID](), reflect.TypeFor[int64](), reflect.TypeFor[string](), reflect.TypeFor[colour](), reflect.TypeFor[name](),
		reflect.TypeFor[any](), reflect.TypeFor[error](), reflect.TypeFor[func()](), reflect.TypeFor[func(int)](), reflect.TypeFor[chan int](),
		reflect.TypeFor[Base](), reflect.TypeFor[base](), reflect.TypeFor[Deep](), reflect.TypeFor[struct{ Base Base }](), reflect.TypeFor[struct{ Base }](),
		reflect.TypeFor[Box[int]](), reflect.TypeFor[Box[ID]](), reflect.TypeFor[struct{ AB int }](), reflect.TypeFor[struct{ A, B int }](),
		reflect.TypeFor[onlyWrites](), reflect.TypeFor[onlyReads](), reflect.TypeFor[node](), reflect.TypeFor[tree](), reflect.TypeFor[Ring](),
		reflect.TypeFor[struct{ A, B order }](), reflect.TypeFor[struct{ A, B *order }](),
	} {
		add(typ.String(), codec.JSON{}, typ)
	}
}
