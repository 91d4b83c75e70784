package linear

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
)

// history.go is what happened, by a clock that counts.

// A History is what goroutines did to the rows. It may be used concurrently.
//
// Its clock is a number that everybody counts up, and no time: two readings never
// are equal, and what has returned has a smaller number than what begins after it.
type History struct {
	ticks atomic.Int64

	mu    sync.Mutex
	looks []porcupine.Operation   // everybody's
	done  [][]porcupine.Operation // by process: the rest
}

// NewHistory returns the History of so many processes.
func NewHistory(processes int) *History {
	return &History{done: make([][]porcupine.Operation, processes)}
}

// Tick is the time.
func (h *History) Tick() int64 { return h.ticks.Add(1) }

// look is the look-up of a row, and its value.
func (h *History) look(client, row int) int64 {
	t := h.Tick()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.looks = append(h.looks, porcupine.Operation{ClientId: client, Input: step{row: row, kind: looked, tick: t}, Call: t, Return: t})
	return t
}

// add notes what process did from the tick begin until now.
func (h *History) add(process, client int, begin int64, s ...step) {
	end := h.Tick()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range s {
		s.until = end
		h.done[process] = append(h.done[process], porcupine.Operation{ClientId: client, Input: s, Call: begin, Return: end})
	}
}

// Of returns the operations of one process, and the look-ups of all: what one of
// them has looked up another one may read.
func (h *History) Of(process int) []porcupine.Operation {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append(append([]porcupine.Operation(nil), h.looks...), h.done[process]...)
}

// Check looks for an order that m allows. It gives up after limit.
func Check(m porcupine.Model, history []porcupine.Operation, limit time.Duration) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(m, history, limit)
}

// Draw writes a page to path that shows how far an order could be found, and what
// did not fit. It is for histories that are none.
func Draw(m porcupine.Model, history []porcupine.Operation, path string, limit time.Duration) error {
	_, info := porcupine.CheckOperationsVerbose(m, history, limit)
	return porcupine.VisualizePath(m, info, path)
}
