package tier

import "io"

// single is the Shared of one Node, which every process has: nothing is to be agreed on.
type single struct{ node Node }

func (s single) Nodes() []Node { return []Node{s.node} }
func (s single) Fixed() bool   { return true }

// Close implements io.Closer.
func (s single) Close() error {
	if c, ok := s.node.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
