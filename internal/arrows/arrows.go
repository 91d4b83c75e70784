// Package arrows keeps the architecture: which package may import which, and the
// habits of the house that no compiler checks. It stands beside the call's path,
// not on it: only its own tests use it, and they read the whole repository.
//
// A rule is a function from a [Tree] to what it found, so that every rule is
// itself tested on small trees that break it. The files are opened and parsed
// here, and not asked of `go list`, because the test cache remembers which files
// a test has opened and not which a child process has: a cached answer would go
// on saying ok after somebody has drawn a wrong arrow.
package arrows

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// public in a row's ours stands for every package that a user can import.
const public = "public"

// A Row says what the files of one package, tests apart, may import. The
// standard library always.
type Row struct {
	Folder string   // "memo"; "bench/..." is bench and all below it
	Ours   []string // our packages, by folder, or public
	Theirs []string // modules of others; a nested module may use all that its go.mod requires
	Tests  bool     // the package is for tests, so it may import testing
	Why    string   // the reason for the limit
}

// Table is the architecture. Arrows run one way, from the adapters down to the
// leaves; the first row that fits a folder holds.
func Table() []Row {
	return []Row{
		{Folder: "internal/keys", Why: "a leaf: what a key is on the wire must not depend on who asks"},
		{Folder: "internal/wire", Why: "a leaf: it reads bytes that others wrote, and is fuzzed alone"},
		{Folder: "internal/clock", Why: "a leaf: time has no opinion on caches"},
		{Folder: "internal/stripe", Why: "a leaf: a way to share memory between processors"},
		{Folder: "internal/ended", Why: "a leaf: the one error of a caller who left, whichever package it waited in"},
		{Folder: "internal/loads", Why: "a leaf: it passes the word from the engine to a test, and knows neither"},
		{Folder: "internal/arrows", Why: "a judge that imports what it judges does not compile when it is needed"},
		{Folder: "internal/fortest", Why: "a leaf: what a missing server means for a test, whichever server"},
		{Folder: "internal/mcserver", Ours: []string{"internal/fortest"}, Why: "it starts a real memcached for the tests of anybody, so it can depend on nobody"},
		{Folder: "internal/pgserver", Ours: []string{"internal/fortest"}, Why: "the same for PostgreSQL"},
		{Folder: "internal/flight", Ours: []string{"internal/ended"}, Why: "one load per key is an idea of its own, without tiers"},

		{Folder: "internal/scope", Ours: []string{"internal/ended", "internal/keys"}, Why: "the memory of one request knows nothing of the tiers below it"},
		{Folder: "reqcache", Ours: []string{"internal/scope", "internal/keys", "internal/ended"}, Why: "it is usable alone, with no cache below, and must not link one"},

		{Folder: "memo/tier", Why: "interfaces only: whoever writes a tier must not link an engine"},
		{Folder: "memo/tier/tiertest", Ours: []string{"memo/tier"}, Tests: true,
			Why: "the conformance suite judges any tier by its interface; a suite that knew ours would be written for ours"},
		{Folder: "memo/codec", Why: "a leaf: values to bytes and back, whatever keeps the bytes"},
		{Folder: "memo/codec/cbor", Ours: []string{"memo/codec"}, Why: "a codec knows the interface it fills; its library is in a go.mod of its own, so that nobody else downloads it, " +
			"and it may be built with a newer release of this module, of which what is internal is no promise"},
		{Folder: "memo/lru", Ours: []string{"memo/tier", "internal/keys"},
			Why: "a tier knows the interface it fills and nothing of the engine above it, but for the form in which that asks for a key that it has not written"},
		{Folder: "memo/memcached", Ours: []string{"memo/tier"}, Theirs: []string{"github.com/bradfitz/gomemcache"},
			Why: "a tier knows the interface it fills and nothing of the engine above it"},
		{Folder: "internal/coherence", Ours: []string{"memo/tier", "internal/wire", "internal/keys"},
			Why: "the protocol is pure: no client, no clock and no engine, so that a test can play every interleaving"},
		{Folder: "internal/roster", Ours: []string{"internal/wire"}, Theirs: []string{"github.com/dgryski/go-rendezvous", "github.com/dchest/siphash"},
			Why: "pure as internal/coherence is, and for the same reason; the two modules are a hash and the choice by it"},
		{Folder: "memo", Ours: []string{
			"internal/scope", "internal/flight", "internal/coherence", "internal/roster", "internal/wire", "internal/keys", "internal/clock", "internal/stripe", "internal/ended", "internal/loads",
			"memo/tier", "memo/lru", "memo/codec"},
			Why: "memo alone composes the tiers. It takes its Shared from the caller, so a program without memcached links no client (not memo/memcached), " +
				"and it shares internal/scope with reqcache instead of living off reqcache's public API"},

		{Folder: "memotest", Ours: []string{"memo", "memo/codec", "memo/tier/tiertest", "internal/keys", "internal/loads"}, Tests: true,
			Why: "a cache for the tests of applications: the engine itself on a store in memory, with what a test wants to know of it"},

		{Folder: "middleware", Ours: []string{"memo"}, Why: "the start and the end of a request, for any framework: it imports none"},
		{Folder: "adapters/nethttp", Ours: []string{"middleware", "memo"}, Why: "an adapter translates; what it would do more belongs to middleware"},
		{Folder: "adapters/echo", Ours: []string{"middleware", "memo"}, Theirs: []string{"github.com/labstack/echo/v4"},
			Why: "an adapter translates; of the frameworks the core module knows this one"},
		{Folder: "adapters/frameworks/leak", Ours: []string{public, "internal/census"},
			Why: "two services as users write them, and the census of what they leave"},
		{Folder: "adapters/sqltx", Ours: []string{"memo"}, Why: "a transaction has no request; and no driver, so that nobody downloads one for it"},
		{Folder: "adapters/...", Ours: []string{"middleware", "memo"},
			Why: "an adapter translates, and what it needs of others it requires in a go.mod of its own, so that nobody else downloads it"},

		{Folder: "internal/census", Ours: []string{"memo", "reqcache"}, Why: "it counts what anybody's requests leave, through the API that users have"},
		{Folder: "internal/adaptertest", Ours: []string{"memo", "memo/lru", "reqcache", "internal/census"}, Tests: true,
			Why: "what every adapter has to do cannot know any of them"},
		{Folder: "prove/internal/chaos", Why: "a leaf: bytes between two sockets, whatever they mean"},
		{Folder: "prove/...", Ours: []string{"memo", "memo/lru", "memo/memcached", "memo/tier", "internal/mcserver"},
			Why: "real processes on a real memcached, and only through the API that users have"},
		{Folder: "internal/rollout/...", Ours: []string{public, "internal/rollout", "internal/rollout/program/shop", "internal/rollout/program/shop/catalog"},
			Why: "two releases of one program, and only through the API that users have"},
		{Folder: "internal/features", Why: "tests only: what each feature of the packages that people come from is here, in a real fleet and through the API that users have"},
		{Folder: "examples/quickstart", Ours: []string{public, "internal/mcserver"}, Why: "an example shows what a user can do"},
		{Folder: "examples/...", Ours: []string{public}, Why: "an example shows what a user can do"},
		{Folder: "bench/...", Ours: []string{public, "internal/mcserver", "internal/fortest"}, Tests: true,
			Why: "peers are compared through the API that users have; it measures with testing.Benchmark, and in a go.mod of its own"},
	}
}

