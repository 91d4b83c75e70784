package tiertest

// Held counts the items a Memory keeps, expired ones included.
func Held(m *Memory) int {
	held := 0
	for _, n := range m.nodes {
		n.mu.Lock()
		held += len(n.items)
		n.mu.Unlock()
	}
	return held
}
