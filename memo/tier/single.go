package tier

import "io"

// single is the Shared of one Node: every key has the same place.
type single struct{ node Node }

func (s single) Nodes() []Node     { return []Node{s.node} }
func (s single) Place(string) Node { return s.node }

// Close implements io.Closer.
func (s single) Close() error {
	if c, ok := s.node.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
