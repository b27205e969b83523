# The commands of the README. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# stages stop at the first failure and print in order, whatever -j says
.NOTPARALLEL:

LISTEN ?= 127.0.0.1:8080
DATA ?= .data
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
SKIPPED_LOG := $(TARGET)/skipped.log
export SKIPPED_LOG
STARTED := $(shell date +%s)
stage = @echo; echo "==> $(1)  [$$(( $$(date +%s) - $(STARTED) )) s]"

.PHONY: help run test check bench fmt clippy edges deny build client unit toolchain test-toolchain

help: ## this list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

# The development profile: our crates unoptimised, their dependencies at level 1 (Cargo.toml). It builds in a few
# minutes where a release build with LTO takes a quarter of an hour, shares its artefacts with `make test`, and
# hashes and encrypts fast enough to try everything. Measure with `make bench`, ship with --profile dist.
run: toolchain ## set up, build, and serve a demo project on LISTEN (127.0.0.1:8080); data stays in DATA (.data)
	$(call stage,building everlog (the first time takes a few minutes))
	@cargo build --locked --bin everlog
	$(call stage,serving on $(LISTEN) with data in $(DATA); stop with Ctrl-C)
	@exec "$(TARGET)/debug/everlog" dev --data "$(DATA)" --listen "$(LISTEN)"

test: test-toolchain fmt deny clippy build client unit ## set up and pass every check
	@echo; \
	if [ -s "$(SKIPPED_LOG)" ]; then \
		echo "==> what ran passed, in $$(( $$(date +%s) - $(STARTED) )) s; not everything ran:"; sed 's/^/    /' "$(SKIPPED_LOG)"; \
	else \
		echo "==> every check passed, in $$(( $$(date +%s) - $(STARTED) )) s"; \
	fi

check: test-toolchain fmt edges clippy ## the fast part of test: format, edges between crates, clippy

bench: toolchain ## measure against this disk, these sockets and PostgreSQL; prints one table of ratios
	$(call stage,building everlog and its load generator with optimisation (several minutes))
	@benches/set-up
	@cargo build --profile dist --locked -p everlog -p everlog-bench
	@"$(TARGET)/dist/everlog-bench" $(ARGS)

fmt: ## is everything formatted as rustfmt would?
	$(call stage,rustfmt)
	@cargo fmt --all --check

clippy: ## warnings are errors, in every target of every crate
	$(call stage,clippy)
	@cargo clippy --workspace --all-targets --locked -- -D warnings

edges: ## who may depend on whom
	$(call stage,edges between crates)
	@.ci/deny edges

deny: ## edges, licences, sources, known vulnerabilities
	$(call stage,cargo-deny)
	@.ci/deny all

build: ## everything that the tests run
	$(call stage,building the tests)
	@cargo test --workspace --locked --no-run

# its tests talk to a real server
client: build ## the TypeScript client's own tests
	$(call stage,TypeScript client)
	@if [ ! -f sdks/typescript/package.json ]; then \
		echo "SKIPPED TypeScript client: there is no sdks/typescript/package.json" | tee -a "$(SKIPPED_LOG)"; \
	else \
		cd sdks/typescript && npm ci --no-audit --no-fund && EVERLOG_BIN="$(TARGET)/debug/everlog" npm test; \
	fi

# last, so that its closing lines are the last thing to read; one failing crate does not hide the next
unit: ## all tests of all crates
	$(call stage,cargo test)
	@cargo test --workspace --locked --no-fail-fast

toolchain:
	@.ci/toolchain build

test-toolchain:
	@mkdir -p "$(TARGET)" && rm -f "$(SKIPPED_LOG)"
	@.ci/toolchain test
