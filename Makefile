# What a contributor runs. `make` lists the targets; CI runs .ci/run, which
# calls these. Recipes are POSIX sh.

GO          ?= go
FUZZTIME    ?= 50000x
GOTESTFLAGS ?=
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.8.0

# Each module is judged by its own go.mod, as its users will see it, and never
# by a workspace that happens to lie around.
export GOWORK := off

# The SQLite of adapters/databases is Debian's, and not a quarter of a million lines of C
# that every build without a cache would compile, twice with the race detector.
export GOFLAGS := $(GOFLAGS) -tags=libsqlite3

# Folders with a go.mod, the root (.) first. A copy without git has find.
MODULES = $(shell \
	{ git ls-files --cached --others --exclude-standard 'go.mod' '*/go.mod' 2>/dev/null || \
	  find . -name go.mod; } | grep -v '/testdata/' | sed 's|^\./||; s|/*go\.mod$$||; s|^$$|.|' | sort -u)
NESTED  = $(filter-out .,$(MODULES))

# $(call each,FOLDERS,COMMAND) runs COMMAND in every folder, also after one where it
# failed: one run says all there is to say. To make, a comma in COMMAND would end it.
each = @failed=0; for module in $(1); do (set -e; cd "$$module"; $(2)); [ $$? -eq 0 ] || failed=1; done; exit $$failed

# Only the packages that have such a test are built for it.
ALLOCATIONS = packages=$$(grep -lsE '^func Test[A-Za-z]*Allocations' $$($(GO) list -f '{{$$d := .Dir}}{{range .TestGoFiles}}{{$$d}}/{{.}} {{end}}{{range .XTestGoFiles}}{{$$d}}/{{.}} {{end}}' ./...) /dev/null | xargs -r dirname | sort -u); \
	[ -z "$$packages" ] || $(GO) test -run Allocations $$packages

.PHONY: help
help: ## list the targets (the default)
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

.PHONY: test
test: tools ## every test of every module, with the race detector, a real memcached, PostgreSQL and Redis
	$(call each,$(MODULES),TIERMEMO_REQUIRE_MEMCACHED=1 TIERMEMO_REQUIRE_POSTGRES=1 TIERMEMO_REQUIRE_REDIS=1 $(GO) test -race -shuffle=on -timeout=5m $(GOTESTFLAGS) ./...)
	$(call each,$(MODULES),$(ALLOCATIONS)) # counted without the race detector, which allocates

# The race detector needs a C compiler, and so does SQLite. With TIERMEMO_REQUIRE_MEMCACHED a
# test that finds no memcached fails, and so with TIERMEMO_REQUIRE_POSTGRES and _REDIS; without
# them (plain `go test`) it skips. Debian has PostgreSQL's server beside
# PATH, and other programs of it also where there is none. SQLite has no command, but a header.
.PHONY: tools
tools:
	@command -v initdb >/dev/null || scripts/need '/usr/lib/postgresql/*/bin/initdb=postgresql'
	@scripts/need memcached redis-server /usr/include/sqlite3.h=libsqlite3-dev "$$($(GO) env CC | cut -d' ' -f1)=gcc,libc6-dev"

.PHONY: check
check: lint test ## lint, then test: what a change must pass

.PHONY: lint
lint: format vet staticcheck vulnerabilities ## everything that reads the code without running it

.PHONY: format
format:
	@files=$$(gofmt -l .) || exit 1; \
	if [ -n "$$files" ]; then echo "not formatted (gofmt -w fixes it):" $$files >&2; exit 1; fi

.PHONY: vet
vet: tools
	$(call each,$(MODULES),$(GO) vet ./...)
	GOARCH=386 CGO_ENABLED=0 $(GO) vet ./... # the core and its tests build for 32 bits; "go test" runs there, too

.PHONY: staticcheck
staticcheck: tools
	$(call each,$(MODULES),$(GO) run $(STATICCHECK) ./...)

