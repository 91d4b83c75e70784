// Package mutation takes the rules of the protocol out of the code, one at a time,
// and looks which tests go red. A rule that can be taken out without anybody
// noticing is a rule that the next change will take out.
//
// It stands beside everything else: it reads the files of this repository, and asks
// the go command to build and run them. All is the list of rules, over the files
// named by what they are about; run.go does the work, report.go says what it was.
package mutation

import (
	"bytes"
	"fmt"
	"slices"
)

// A Mutation is one rule that is taken out.
type Mutation struct {
	Name     string   // what is done to the code, in a few words
	Rule     string   // what nobody sees to then, in one sentence
	File     string   // from the folder of the repository, with slashes
	Old, New string   // of File; Old stands there once
	Package  string   // the folder of the tests
	Tests    []string // by name; each of them has to be red, whenever it is run
}

// All returns every Mutation, in the order of a read, of an invalidation, and of
// what other processes hear of it.
func All() []Mutation {
	return slices.Concat(loads(), flights(), parts(), invalidations(), nodes(), readings(), tags(), old(), soft(), outages(), scopes())
}

// apply returns text with the rule taken out. That Old is not there, or not once,
// is an error: the code has moved on, and the Mutation has to follow it.
func (m Mutation) apply(text []byte) ([]byte, error) {
	if m.Old == m.New {
		return nil, fmt.Errorf("it changes nothing: Old and New are the same")
	}
	if n := bytes.Count(text, []byte(m.Old)); n != 1 {
		return nil, fmt.Errorf("its Old stands %d times in %s, want once: say there what the code says now", n, m.File)
	}
	return bytes.Replace(text, []byte(m.Old), []byte(m.New), 1), nil
}
