package memo

import (
	"reflect"
	"sync/atomic"

	"github.com/tiermemo/tiermemo/memo/codec"
)

// What the way to L3 and back needs to know of a value's type. The hit path does
// not ask.

// typeInfo is what a cache knows about a Go type, found out at its first use.
type typeInfo struct {
	lossy       error  // why values of it stay out of the shared tier
	fingerprint uint64 // its shape, for readers of another release
	decode      func(data []byte) (any, error)
	took        atomic.Int64 // the last load, in nanoseconds
}

// typeOf returns the typeInfo of t. Programs have few types: the map grows with
// the code, not with the traffic.
func (c *Cache) typeOf(t reflect.Type) *typeInfo {
	if info, ok := c.types.Load(t); ok {
		return info.(*typeInfo)
	}
	cd := c.cfg.Codec
	info := &typeInfo{}
	if c.domain != nil {
		info.lossy = codec.Check(cd, t)
		info.fingerprint = codec.Fingerprint(cd, t)
		info.decode = func(data []byte) (any, error) {
			p := reflect.New(t)
			if err := cd.Unmarshal(data, p.Interface()); err != nil {
				return nil, err
			}
			return p.Elem().Interface(), nil
		}
	}
	kept, loaded := c.types.LoadOrStore(t, info)
	if !loaded && info.lossy != nil {
		c.cfg.Logger.Warn("memo: values of a type stay out of the shared tier, which would lose a part of them",
			"cache", c.cfg.Name, "type", t.String(), "reason", info.lossy)
	}
	return kept.(*typeInfo)
}
