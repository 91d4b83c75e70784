package tiertest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tiermemo/tiermemo/memo/tier/tiertest"
)

// contract_test.go reads package tier: each sentence of its contract has a rule
// in the suites, and each rule quotes a sentence that is there.

// unruled are the sentences that no rule can be made of, and why.
var unruled = map[string]string{
	"Package tier says what a process tier (Local, L2) and a shared tier (Shared, L3) must do, and nothing about how.": "what the package is",
	"For memcached a Node is a server; for Redis it is a primary.":                                                     "an example",
	"Backend authors implement Node and return Single(n), or a list of their own; package tiertest checks the result.": "advice",
	"The engine calls it once, before use.":                                                                            "what the engine does",
	"len(items) == len(keys).":                                                                                         "what the engine does",
	"A Node around another one that does not wait for it to return gives it a ctx of its own, made of this one: what this one lends to memo/memcached is lent to somebody else then.": "cannot be seen from outside: what a Node is lent, and for how long it writes there",
	"It must not delay calls to other Nodes.":                                         "cannot be seen without a server that hangs; TestShared says so",
	"A Shared is a tier shared between processes: the Nodes that this process knows.": "what it is",
	"Which of them holds a key is not its business.":                                  "what the engine does",
	"The engine places keys by the Names alone, and because an invalidation has to find its key while one process knows of a new Node and another does not, the engines agree with each other, through the Nodes, on when a Node is used.": "what the engine does",
	"A Node may be an io.Closer.": "leave to do so",
	"The engine closes it when it is a member no longer and nobody needs it any more; until then it is called, and has to work, for keys that it holds may have to be invalidated.": "cannot be seen without a change of the list",
	"A Shared may be an io.Closer too.":                                                    "leave to do so",
	"There may be none, while names are not resolved yet: the engine then goes without.":   "leave to do so",
	"It asks several times a second, and under no lock: Nodes does no I/O.":                "what the engine does, and what cannot be seen from outside",
	"Engines then need not agree on them, and do not.":                                     "what the engine does",
	"Where two processes differ all the same, they read old values of each other.":         "what comes of it",
	"Its methods are called under locks of the engine: they do no I/O, and call no cache.": "what the engine does; a Local that does otherwise hangs",
	"Who keeps the key keeps e: its bytes may lie there.":                                  "a cost of memory, which a Local may pay",
	"Single makes a Shared of one Node, which is Fixed.":                                   "tier's own, and tested there",
	"It passes Close on to a Node that is an io.Closer.":                                   "tier's own, and tested there",
	"IsAnswer reports whether err, returned by a method of a Node, is an answer of the server (nil and the four errors above, wrapped or not) and not a failure to reach it.": "tier's own, and tested there",
}

// contract returns the sentences of tier.go: the comments of its declarations,
// and the remarks on their lines with the name in front. The fields of an Entry
// are the engine's.
func contract(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../tier.go", nil, parser.ParseComments)
	ok(t, err)
	all := map[string]bool{}
	end := regexp.MustCompile(`\.\s`)
	add := func(doc *ast.CommentGroup) {
		text := strings.Join(strings.Fields(doc.Text()), " ") + " "
		for text != " " {
			at := end.FindStringIndex(text)
			if at == nil {
				t.Fatalf("a comment of tier.go does not end with a period: %s", text)
			}
			all[text[:at[0]+1]] = true
			text = text[at[1]:]
			if text == "" {
				return
			}
		}
	}
	remark := func(names []*ast.Ident, comment *ast.CommentGroup) {
		if comment != nil {
			all[names[0].Name+": "+strings.TrimSpace(comment.Text())] = true
		}
	}
	add(file.Doc)
	for _, decl := range file.Decls {
		if fn, is := decl.(*ast.FuncDecl); is {
			add(fn.Doc)
			continue
		}
		d := decl.(*ast.GenDecl)
		if d.Tok == token.IMPORT {
			continue
		}
		add(d.Doc)
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				remark(s.Names, s.Comment)
			case *ast.TypeSpec:
				switch typ := s.Type.(type) {
				case *ast.StructType:
					for _, f := range typ.Fields.List {
						if s.Name.Name != "Entry" {
							remark(f.Names, f.Comment)
						}
					}
				case *ast.InterfaceType:
					for _, m := range typ.Methods.List {
						if m.Doc != nil {
							add(m.Doc)
						}
					}
				}
			}
		}
	}
	return all
}

func TestEachSentenceOfTheContractHasARule(t *testing.T) {
	t.Parallel()
	has := map[string]bool{}
	for _, rule := range tiertest.SharedRules() {
		for _, sentence := range rule.Says() {
			has[sentence] = true
		}
	}
	for _, rule := range tiertest.LocalRules() {
		for _, sentence := range rule.Says() {
			has[sentence] = true
		}
	}
	sentences := contract(t)
	if len(sentences) < 40 {
		t.Errorf("package tier has only %d sentences: %q", len(sentences), slices.Sorted(maps.Keys(sentences)))
	}
	for sentence := range sentences {
		if !has[sentence] && unruled[sentence] == "" {
			t.Errorf("package tier says, and no rule of the suites does: %s", sentence)
		}
	}
	for sentence := range has {
		if !sentences[sentence] {
			t.Errorf("a rule quotes what package tier does not say: %s", sentence)
		}
	}
	for sentence := range unruled {
		if !sentences[sentence] || has[sentence] {
			t.Errorf("this sentence is gone, or has a rule: %s", sentence)
		}
	}
}
