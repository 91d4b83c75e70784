package scope

import (
	"hash/maphash"

	"github.com/tiermemo/tiermemo/internal/index"
)

// many is where the keys of a Table lie when there are more than eight. Its seed is its own and
// random: keys chosen by somebody outside cannot make it slow.
type many struct {
	seed  maphash.Seed
	index index.Map[any]
}

// moved returns a few whose many has what f holds.
func (f *few) moved() *few {
	m := &many{seed: maphash.MakeSeed()}
	for s := range f.live {
		m.put(s.key, s.value)
	}
	return &few{many: m}
}

func (m *many) get(key string) any {
	if it := m.index.Get(m.hash(key), key); it != nil {
		return it.Value
	}
	return nil
}

func (m *many) put(key string, v any) {
	m.index.Put(&index.Item[any]{Hash: m.hash(key), Key: key, Value: v})
}

func (m *many) remove(key string) { m.index.Delete(m.hash(key), key) }

func (m *many) hash(key string) uint32 { return uint32(maphash.String(m.seed, key)) }
