package fleet

import (
	"errors"

	"github.com/tiermemo/tiermemo/prove/internal/chaos"
)

// Wires are the proxies of one process, by the name of the server behind them.
type Wires map[string]*chaos.Proxy

// stretch returns a wire to each server.
func stretch(servers []string) (Wires, error) {
	w := Wires{}
	for _, name := range servers {
		p, err := chaos.Listen(name)
		if err != nil {
			return nil, errors.Join(err, w.close())
		}
		w[name] = p
	}
	return w, nil
}

// Set replaces the faults of all of them.
func (w Wires) Set(f chaos.Faults) {
	for _, p := range w {
		p.Set(f)
	}
}

// Faults is how many there were on all of them.
func (w Wires) Faults() (n int) {
	for _, p := range w {
		n += p.Counts().Sum()
	}
	return n
}

// ResetAll resets all open connections.
func (w Wires) ResetAll() {
	for _, p := range w {
		p.ResetAll()
	}
}

// ways are the addresses to dial in place of the names.
func (w Wires) ways() map[string]string {
	ways := map[string]string{}
	for name, p := range w {
		ways[name] = p.Addr()
	}
	return ways
}

func (w Wires) close() (err error) {
	for _, p := range w {
		err = errors.Join(err, p.Close())
	}
	return err
}