// Imports finds the arrows that the table does not have. Test files may import
// any package of ours (the compiler refuses cycles) and the modules that their
// go.mod requires.
func Imports(t *Tree, table []Row) (found []string) {
	known := map[string]bool{}
	for _, f := range t.Go {
		m := t.module(f.Path)
		row, ok := rowOf(table, f.folder())
		if !ok && !known[f.folder()] {
			known[f.folder()] = true
			found = append(found, fmt.Sprintf("%s: this package is not in the table of internal/arrows: add a row that says what it may import, with the reason", f.folder()))
		}
		if !ok && !f.Test {
			continue
		}
		for _, i := range f.imports() {
			ours, isOurs := t.ours(i.path)
			switch {
			case isStd(i.path), isOurs && (f.Test || m.holds(ours)):
			case isOurs && !row.allows(ours):
				found = append(found, fmt.Sprintf("%s imports %s, but of ours it may import only %s: %s", f.at(i.pos), ours, list(row.Ours), row.Why))
			case isOurs:
			case f.Test || m.nested():
				if !within(i.path, m.requires) {
					found = append(found, fmt.Sprintf("%s imports %s, which the go.mod of its module does not require", f.at(i.pos), i.path))
				}
			case !within(i.path, row.Theirs):
				found = append(found, fmt.Sprintf("%s imports %s, but of others it may import only %s: %s", f.at(i.pos), i.path, list(row.Theirs), row.Why))
			}
		}
	}
	return found
}

// Testing finds the import of testing in code that is linked into programs.
func Testing(t *Tree, table []Row) (found []string) {
	for _, f := range t.Go {
		if row, _ := rowOf(table, f.folder()); f.Test || row.Tests {
			continue
		}
		for _, i := range f.imports() {
			if i.path == "testing" || strings.HasPrefix(i.path, "testing/") {
				found = append(found, fmt.Sprintf("%s imports %s outside a test: every program that uses the package would link it", f.at(i.pos), i.path))
			}
		}
	}
	return found
}

// Rows finds the rows of the table that describe no package: what they forbid is
// forbidden to nobody.
func Rows(t *Tree, table []Row) (found []string) {
	for _, row := range table {
		if !slices.ContainsFunc(t.Go, func(f *File) bool { return row.fits(f.folder()) }) {
			found = append(found, fmt.Sprintf("%s: the table of internal/arrows has a row for it, and it holds no Go file", row.Folder))
		}
	}
	return found
}

func rowOf(table []Row, folder string) (Row, bool) {
	i := slices.IndexFunc(table, func(r Row) bool { return r.fits(folder) })
	if i < 0 {
		return Row{}, false
	}
	return table[i], true
}

func (r Row) fits(folder string) bool {
	if top, ok := strings.CutSuffix(r.Folder, "/..."); ok {
		return within(folder, []string{top})
	}
	return folder == r.Folder
}

func (r Row) allows(ours string) bool {
	if slices.Contains(r.Ours, ours) {
		return true
	}
	return slices.Contains(r.Ours, public) && isPublic(ours)
}

// isPublic reports whether a user can import what is in a folder.
func isPublic(folder string) bool {
	return !slices.Contains(strings.Split(folder, "/"), "internal") && !within(folder, []string{"bench", "examples"})
}

// within reports whether p is one of the folders or modules, or below one.
func within(p string, tops []string) bool {
	return slices.ContainsFunc(tops, func(top string) bool {
		return p == top || strings.HasPrefix(p, top+"/")
	})
}

// isStd: only a path that starts with a domain comes from elsewhere.
func isStd(p string) bool {
	domain, _, _ := strings.Cut(p, "/")
	return !strings.Contains(domain, ".")
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

func (f *File) folder() string { return path.Dir(f.Path) }
