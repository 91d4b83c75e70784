package memo

import (
	"unsafe"

	"github.com/tiermemo/tiermemo/internal/scope"
	"github.com/tiermemo/tiermemo/memo/tier"
)

// Between L1 and all else: what a request keeps of an entry is the entry itself, which
// begins with the pair that is a scope.Item. So a slot of L1 is one word, and the first keys
// of a request have room in its own context: with key and value written there once more, a
// request with one call was 512 bytes in two allocations, and is 144 in one.

// An entry begins as an Item does, or this does not compile.
const (
	_ = -(unsafe.Offsetof(tier.Entry{}.Key) + unsafe.Offsetof(scope.Item{}.Key))
	_ = -(unsafe.Offsetof(tier.Entry{}.Value) - unsafe.Offsetof(scope.Item{}.Value))
)

var _ = scope.Item{Key: tier.Entry{}.Key, Value: tier.Entry{}.Value} // and the types are the same

// itemOf is what a request keeps of e, which is not nil.
func itemOf(e *tier.Entry) *scope.Item { return (*scope.Item)(unsafe.Pointer(e)) }

// entryOf returns the entry of which it is kept; nil: none. All Items of a Table of a
// Cache come from itemOf.
func entryOf(it *scope.Item) *tier.Entry { return (*tier.Entry)(unsafe.Pointer(it)) }