# The one failure that passes is that the database could not be asked, since
# that says nothing about this code; the database's own refusals do not pass.
.PHONY: vulnerabilities
vulnerabilities: tools
	$(call each,$(MODULES),\
		if report=$$($(GO) run $(GOVULNCHECK) ./... 2>&1); then \
			:; \
		elif echo "$$report" | grep -q 'fetching vulnerabilities: Get "'; then \
			echo "NOT CHECKED for known vulnerabilities (module $$module): vuln.go.dev cannot be reached from here" >&2; \
		else \
			echo "$$report" >&2; exit 1; \
		fi)

.PHONY: modules
modules: tools ## build and vet each nested module by itself
	$(call each,$(NESTED),echo "module $$module"; $(GO) build -o /dev/null ./...; $(GO) vet ./...)

# A number of executions and not of seconds: where the time is up while a worker
# answers, go test says "context deadline exceeded", and fails.
#
# Without a limit go spends up to a minute on making each new input smaller, and
# executes nothing else meanwhile: a short run would fuzz for three seconds.
.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (50000x, or 30s)
	@grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | \
		sed -E 's|^(.*)/[^/]*:[0-9]+:func (.*)$$|\1 \2|' | sort | \
		while read -r folder target; do \
			echo "fuzz $$folder $$target"; \
			(cd "$$folder" && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x .) || exit 1; \
		done

.PHONY: bench
bench: ## compare with other caches: bench/RESULTS.md (25 minutes; RUN=regexp for some of it)
	$(MAKE) -C bench

# Two sizes of each curve are a part of `make test`. CURVES = -only tags: one of them;
# -most 100000: without the large ones; -draw: the plots again, and nothing measured.
CURVES ?=
.PHONY: curves
curves: tools ## how cost grows with goroutines, entries, tags, processes, bytes and keys (five minutes, 6 GB): docs/performance.md
	cd bench && $(GO) run ./scale $(CURVES)

# Two and a half seconds of a scenario of each kind are a part of `make test`.
LENGTH ?= 35s
NODES  ?= 1
.PHONY: prove
prove: tools ## a fleet of processes through every scenario (about 22 minutes, LENGTH=35s each; NODES=3: on so many memcached, 45): docs/proof.md
	cd prove && $(GO) run ./cmd/prove -length $(LENGTH) -nodes $(NODES)

.PHONY: soak
soak: LENGTH = 30m
soak: tools ## half an hour (LENGTH=30m) on three memcached, with all that can happen: nothing is stale, nothing grows: docs/proof.md
	cd prove && $(GO) run ./cmd/prove -soak -length $(LENGTH)

# One movement of it is a part of `make test`.
.PHONY: operations
operations: tools ## add, remove, replace, restart, flush and upgrade, on real servers under traffic (four minutes): docs/operations.md
	cd prove && $(GO) run ./cmd/operate

.PHONY: costs
costs: tools ## round trips of each operation, latency while memcached hangs, and keys that move (three minutes): docs/proof.md
	cd prove && $(GO) run ./cmd/prove -costs

.PHONY: scaling
scaling: tools ## what 1 to 64 processes cost one memcached, and three, by their own counters (5 minutes): docs/scaling.md
	cd prove && $(GO) run ./cmd/scaling -measure

.PHONY: sheet
sheet: ## the same, calculated for a thousand processes and fifty servers: docs/scaling.md
	cd prove && $(GO) run ./cmd/scaling -write

# That the table of rules fits the code is a part of `make test`.
RUNS ?= 10
.PHONY: mutate
mutate: ## take the rules of the protocol out, one by one: their tests must go red, RUNS=10 times (20 minutes): docs/proof.md
	cd prove && $(GO) run ./cmd/mutate -n $(RUNS)

.PHONY: leak
leak: ## 100,000 requests by wrk to echo v4 and v5, built with the race detector: nothing is left
	@scripts/need wrk "$$($(GO) env CC | cut -d' ' -f1)=gcc,libc6-dev"
	cd adapters/frameworks && $(GO) run -race ./leak

.PHONY: quickstart
quickstart: ## run the example that needs no server
	$(GO) run ./examples/quickstart
