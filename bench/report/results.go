// Package report keeps what was measured, in RESULTS.json, and tells it in RESULTS.md.
package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/tiermemo/tiermemo/bench/lab"
)

// File is RESULTS.json: the figure of every round, so that a table can be made anew, and
// an event be measured anew without the others.
type File struct {
	Machine Machine `json:"machine"`
	Took    string  `json:"took,omitempty"` // by all events together, if they were measured in one run
	Events  []Event `json:"events"`
}

// Event is a lab.Event that was measured.
type Event struct {
	Group      string         `json:"group"`
	Name       string         `json:"name"`
	Columns    []string       `json:"columns"`
	When       string         `json:"when"`
	Command    string         `json:"command"`
	Contenders []lab.Measured `json:"contenders"`
}

// Load reads a File. That there is none is no error.
func Load(path string) (f File, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	return f, err
}

// Save writes a line for each contender, so that a diff can be read.
func (f File) Save(path string) error {
	text, err := f.text()
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

func (f File) text() ([]byte, error) {
	out, err := json.Marshal(f.Machine)
	if err != nil {
		return nil, err
	}
	out = append([]byte("{\n\"machine\": "), out...)
	if f.Took != "" {
		out = fmt.Appendf(out, ",\n\"took\": %q", f.Took)
	}
	out = append(out, ",\n\"events\": ["...)
	for i, e := range f.Events {
		if i > 0 {
			out = append(out, ',')
		}
		head := e
		head.Contenders = nil
		line, err := json.Marshal(head)
		if err != nil {
			return nil, err
		}
		line = line[:len(line)-len("null}")]
		out = append(append(append(out, '\n'), line...), '[')
		for j, c := range e.Contenders {
			if j > 0 {
				out = append(out, ',')
			}
			line, err := json.Marshal(c)
			if err != nil {
				return nil, err
			}
			out = append(append(out, "\n "...), line...)
		}
		out = append(out, "]}"...)
	}
	return append(out, "\n]\n}\n"...), nil
}

// Put replaces the event of that group and name, or adds it.
func (f *File) Put(e Event) {
	same := func(old Event) bool { return old.Group == e.Group && old.Name == e.Name }
	if i := slices.IndexFunc(f.Events, same); i >= 0 {
		f.Events[i] = e
		return
	}
	f.Events = append(f.Events, e)
}

// Sort puts the events in the order of all, and drops those that are not there any more.
func (f *File) Sort(all []lab.Event) {
	var sorted []Event
	for _, e := range all {
		i := slices.IndexFunc(f.Events, func(old Event) bool { return old.Group == e.Group && old.Name == e.Name })
		if i >= 0 {
			sorted = append(sorted, f.Events[i])
		}
	}
	f.Events = sorted
}

// Find returns the contender of an event; nil if it was not measured.
func (f File) Find(event, who string) *lab.Measured {
	for i := range f.Events {
		if f.Events[i].Name == event {
			return f.Events[i].find(who)
		}
	}
	return nil
}

func (e Event) find(who string) *lab.Measured {
	for i := range e.Contenders {
		if e.Contenders[i].Name == who {
			return &e.Contenders[i]
		}
	}
	return nil
}

// against is whom of ours c is compared with; nil for one of ours.
func (e Event) against(c lab.Measured) *lab.Measured {
	ours := e.Contenders[0].Name
	if c.Against != "" {
		ours = c.Against
	}
	if c.Name == ours || Ours(c.Name) {
		return nil
	}
	return e.find(ours)
}
