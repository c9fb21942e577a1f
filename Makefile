# Chores of Forebay. `make` lists them. The work is done by xtask/setup.sh (packages) and by
# `cargo run -p xtask` (the rest), so that each also works alone.
.DEFAULT_GOAL := help
.PHONY: help setup build demo test check docs bench fuzz

export PATH := $(HOME)/.cargo/bin:$(PATH)
XTASK := cargo run --quiet --locked --package xtask --

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: ## install the Debian or Ubuntu packages that are missing (root or sudo)
	@xtask/setup.sh all

build: ## build the release binary, target/release/forebay
	@xtask/setup.sh build
	@$(XTASK) build

demo: ## build, start a real retrieval stack, break it, explain it (TINY=1: a tiny model)
	@start=$$(date +%s); xtask/setup.sh demo && $(XTASK) demo $(if $(TINY),--tiny); code=$$?; \
	s=$$(( $$(date +%s) - start )); echo "from make to the end: $$((s / 60)) min $$((s % 60)) s"; exit $$code

test: ## run every test: format, lints, licences, unit, kernel (root or sudo), demo stack, docs
	@xtask/setup.sh all
	@$(XTASK) test

check: ## check the layout rules only: who depends on whom, tables, file sizes
	@$(XTASK) check

docs: ## write the generated documents of docs/ anew
	@xtask/setup.sh build
	@$(XTASK) docs

bench: ## measure truth and cost (docs/benchmarks.md); WORDS="..." goes to the runner
	@xtask/setup.sh all
	@$(XTASK) bench $(WORDS)

fuzz: ## run the property tests with 50,000 random cases each; WORDS="postgresql" chooses among them, WORDS="target decode" runs a fuzzer of fuzz/ (nightly)
	@$(XTASK) fuzz $(WORDS)
